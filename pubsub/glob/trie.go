package glob

import (
	"slices"
	"strings"
	"unsafe"
)

// A node of the trie is a place in the patterns that begin with the parts on the way to it. Nodes never change once
// an index was published: Set and Delete copy those on the way from the root to what they change.
type node[V any] struct {
	id     uint64 // no two nodes of one trie have the same
	kind   kind
	run    string // of a literal
	set    *set   // of a class
	keys   string // the first bytes of kids' runs, ascending
	kids   []*node[V]
	wild   *wild[V]
	leaves []leaf[V] // the patterns that end here, one for each spelling

	// straight: no pattern ends here, and there is one way on.
	straight bool
	// stays: once its bytes were taken, either a pattern ends here or another byte may lead on.
	stays bool
}

// wild are the ways on from a node but literals.
type wild[V any] struct {
	star, any1 *node[V]
	classes    []*node[V] // ascending
}

// A leaf is a pattern and its value.
type leaf[V any] struct {
	pattern string
	value   V
}

// exits counts the ways on that take bytes. Stars are followed by no star, so this is all of theirs.
func (n *node[V]) exits() int {
	exits := len(n.kids)
	if n.wild != nil {
		exits += len(n.wild.classes)
		if n.wild.any1 != nil {
			exits++
		}
	}
	return exits
}

func (n *node[V]) star() *node[V] {
	if n.wild == nil {
		return nil
	}
	return n.wild.star
}

// settle computes what depends on the ways on.
func (n *node[V]) settle() {
	exits := n.exits()
	n.stays = exits > 0 || len(n.leaves) > 0
	if n.star() != nil {
		exits++
	}
	n.straight = exits == 1 && len(n.leaves) == 0
}

func (n *node[V]) empty() bool { return !n.stays && n.star() == nil }

// bytes is about what the node takes of the heap.
func (n *node[V]) bytes() int {
	b := int(unsafe.Sizeof(*n)) + len(n.run) + len(n.keys) + cap(n.kids)*int(unsafe.Sizeof(n)) +
		cap(n.leaves)*int(unsafe.Sizeof(leaf[V]{}))
	if n.kind == class {
		b += int(unsafe.Sizeof(*n.set))
	}
	if n.wild != nil {
		b += int(unsafe.Sizeof(*n.wild)) + cap(n.wild.classes)*int(unsafe.Sizeof(n))
	}
	for i := range n.leaves {
		b += len(n.leaves[i].pattern)
	}
	return b
}

// child finds the way on that the part takes; of a literal only the first byte counts.
func (n *node[V]) child(p part) *node[V] {
	switch p.kind {
	case literal:
		if i := strings.IndexByte(n.keys, p.run[0]); i >= 0 {
			return n.kids[i]
		}
	case star:
		return n.star()
	case any1:
		if n.wild != nil {
			return n.wild.any1
		}
	case class:
		if n.wild != nil {
			if i, ok := n.wild.search(p.set); ok {
				return n.wild.classes[i]
			}
		}
	}
	return nil
}

func (w *wild[V]) search(s *set) (int, bool) {
	return slices.BinarySearchFunc(w.classes, s, func(n *node[V], s *set) int { return n.set.compare(s) })
}

// find returns the node where the parts end, or nil.
func (n *node[V]) find(parts []part) *node[V] {
	for len(parts) > 0 && n != nil {
		p := parts[0]
		if n = n.child(p); n == nil {
			return nil
		}
		if rest, ok := strings.CutPrefix(p.run, n.run); !ok {
			return nil
		} else if rest == "" {
			parts = parts[1:]
		} else {
			n = n.findName(rest)
			parts = parts[1:]
		}
	}
	return n
}

// findName returns the node that literals alone lead to, or nil.
func (n *node[V]) findName(name string) *node[V] {
	for name != "" {
		i := strings.IndexByte(n.keys, name[0])
		if i < 0 {
			return nil
		}
		n = n.kids[i]
		if len(name) < len(n.run) || name[:len(n.run)] != n.run {
			return nil
		}
		name = name[len(n.run):]
	}
	return n
}

// leafOf returns where the pattern is among the leaves, or -1.
func (n *node[V]) leafOf(pattern string) int {
	return slices.IndexFunc(n.leaves, func(l leaf[V]) bool { return l.pattern == pattern })
}

// each calls yield with every leaf below the node and its own. It has no recursion: patterns may be very long.
func (n *node[V]) each(yield func(string, V) bool) bool {
	for todo := []*node[V]{n}; len(todo) > 0; {
		n := todo[len(todo)-1]
		todo = append(todo[:len(todo)-1], n.kids...)
		if n.wild != nil {
			todo = append(todo, n.wild.classes...)
			for _, kid := range []*node[V]{n.wild.star, n.wild.any1} {
				if kid != nil {
					todo = append(todo, kid)
				}
			}
		}
		for _, l := range n.leaves {
			if !yield(l.pattern, l.value) {
				return false
			}
		}
	}
	return true
}
