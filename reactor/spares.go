package reactor

import (
	"slices"
	"sync"
)

// spareBuffer is how many bytes a detached turn reads at once.
const spareBuffer = 4 << 10

// idleSpares bounds how many goroutines wait for detached turns.
const idleSpares = 256

// spares are the goroutines that run detached turns: of cells that declare themselves blocking, of cells that were
// slow, and of all cells of a loop that was just taken over.
type spares struct {
	group *Group
	most  int // bound on the goroutines in turns, slow ones that lost their loop included

	mu      sync.Mutex
	idle    []chan errand // the most recently used is last
	busy    int
	waiting []errand // for a goroutine; a cell is here at most once
	closed  bool
}

// An errand is a detached turn.
type errand struct {
	cell  *Cell
	ready Events
}

// reserve counts one more busy goroutine, if there may be one.
func (s *spares) reserve() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy >= s.most || s.closed {
		return false
	}
	s.busy++
	return true
}

// unreserve gives a reserved place to the errand that waits longest, if any does.
func (s *spares) unreserve() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.waiting) > 0 {
		s.start(s.dequeue())
		return
	}
	s.busy--
}

// start runs the errand in a place that is counted already. With the lock.
func (s *spares) start(e errand) {
	if n := len(s.idle); n > 0 {
		s.idle[n-1] <- e // has room for one
		s.idle = s.idle[:n-1]
		return
	}
	s.group.goroutines.Add(1)
	go s.run(e, newWorker(spareBuffer), make(chan errand, 1))
}

// dequeue takes the errand that waits longest. With the lock.
func (s *spares) dequeue() errand {
	e := s.waiting[0]
	s.waiting = slices.Delete(s.waiting, 0, 1)
	return e
}

// send runs the errand on another goroutine. At the bound it waits for one if patient, else it fails.
func (s *spares) send(e errand, patient bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.busy >= s.most {
		if patient {
			s.waiting = append(s.waiting, e)
		}
		return patient
	}
	s.busy++
	s.start(e)
	return true
}

// run serves errands until there is no use for the goroutine.
func (s *spares) run(e errand, w *Worker, ch chan errand) {
	returned := false
	defer func() {
		if returned {
			s.group.goroutines.Done()
			return
		}
		// A callback ended the goroutine (runtime.Goexit). The turn took note of it; go on with another.
		out := w.Abandoned | NeedSettle
		w.Abandoned = 0
		e.cell.loop.handBack(w, e.cell, out)
		go func() {
			if e, ok := s.next(ch); ok {
				s.run(e, w, ch)
			} else {
				w.retire()
				s.group.goroutines.Done()
			}
		}()
	}()
	for ok := true; ok; e, ok = s.next(ch) {
		w.Now = s.group.clock()
		w.Counters.Turns++
		out := e.cell.turner.Turn(w, e.ready)
		e.cell.loop.handBack(w, e.cell, out)
	}
	w.retire()
	returned = true
}

// next waits for an errand. It fails when there are goroutines enough, or after close.
func (s *spares) next(ch chan errand) (errand, bool) {
	s.mu.Lock()
	if len(s.waiting) > 0 {
		e := s.dequeue()
		s.mu.Unlock()
		return e, true
	}
	s.busy--
	if s.closed || len(s.idle) >= idleSpares {
		s.mu.Unlock()
		return errand{}, false
	}
	s.idle = append(s.idle, ch)
	s.mu.Unlock()
	e, ok := <-ch
	return e, ok
}

// close lets idle goroutines end now and busy ones after their turn.
func (s *spares) close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	for _, ch := range s.idle {
		close(ch)
	}
	s.idle = nil
}

// load is how many goroutines are in turns, and how many turns wait for one.
func (s *spares) load() (busy, waiting int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.busy, len(s.waiting)
}
