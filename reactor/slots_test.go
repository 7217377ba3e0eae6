//go:build unix

package reactor

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
)

// TestSlotsGrow fills and empties a large table, and looks at it meanwhile.
func TestSlotsGrow(t *testing.T) {
	const most = 100_000
	var s slots
	cells := make([]Cell, most)
	var high atomic.Int64 // cells below are registered
	var end atomic.Bool
	var looking sync.WaitGroup
	for range 2 {
		looking.Go(func() {
			rng := rand.New(rand.NewPCG(1, 2))
			for !end.Load() {
				if n := high.Load(); n > 0 {
					i := rng.Int64N(n)
					if s.get(uint32(i)) != &cells[i] {
						t.Errorf("cell %d of %d is not found", i, n)
						return
					}
				}
			}
		})
	}
	looking.Go(func() {
		for !end.Load() {
			n, seen := int(high.Load()), 0
			s.each(func(*Cell) bool { seen++; return true })
			if seen < n {
				t.Errorf("each saw %d of %d", seen, n)
				return
			}
		}
	})
	for i := range cells {
		index, ok := s.add(&cells[i])
		if !ok || index != uint32(i) {
			t.Fatalf("add = %d, %v", index, ok)
		}
		high.Store(int64(i + 1))
	}
	end.Store(true)
	looking.Wait()
	if s.get(most+slotChunkSize*most) != nil || s.get(^uint32(0)) != nil {
		t.Error("something is out of the table")
	}
	for i := range cells {
		s.remove(uint32(i))
	}
	if n := s.used.Load(); n != 0 {
		t.Errorf("%d used", n)
	}
	if index, _ := s.add(&cells[0]); index >= most {
		t.Errorf("index %d: free places were not used again", index)
	}
}

// TestLookupGeneration: a handle reaches its own cell or none, however often its place is used again.
func TestLookupGeneration(t *testing.T) {
	l := &Loop{group: &Group{}}
	type handle struct {
		index uint32
		gen   uint64
		of    Turner
	}
	var handles sync.Map
	var end atomic.Bool
	var looking sync.WaitGroup
	var found atomic.Int64
	for range 2 {
		looking.Go(func() {
			for !end.Load() {
				handles.Range(func(_, v any) bool {
					h := v.(handle)
					switch got := l.Lookup(h.index, h.gen); got {
					case nil:
					case h.of:
						found.Add(1)
					default:
						t.Error("a handle reached another cell")
					}
					return !end.Load()
				})
			}
		})
	}
	var live []handle
	rng := rand.New(rand.NewPCG(3, 4))
	for i := range 30_000 {
		if len(live) > 300 || len(live) > 0 && rng.IntN(2) == 0 {
			at := rng.IntN(len(live))
			l.slots.remove(live[at].index)
			if l.Lookup(live[at].index, live[at].gen) != nil {
				t.Fatal("a removed cell was found")
			}
			live[at] = live[len(live)-1]
			live = live[:len(live)-1]
			continue
		}
		p := newProbe(l)
		index, _ := l.slots.add(&p.cell)
		h := handle{index, p.cell.Generation(), p}
		live = append(live, h)
		handles.Store(i%512, h)
		if l.Lookup(h.index, h.gen) != Turner(p) || l.Lookup(h.index, h.gen+1) != nil {
			t.Fatal("Lookup")
		}
	}
	end.Store(true)
	looking.Wait()
	n := 0
	l.Each(func(Turner) bool { n++; return n < 5 })
	if n != min(5, len(live)) {
		t.Errorf("Each went on for %d", n)
	}
}
