package glob

import (
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// A history is a sequence of Sets and Deletes, and what Match has to return for some names after each.
type history struct {
	names []string
	steps []step
}

type step struct {
	pattern string
	set     bool
	results [][]int // for each name, ascending
}

// newHistory makes a history whose values are the steps' numbers, so that a result tells its step.
func newHistory(seed uint64, steps int) *history {
	r := rand.New(rand.NewPCG(seed, 0))
	patterns := []string{"a*", "*b", "*a*b*", "[a-c]?*", "ab", `\ab`, "*c*", "a?c", "[^b]*", "*", "ac*", "bca*", "abcab"}
	h := &history{names: []string{"ab", "abc", "abcab", "bcabcabc", "aaaaaaaa", "c"}}
	m := model{}
	h.steps = append(h.steps, step{results: make([][]int, len(h.names))})
	for i := 1; i <= steps; i++ {
		s := step{pattern: patterns[r.IntN(len(patterns))], set: r.IntN(2) == 0}
		if delete(m, s.pattern); s.set {
			m[s.pattern] = i
		}
		for _, name := range h.names {
			s.results = append(s.results, m.match(name))
		}
		h.steps = append(h.steps, s)
	}
	return h
}

// Every Match must return what it would at one moment between its begin and its end: after some step that had begun
// when Match returned, and not before the last one that was over when Match began.
func TestMatchIsLinearizable(t *testing.T) {
	for i, o := range tiny {
		const matchers = 3
		h := newHistory(uint64(i), 2000)
		x := New[int](o)
		var begun, over atomic.Int64
		var running, matched sync.WaitGroup
		running.Add(matchers)
		for g := range matchers {
			matched.Go(func() {
				for n := g; ; n++ {
					name := n % len(h.names)
					first := over.Load()
					got := slices.Sorted(slices.Values(x.Match(h.names[name])))
					last := begun.Load()
					if !slices.ContainsFunc(h.steps[first:last+1], func(s step) bool { return slices.Equal(s.results[name], got) }) {
						t.Errorf("options %+v: Match(%q) = %v, which was so at none of the steps %d to %d",
							o, h.names[name], got, first, last)
						return
					}
					if n == g {
						running.Done()
					}
					if first == int64(len(h.steps)-1) {
						return
					}
				}
			})
		}
		running.Wait()
		for i, s := range h.steps[1:] {
			begun.Store(int64(i + 1))
			if s.set {
				x.Set(s.pattern, i+1)
			} else {
				x.Delete(s.pattern)
			}
			if i%3 == 0 {
				eagerly(x)
			}
			over.Store(int64(i + 1))
		}
		matched.Wait()
		check(t, x)
	}
}

// Writers of different patterns do not undo each other's changes, and matchers that share an automaton and a cache,
// and build both, get what they should.
func TestManyWritersAndMatchers(t *testing.T) {
	x := New[int](Options{MaxStates: 200, MaxCached: 64, MaxCachedBytes: 4 << 10})
	var writers sync.WaitGroup
	all := mixed(400)
	for w := range 4 {
		writers.Go(func() {
			for i, p := range all[w*100 : w*100+100] {
				x.Set(p, i)
				if i%2 == 1 {
					x.Delete(p)
				}
			}
		})
	}
	names := names(500)
	for range 2 {
		writers.Go(func() {
			for _, name := range names {
				x.Match(name)
			}
		})
	}
	writers.Wait()
	m := model{}
	for w := range 4 {
		for i, p := range all[w*100 : w*100+100] {
			if i%2 == 0 {
				m[p] = i
			}
		}
	}
	if x.Len() != len(m) {
		t.Fatalf("%d patterns, want %d", x.Len(), len(m))
	}
	eagerly(x)
	var matchers sync.WaitGroup
	for g := range 4 {
		matchers.Go(func() {
			for i := range names {
				if d := m.differs(x, names[(i+g)%len(names)]); d != "" {
					t.Error(d[:100])
					return
				}
			}
		})
	}
	matchers.Wait()
	check(t, x)
}
