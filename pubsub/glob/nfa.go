package glob

import "strings"

// A machine matches one name with all patterns of a trie at once, as a nondeterministic automaton: it keeps the set of
// places in the trie that the bytes so far may have led to. A byte costs as much as there are places from which it may
// lead on, so a name costs its length times those.
//
// A star that was reached stays reached. But one from which each way on leads, past no pattern's end and no fork, to a
// star that was reached too has nothing to add: it is settled, and costs nothing any more.
type machine[V any] struct {
	stars  []*node[V] // all that were reached
	hot    []*node[V] // those of them that are not settled
	places []place[V] // all others, where a byte is waited for or a pattern ends
	spare  []place[V] // the previous places' memory
	open   counters   // by the id of a star that was reached: the ways on that lead to something new
	stale  bool       // a star in hot was settled
	dull   set        // bytes that change nothing as long as no new star is reached, if there are no places
	peak   int        // the most places there were since the last release
}

// A place is a node and how much of its run was taken. A node has each place at most once in a machine: but for stars,
// which are told apart, only one byte at one place leads to it.
type place[V any] struct {
	node  *node[V]
	taken int
	from  *node[V] // the star before it, if straight nodes are all between
}

// start sets the machine to before the first byte.
func (m *machine[V]) start(root *node[V]) {
	m.reset()
	m.arrive(root, nil)
}

func (m *machine[V]) reset() {
	m.stars, m.hot, m.places, m.stale = m.stars[:0], m.hot[:0], m.places[:0], false
	m.open.reset()
}

// release forgets all nodes, so that a machine that waits for its next use does not keep them.
func (m *machine[V]) release() {
	clear(m.hot[:min(len(m.stars), cap(m.hot))])
	clear(m.stars)
	m.peak = max(m.peak, len(m.places))
	clear(m.places[:min(m.peak, cap(m.places))])
	clear(m.spare[:min(m.peak, cap(m.spare))])
	m.peak = 0
	m.reset()
}

// idle tells that further bytes change nothing.
func (m *machine[V]) idle() bool { return len(m.hot) == 0 && len(m.places) == 0 }

// run takes all bytes of a name.
func (m *machine[V]) run(name string) {
	m.dull = set{}
	for i := 0; i < len(name) && !m.idle(); i++ {
		b, stars, bare := name[i], len(m.stars), len(m.places) == 0
		if bare && m.dull.has(b) {
			continue
		}
		m.step(b)
		if len(m.stars) > stars {
			m.dull = set{}
		} else if bare && len(m.places) == 0 {
			m.dull.add(b)
		}
	}
}

// step takes a byte.
func (m *machine[V]) step(b byte) {
	if m.stale {
		m.cool()
	}
	places := m.places
	m.places = m.spare[:0]
	m.peak = max(m.peak, len(places))
	hot := m.hot // stars reached by this byte come after these, and do not take it
	for i := range places {
		p := &places[i]
		switch n := p.node; {
		case p.taken == len(n.run):
			from := p.from
			if !n.straight {
				from = nil
			}
			m.exit(n, b, from)
		case n.run[p.taken] == b:
			m.enter(n, p.taken+1, p.from)
		}
	}
	for _, n := range hot {
		m.exit(n, b, n)
	}
	m.spare = places[:0]
}

// exit takes the ways on from a node that the byte leads.
func (m *machine[V]) exit(n *node[V], b byte, from *node[V]) {
	if i := strings.IndexByte(n.keys, b); i >= 0 {
		m.enter(n.kids[i], 1, from)
	}
	if n.wild == nil {
		return
	}
	if n.wild.any1 != nil {
		m.arrive(n.wild.any1, from)
	}
	for _, kid := range n.wild.classes {
		if kid.set.has(b) {
			m.arrive(kid, from)
		}
	}
}

// enter comes to a place in a literal.
func (m *machine[V]) enter(n *node[V], taken int, from *node[V]) {
	if taken == len(n.run) {
		m.arrive(n, from)
	} else {
		m.places = append(m.places, place[V]{n, taken, from})
	}
}

// arrive comes to where all bytes of the node were taken.
func (m *machine[V]) arrive(n *node[V], from *node[V]) {
	if n.stays {
		m.places = append(m.places, place[V]{n, len(n.run), from})
	}
	if s := n.star(); s != nil {
		if !n.straight {
			from = nil
		}
		m.reach(s, from)
	}
}

// reach comes to a star. If the way there is the only one from the star before it, that one has one way less.
func (m *machine[V]) reach(s, from *node[V]) {
	open := s.exits()
	if !m.open.add(s.id, open) {
		return
	}
	m.stars = append(m.stars, s)
	if open > 0 {
		m.hot = append(m.hot, s)
	}
	if from != nil && m.open.decrement(from.id) == 0 {
		m.stale = true
	}
}

// cool takes the settled stars out of hot.
func (m *machine[V]) cool() {
	kept := m.hot[:0]
	for _, s := range m.hot {
		if m.open.get(s.id) > 0 {
			kept = append(kept, s)
		}
	}
	m.hot, m.stale = kept, false
}

// values are those of the patterns that match what was taken; nil if there are none.
func (m *machine[V]) values() []V { return valuesAt(m.stars, m.places) }

// ends is how many patterns end at the stars and places.
func ends[V any](stars []*node[V], places []place[V]) (n int) {
	for _, s := range stars {
		n += len(s.leaves)
	}
	for i := range places {
		if p := &places[i]; p.taken == len(p.node.run) {
			n += len(p.node.leaves)
		}
	}
	return n
}

func valuesAt[V any](stars []*node[V], places []place[V]) []V {
	n := ends(stars, places)
	if n == 0 {
		return nil
	}
	values := make([]V, 0, n)
	for _, s := range stars {
		values = appendValues(values, s)
	}
	for i := range places {
		if p := &places[i]; p.taken == len(p.node.run) {
			values = appendValues(values, p.node)
		}
	}
	return values
}

func appendValues[V any](values []V, n *node[V]) []V {
	for i := range n.leaves {
		values = append(values, n.leaves[i].value)
	}
	return values
}
