package glob

import (
	"slices"
	"strings"
)

// An editor changes tries by copying the nodes on the way to the change; the trie before it stays as it was. It has
// one user at a time.
type editor[V any] struct {
	lastID uint64
	nodes  int // of all tries, without what was replaced
	bytes  int
}

// fresh numbers a node that is about to become part of a trie.
func (e *editor[V]) fresh(n *node[V]) *node[V] {
	e.lastID++
	n.id = e.lastID
	n.settle()
	e.nodes++
	e.bytes += n.bytes()
	return n
}

// retire is told of a node that is no longer part of a trie, and returns a copy that may be changed.
func (e *editor[V]) retire(n *node[V]) *node[V] {
	e.nodes--
	e.bytes -= n.bytes()
	c := *n
	return &c
}

// set adds a leaf at the end of the parts, or replaces its value.
func (e *editor[V]) set(root *node[V], parts []part, l leaf[V]) (newRoot *node[V], old V, replaced bool) {
	var way []*node[V]
	n, bottom := root, (*node[V])(nil)
	for bottom == nil {
		if len(parts) == 0 {
			c := e.retire(n)
			if i := c.leafOf(l.pattern); i >= 0 {
				old, replaced = c.leaves[i].value, true
				c.leaves = slices.Clone(c.leaves)
				c.leaves[i].value = l.value
			} else {
				c.leaves = inserted(c.leaves, len(c.leaves), l)
			}
			bottom = e.fresh(c)
			break
		}
		kid := n.child(parts[0])
		if kid == nil {
			bottom = e.fresh(e.retire(n).with(e.chain(parts, l)))
			break
		}
		way = append(way, n)
		if common := commonPrefix(kid.run, parts[0].run); common < len(kid.run) {
			bottom = e.fresh(e.fork(kid, common, parts, l))
			break
		} else if common < len(parts[0].run) {
			parts = slices.Clone(parts)
			parts[0].run = parts[0].run[common:]
		} else {
			parts = parts[1:]
		}
		n = kid
	}
	return e.climb(way, bottom), old, replaced
}

// fork cuts a literal node in two where the parts go on differently, or end.
func (e *editor[V]) fork(n *node[V], at int, parts []part, l leaf[V]) *node[V] {
	top := &node[V]{kind: literal, run: strings.Clone(n.run[:at])} // clones, so that a short run keeps no long one
	below := e.retire(n)
	below.run = strings.Clone(n.run[at:])
	top = top.with(e.fresh(below))
	if at < len(parts[0].run) {
		parts = slices.Clone(parts)
		parts[0].run = parts[0].run[at:]
		return top.with(e.chain(parts, l))
	}
	if parts = parts[1:]; len(parts) > 0 {
		return top.with(e.chain(parts, l))
	}
	top.leaves = []leaf[V]{l}
	return top
}

// chain makes nodes of parts that nothing else begins with.
func (e *editor[V]) chain(parts []part, l leaf[V]) (top *node[V]) {
	for i, p := range slices.Backward(parts) {
		n := &node[V]{kind: p.kind, run: strings.Clone(p.run), set: p.set}
		if i == len(parts)-1 {
			n.leaves = []leaf[V]{l}
		} else {
			n = n.with(top)
		}
		top = e.fresh(n)
	}
	return top
}

// climb replaces, on the way from the root, each node by a copy that leads to the new node below.
func (e *editor[V]) climb(way []*node[V], below *node[V]) *node[V] {
	for _, n := range slices.Backward(way) {
		below = e.fresh(e.retire(n).with(below))
	}
	return below
}

// remove takes out the leaf of a pattern, and all nodes that lead to no other. The root stays.
func (e *editor[V]) remove(root *node[V], parts []part, pattern string) (newRoot *node[V], old V, removed bool) {
	way := []*node[V]{root}
	n := root
	for len(parts) > 0 {
		if n = n.child(parts[0]); n == nil {
			return root, old, false
		}
		rest, ok := strings.CutPrefix(parts[0].run, n.run)
		if !ok {
			return root, old, false
		}
		if rest != "" {
			parts = slices.Clone(parts)
			parts[0].run = rest
		} else {
			parts = parts[1:]
		}
		way = append(way, n)
	}
	i := n.leafOf(pattern)
	if i < 0 {
		return root, old, false
	}
	old = n.leaves[i].value
	bottom := e.retire(n)
	bottom.leaves = deleted(bottom.leaves, i)
	bottom.settle()
	way = way[:len(way)-1]
	for bottom.empty() && len(way) > 0 {
		gone := bottom
		bottom = e.retire(way[len(way)-1]).without(gone)
		bottom.settle()
		way = way[:len(way)-1]
	}
	if len(way) > 0 {
		bottom = e.join(bottom)
	}
	return e.climb(way, e.fresh(bottom)), old, true
}

// join makes one node of a literal and the only way on from it, if that is a literal too.
func (e *editor[V]) join(n *node[V]) *node[V] {
	if n.kind != literal || !n.straight || len(n.kids) != 1 {
		return n
	}
	joined := e.retire(n.kids[0])
	joined.run = n.run + joined.run
	return joined
}

// with sets the way on to a node; n must not be published yet, but what it refers to may be.
func (n *node[V]) with(kid *node[V]) *node[V] {
	if kid.kind == literal {
		i := strings.IndexByte(n.keys, kid.run[0])
		if i >= 0 {
			n.kids = slices.Clone(n.kids)
			n.kids[i] = kid
			return n
		}
		for i = 0; i < len(n.keys) && n.keys[i] < kid.run[0]; {
			i++
		}
		n.keys = string(slices.Insert([]byte(n.keys), i, kid.run[0]))
		n.kids = inserted(n.kids, i, kid)
		return n
	}
	w := new(wild[V])
	if n.wild != nil {
		*w = *n.wild
	}
	n.wild = w
	switch kid.kind {
	case star:
		w.star = kid
	case any1:
		w.any1 = kid
	case class:
		if i, ok := w.search(kid.set); ok {
			w.classes = slices.Clone(w.classes)
			w.classes[i] = kid
		} else {
			w.classes = inserted(w.classes, i, kid)
		}
	}
	return n
}

// without takes away the way on to a node; n must not be published yet.
func (n *node[V]) without(kid *node[V]) *node[V] {
	if kid.kind == literal {
		i := strings.IndexByte(n.keys, kid.run[0])
		n.keys = n.keys[:i] + n.keys[i+1:]
		n.kids = deleted(n.kids, i)
		return n
	}
	w := *n.wild
	switch kid.kind {
	case star:
		w.star = nil
	case any1:
		w.any1 = nil
	case class:
		i, _ := w.search(kid.set)
		w.classes = deleted(w.classes, i)
	}
	n.wild = &w
	if w.star == nil && w.any1 == nil && len(w.classes) == 0 {
		n.wild = nil
	}
	return n
}

// inserted returns an exact copy with one more, and deleted one with one less.
func inserted[T any](s []T, i int, v T) []T {
	c := make([]T, len(s)+1)
	copy(c, s[:i])
	c[i] = v
	copy(c[i+1:], s[i:])
	return c
}

func deleted[T any](s []T, i int) []T {
	if len(s) == 1 {
		return nil
	}
	c := make([]T, len(s)-1)
	copy(c, s[:i])
	copy(c[i:], s[i+1:])
	return c
}

func commonPrefix(a, b string) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
