package glob

import "sync/atomic"

// Options bound the memory that an Index takes besides its patterns. For each, zero means the default, and a negative
// number none at all.
type Options struct {
	// MaxStates is how many states of the deterministic automaton are kept. The default is 32,768, the most 16,777,215,
	// and a single one is none. Without any, each new name takes the nondeterministic one.
	MaxStates int
	// MaxStateBytes is how many bytes of memory the states take. The default is 16 MiB.
	MaxStateBytes int
	// MaxCached is how many names' results are kept, rounded down to a power of two. The default is 65,536.
	MaxCached int
	// MaxCachedBytes is how many bytes of memory the kept names and results take. The default is 16 MiB.
	MaxCachedBytes int
}

func (o Options) withDefaults() Options {
	for _, f := range []struct {
		n        *int
		standard int
	}{{&o.MaxStates, 32_768}, {&o.MaxStateBytes, 16 << 20}, {&o.MaxCached, 65_536}, {&o.MaxCachedBytes, 16 << 20}} {
		if *f.n == 0 {
			*f.n = f.standard
		}
		*f.n = max(*f.n, 0)
	}
	o.MaxStates = min(o.MaxStates, maxStates)
	return o
}

// Stats tell what an Index is made of now, and what it did so far.
type Stats struct {
	Patterns    int
	Nodes       int // of the tries the patterns are in
	States      int // of the automaton
	StateBytes  int
	Cached      int // names whose results are kept
	CachedBytes int
	Bytes       int // about what all of it takes of the heap, but for what the values refer to

	Hits     uint64 // names found in the cache
	Misses   uint64 // names not found in it
	Rebuilds uint64 // automata begun after patterns had changed
	Flushes  uint64 // automata thrown away because they had reached a bound
}

// counts are the counters behind Stats, spread so that goroutines seldom write to the same cache line.
type counts struct {
	stripes  [16]stripe
	rebuilds atomic.Uint64
	flushes  atomic.Uint64
}

type stripe struct {
	hits, misses atomic.Uint64
	_            [48]byte // a cache line each
}

func (c *counts) hit(hash uint64)  { c.stripes[hash%16].hits.Add(1) }
func (c *counts) miss(hash uint64) { c.stripes[hash%16].misses.Add(1) }

// Stats returns the sizes and the counters.
func (x *Index[V]) Stats() Stats {
	st := Stats{Rebuilds: x.counts.rebuilds.Load(), Flushes: x.counts.flushes.Load()}
	for i := range x.counts.stripes {
		st.Hits += x.counts.stripes[i].hits.Load()
		st.Misses += x.counts.stripes[i].misses.Load()
	}
	s := x.current.Load()
	if s == nil {
		return st
	}
	st.Patterns, st.Nodes = s.patterns, s.nodes
	st.States, st.StateBytes = s.dfa.size()
	st.Cached, st.CachedBytes = s.cache.size()
	st.Bytes = s.bytes + st.StateBytes + st.CachedBytes
	return st
}
