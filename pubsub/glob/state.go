package glob

import (
	"cmp"
	"slices"
	"sync"
	"unsafe"
)

// sort brings the machine's set in the order that states have it in, and returns its hash.
func (m *machine[V]) sort() (hash uint64) {
	slices.SortFunc(m.stars, func(a, b *node[V]) int { return cmp.Compare(a.id, b.id) })
	slices.SortFunc(m.places, func(a, b place[V]) int {
		return cmp.Or(cmp.Compare(a.node.id, b.node.id), cmp.Compare(a.taken, b.taken))
	})
	mix := func(n uint64) {
		hash = (hash ^ n) * 0x9E3779B97F4A7C15
		hash ^= hash >> 29
	}
	for _, s := range m.stars {
		mix(s.id)
	}
	for i := range m.places {
		mix(m.places[i].node.id)
		mix(uint64(m.places[i].taken) | 1<<63)
	}
	return hash
}

// is tells if the state is of the machine's set. What else a state has follows from the set.
func (s *state[V]) is(m *machine[V]) bool {
	return slices.Equal(s.stars, m.stars) && slices.Equal(s.places, m.places)
}

// state returns the state of the machine's set.
func (m *machine[V]) state() *state[V] {
	s := &state[V]{stars: exactly(m.stars), places: exactly(m.places), idle: true}
	s.open = make([]int32, len(s.stars))
	for i, n := range s.stars {
		s.open[i] = m.open.get(n.id)
		s.idle = s.idle && s.open[i] == 0
	}
	s.idle = s.idle && len(s.places) == 0
	return s
}

func exactly[T any](s []T) []T { return append(make([]T, 0, len(s)), s...) }

// stateBytes is about what the state of the machine's set takes of the heap, with its result and its place in a map.
func (m *machine[V]) stateBytes() int64 {
	return int64(unsafe.Sizeof(state[V]{})) + 48 + int64(len(m.stars))*int64(unsafe.Sizeof(m)+4) +
		int64(len(m.places))*int64(unsafe.Sizeof(place[V]{})) + int64(ends(m.stars, m.places))*int64(unsafe.Sizeof(*new(V)))
}

// load sets the machine to a state.
func (m *machine[V]) load(s *state[V]) {
	m.reset()
	for i, n := range s.stars {
		m.open.add(n.id, int(s.open[i]))
		if s.open[i] > 0 {
			m.hot = append(m.hot, n)
		}
	}
	m.stars = append(m.stars, s.stars...)
	m.places = append(m.places, s.places...)
}

// machines are those that no Match uses now.
type machines[V any] struct{ pool sync.Pool }

func (p *machines[V]) get() *machine[V] {
	if m, ok := p.pool.Get().(*machine[V]); ok {
		return m
	}
	return new(machine[V])
}

func (p *machines[V]) put(m *machine[V]) {
	m.release()
	p.pool.Put(m)
}
