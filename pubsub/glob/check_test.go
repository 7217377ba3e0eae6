package glob

import (
	"iter"
	"slices"
)

// fataler is a *testing.T or a *rapid.T.
type fataler interface{ Fatalf(string, ...any) }

func keys(m model) iter.Seq[string] {
	return func(yield func(string) bool) {
		for p := range m {
			if !yield(p) {
				return
			}
		}
	}
}

// check fails if the index is not built as it should be, or is larger than it may.
func check[V any](t fataler, x *Index[V]) {
	s := x.current.Load()
	if s == nil {
		return
	}
	nodes, bytes, leaves := 0, 0, 0
	ids := map[uint64]bool{}
	for _, root := range []*node[V]{s.exact, s.globs} {
		for todo := []*node[V]{root}; len(todo) > 0; {
			n := todo[0]
			todo = todo[1:]
			nodes++
			bytes += n.bytes()
			leaves += len(n.leaves)
			if ids[n.id] {
				t.Fatalf("two nodes are %d", n.id)
			}
			ids[n.id] = true
			if n != root && n.empty() {
				t.Fatalf("a node leads nowhere: %+v", n)
			}
			if n != root && n.kind == literal && n.straight && len(n.kids) == 1 {
				t.Fatalf("two literals are not joined: %q %q", n.run, n.kids[0].run)
			}
			was := *n
			if was.settle(); was.straight != n.straight || was.stays != n.stays {
				t.Fatalf("a node is not settled: %+v", n)
			}
			first := ""
			for _, kid := range n.kids {
				first += kid.run[:1]
			}
			if n.keys != first || !slices.IsSorted([]byte(n.keys)) {
				t.Fatalf("keys %q, kids %q", n.keys, first)
			}
			todo = append(todo, n.kids...)
			if w := n.wild; w != nil {
				if w.star == nil && w.any1 == nil && len(w.classes) == 0 {
					t.Fatalf("an empty wild")
				}
				if !slices.IsSortedFunc(w.classes, func(a, b *node[V]) int { return a.set.compare(b.set) }) {
					t.Fatalf("classes are not sorted")
				}
				todo = append(todo, w.classes...)
				for _, kid := range []*node[V]{w.star, w.any1} {
					if kid != nil {
						todo = append(todo, kid)
					}
				}
			}
			for _, l := range n.leaves {
				if parts := compile(l.pattern); *s.trie(parts) != root || root.find(parts) != n {
					t.Fatalf("%q is not where it belongs", l.pattern)
				}
			}
		}
	}
	st := x.Stats()
	if leaves != s.patterns || nodes != s.nodes || bytes != s.bytes || st.Patterns != leaves || st.Nodes != nodes {
		t.Fatalf("%d patterns, %d nodes, %d bytes; counted %d, %d, %d", leaves, nodes, bytes, s.patterns, s.nodes, s.bytes)
	}
	seen := 0
	for range x.All() {
		seen++
	}
	if seen != leaves {
		t.Fatalf("All has %d patterns of %d", seen, leaves)
	}
	o := x.options
	if st.States > o.MaxStates || st.StateBytes > o.MaxStateBytes || st.Cached > o.MaxCached ||
		st.CachedBytes > o.MaxCachedBytes {
		t.Fatalf("bounds %+v, but %+v", o, st)
	}
}
