package glob

import (
	"sync/atomic"
	"unsafe"
)

// A graph begins with so much room.
const (
	firstEdges = 64
	firstBytes = firstEdges*8 + (firstEdges/2+1)*8
)

// A graph is what readers of a dfa know: a hash table from a state and a byte to the next state. Only the holder of
// the dfa's building adds to it.
type graph[V any] struct {
	// edges are 0 or, from the high bits down: 24 of the state's number, 8 of the byte, 32 of the next one's number and
	// one, which is never 0. Half of them are 0.
	edges  []atomic.Uint64
	states []*state[V] // by number; what an edge leads to is there
	shift  uint8
}

func newGraph[V any](edges int) *graph[V] {
	g := &graph[V]{edges: make([]atomic.Uint64, edges), shift: 64}
	for n := edges; n > 1; n /= 2 {
		g.shift--
	}
	g.states = make([]*state[V], edges/2+1) // each but the first has an edge to it
	return g
}

func (g *graph[V]) bytes() int64 {
	return int64(len(g.edges))*8 + int64(len(g.states))*int64(unsafe.Sizeof(g))
}

// walk follows the bytes as far as edges are known, and tells how far that is.
func (g *graph[V]) walk(s *state[V], name string) (*state[V], int) {
	at := s.number
	mask := uint64(len(g.edges) - 1)
	for i := range len(name) {
		key := at<<8 | uint32(name[i])
		slot := g.slot(key)
		for {
			e := g.edges[slot&mask].Load()
			if e == 0 {
				return g.states[at], i
			}
			if uint32(e>>32) == key {
				at = uint32(e) - 1
				break
			}
			slot++
		}
	}
	return g.states[at], len(name)
}

func (g *graph[V]) slot(key uint32) uint64 { return uint64(key) * 0x9E3779B97F4A7C15 >> g.shift }

// add adds an edge that is not there yet; there is room.
func (g *graph[V]) add(s *state[V], b byte, next *state[V]) {
	g.put(uint64(s.number)<<40 | uint64(b)<<32 | uint64(next.number+1))
}

func (g *graph[V]) put(edge uint64) {
	mask := uint64(len(g.edges) - 1)
	slot := g.slot(uint32(edge >> 32))
	for g.edges[slot&mask].Load() != 0 {
		slot++
	}
	g.edges[slot&mask].Store(edge)
}

// grown returns a copy with twice the room.
func (g *graph[V]) grown() *graph[V] {
	c := newGraph[V](2 * len(g.edges))
	copy(c.states, g.states)
	for i := range g.edges {
		if e := g.edges[i].Load(); e != 0 {
			c.put(e)
		}
	}
	return c
}
