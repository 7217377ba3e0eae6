package glob

import (
	"sync"
	"sync/atomic"
)

const (
	maxStates = 1<<24 - 1 // an edge has 24 bits for a state's number

	// warmUp is how many bytes of names, and 32 for each name, a trie matches before an automaton of it is begun:
	// patterns that change all the time are not worth one.
	warmUp = 8192
	// patience is how large the sets of the states that one Match builds may be in all, besides one for each byte of the
	// name. It bounds how long the first names take.
	patience = 1024
	// worth is how many bytes the automaton must have taken for each state built, for its being thrown away at a bound
	// to be worth building it again.
	worth = 100
	// pause is how many names, for each state of a frozen automaton, must have left it before it is built anew.
	pause = 8
)

// A dfa is a deterministic automaton of a trie, whose states are sets that a machine was seen in. It is built as names
// come, and read without locks. Whoever meets a byte that no edge is known for either builds the state or, while
// another goroutine does, lets a machine go on.
type dfa[V any] struct {
	root     *node[V]
	options  Options
	machines *machines[V]
	counts   *counts

	never  bool         // the bounds allow no automaton
	cold   atomic.Int64 // bytes taken without an automaton, and 32 for each name
	graph  atomic.Pointer[graph[V]]
	walked atomic.Int64 // bytes taken since the last flush
	frozen atomic.Bool  // nothing is built, because a bound was reached too soon
	strays atomic.Int64 // names that had to leave the automaton since it was frozen

	building sync.Mutex // only ever tried; what follows is of its holder
	known    map[uint64]*state[V]
	states   atomic.Int64
	edges    int
	bytes    atomic.Int64
}

// A state is a set of places that a machine had after some bytes. It does not change.
type state[V any] struct {
	number uint32
	stars  []*node[V]
	open   []int32 // of each star
	places []place[V]
	idle   bool // further bytes change nothing
	values atomic.Pointer[[]V]
}

func newDFA[V any](root *node[V], x *Index[V]) *dfa[V] {
	d := &dfa[V]{root: root, options: x.options, machines: &x.machines, counts: &x.counts}
	m := d.machines.get()
	defer d.machines.put(m)
	m.start(root)
	d.never = d.options.MaxStates < 2 || firstBytes+m.stateBytes() > int64(d.options.MaxStateBytes)
	return d
}

// match returns the values of the patterns that match the name.
func (d *dfa[V]) match(name string) []V {
	g := d.graph.Load()
	if g == nil {
		if g = d.begin(name); g == nil {
			m := d.machines.get()
			defer d.machines.put(m)
			m.start(d.root)
			m.run(name)
			return m.values()
		}
	}
	s, taken := g.walk(g.states[0], name)
	if taken < len(name) && !s.idle {
		return d.stray(g, s, name, taken)
	}
	d.walked.Add(int64(taken))
	return s.result()
}

// stray goes on with a name that came to where no edge is known.
func (d *dfa[V]) stray(g *graph[V], s *state[V], name string, taken int) []V {
	m := d.machines.get()
	defer d.machines.put(m)
	walked := taken
	for budget := patience + len(name); taken < len(name) && !s.idle; {
		var ok bool
		if budget > 0 {
			g, s, ok = d.extend(g, s, name[taken:taken+1], m)
		}
		if !ok {
			m.load(s)
			m.run(name[taken:])
			d.walked.Add(int64(walked))
			return m.values()
		}
		budget -= 8 + len(s.stars) + len(s.places) // 8 for what a state costs however small
		var more int
		s, more = g.walk(s, name[taken+1:])
		walked += more
		taken += 1 + more
	}
	d.walked.Add(int64(walked))
	return s.result()
}

// begin makes the first state, after some names.
func (d *dfa[V]) begin(name string) *graph[V] {
	if d.never || d.cold.Add(32+int64(len(name))) < warmUp || !d.building.TryLock() {
		return nil
	}
	defer d.building.Unlock()
	if g := d.graph.Load(); g != nil {
		return g
	}
	d.counts.rebuilds.Add(1)
	m := d.machines.get()
	defer d.machines.put(m)
	return d.clear(m)
}

// clear makes an automaton of the first state alone. The holder of building calls it.
func (d *dfa[V]) clear(m *machine[V]) *graph[V] {
	g := newGraph[V](firstEdges)
	d.known, d.edges = map[uint64]*state[V]{}, 0
	d.states.Store(0)
	d.bytes.Store(g.bytes())
	d.walked.Store(0)
	d.strays.Store(0)
	d.frozen.Store(false)
	m.start(d.root)
	d.keep(g, m, m.sort())
	d.graph.Store(g)
	return g
}

// extend finds or builds the state that one byte leads to, and the edge. It returns g and s if it cannot.
func (d *dfa[V]) extend(g *graph[V], s *state[V], b string, m *machine[V]) (*graph[V], *state[V], bool) {
	if d.frozen.Load() && d.strays.Add(1) < pause*d.states.Load() || !d.building.TryLock() {
		return g, s, false
	}
	defer d.building.Unlock()
	if d.graph.Load() != g { // grown or cleared meanwhile
		return g, s, false
	}
	if next, n := g.walk(s, b); n > 0 { // another goroutine was first
		return g, next, true
	}
	m.load(s)
	m.step(b[0])
	hash := m.sort()
	next, size := d.find(m, hash), int64(0)
	if next == nil {
		if size = m.stateBytes(); size > int64(d.options.MaxStateBytes)/8 {
			return g, s, false
		}
	}
	larger := d.room(g, size)
	if larger == nil {
		d.overflow(m)
		return g, s, false
	}
	if next == nil {
		next = d.keep(larger, m, hash)
	}
	d.edges++
	larger.add(s, b[0], next)
	return larger, next, true
}

// room returns the graph, or a larger one, with room for one more edge and for a state of so many bytes, 0 for none.
// It returns nil if that is too much.
func (d *dfa[V]) room(g *graph[V], size int64) *graph[V] {
	crowded := 2*(d.edges+1) > len(g.edges)
	bytes := d.bytes.Load() + size
	if crowded {
		bytes += g.bytes()
	}
	if d.frozen.Load() || bytes > int64(d.options.MaxStateBytes) ||
		size > 0 && d.states.Load() == int64(d.options.MaxStates) {
		return nil
	}
	if !crowded {
		return g
	}
	larger := g.grown()
	d.bytes.Add(larger.bytes() - g.bytes())
	d.graph.Store(larger)
	return larger
}

// overflow throws the automaton away, or freezes it if it did not serve long enough: then names either keep to what is
// known of it or leave it, until enough did so to try again.
func (d *dfa[V]) overflow(m *machine[V]) {
	if !d.frozen.Load() && d.walked.Load() < worth*d.states.Load() {
		d.strays.Store(0)
		d.frozen.Store(true)
		return
	}
	d.counts.flushes.Add(1)
	d.clear(m)
}

// find returns the state of the machine's set, which sort has brought in order, or nil.
func (d *dfa[V]) find(m *machine[V], hash uint64) *state[V] {
	if s := d.known[hash]; s != nil && s.is(m) {
		return s
	}
	return nil
}

// keep adds the state of the machine's set.
func (d *dfa[V]) keep(g *graph[V], m *machine[V], hash uint64) *state[V] {
	s := m.state()
	s.number = uint32(d.states.Load())
	d.known[hash] = s // of two with the same hash, which hardly ever are, the first may be built again
	d.bytes.Add(m.stateBytes())
	g.states[s.number] = s
	d.states.Add(1)
	return s
}

// result returns what the patterns at the state have.
func (s *state[V]) result() []V {
	if p := s.values.Load(); p != nil {
		return *p
	}
	values := valuesAt(s.stars, s.places)
	s.values.Store(&values)
	return values
}

// size tells how many states there are, and about what the automaton takes of the heap.
func (d *dfa[V]) size() (states, bytes int) {
	return int(d.states.Load()), int(d.bytes.Load())
}
