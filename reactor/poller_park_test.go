//go:build linux && !troupe_poll

package reactor

import (
	"sync/atomic"
	"testing"
	"time"
)

func newParkHarness(t *testing.T) *pollerHarness {
	t.Helper()
	p, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return &pollerHarness{T: t, Poller: p}
}

// TestParkTimeout: no wait ends absurdly late, nor early without a reason, whatever the timeout before was.
func TestParkTimeout(t *testing.T) {
	h := newParkHarness(t)
	a, _ := streamPair(t)
	h.add(a, 1, Readable)
	timeouts := []time.Duration{20, 1, 7, 2, 30, 1, 1, 15}
	for i, ms := range timeouts {
		timeout := ms * time.Millisecond
		start := time.Now()
		got := h.wait(make([]Ready, 4), timeout)
		took := time.Since(start)
		if len(got) != 0 || took > timeout+2*time.Second {
			t.Fatalf("wait %d of %v: %v after %v", i, timeout, got, took)
		}
		if took < timeout && i > 0 && timeout <= timeouts[i-1]*time.Millisecond { // no earlier deadline was kept
			t.Errorf("wait %d of %v ended after %v", i, timeout, took)
		}
	}
}

// TestParkDeadlinePassed: a deadline of a wait that was over before it is nothing to the waits after it.
func TestParkDeadlinePassed(t *testing.T) {
	h := newParkHarness(t)
	a, b := streamPair(t)
	h.add(a, 1, Readable)
	mustWrite(t, b, "x")
	if got := h.wait(make([]Ready, 4), time.Millisecond); len(got) != 1 {
		t.Fatalf("got %v", got)
	}
	mustRead(t, a, "x")
	if got := h.wait(make([]Ready, 4), 3*time.Millisecond); len(got) != 0 { // lets that deadline pass, and its own
		t.Fatalf("got %v", got)
	}
	done := make(chan struct{})
	time.AfterFunc(10*time.Millisecond, func() {
		mustWrite(t, b, "y")
		close(done)
	})
	var got []Ready
	for start := time.Now(); len(got) == 0 && time.Since(start) < long; {
		before := time.Now()
		if got = h.wait(make([]Ready, 4), -1); len(got) == 0 && time.Since(before) < time.Microsecond {
			t.Fatal("a wait without bound does not wait")
		}
	}
	<-done
	if len(got) != 1 || got[0].Events != Readable {
		t.Fatalf("got %v", got)
	}
}

// TestParkEvents changes between both ways of waiting while a descriptor is used from outside: no readiness is lost,
// also not when an edge came while nobody was parked.
func TestParkEvents(t *testing.T) {
	h := newParkHarness(t)
	a, b := streamPair(t)
	h.add(a, 1, Readable)
	turn := make(chan struct{})
	go func() {
		for range turn {
			Write(b, []byte("x"))
		}
	}()
	defer close(turn)
	ready := make([]Ready, 4)
	for i := range 4000 {
		turn <- struct{}{}
		timeout := [...]time.Duration{-1, long, -1, long / 2, -1}[i%5]
		var got []Ready
		for len(got) == 0 {
			got = h.wait(ready, timeout)
		}
		if len(got) != 1 || got[0].Events != Readable {
			t.Fatalf("wait %d: %v", i, got)
		}
		if i%3 == 0 { // asked again without reading, it is there still: level-triggered
			if got = h.wait(ready, -1); len(got) != 1 {
				t.Fatalf("wait %d, again: %v", i, got)
			}
		}
		mustRead(t, a, "x")
	}
}

// TestParkWakeRace wakes at about the moment at which a wait begins, in both ways. A lost wake-up hangs the wait, which
// the deadline of the test would find; the timeout finds it sooner.
func TestParkWakeRace(t *testing.T) {
	h := newParkHarness(t)
	var round atomic.Int64
	rounds := make(chan int, 1)
	errs := make(chan error, 1)
	go func() {
		for n := range rounds {
			for range n % 512 { // hit the wait at another place each time
				round.Load()
			}
			errs <- h.Wake()
		}
	}()
	defer close(rounds)
	ready := make([]Ready, 2)
	for i := range 20000 {
		timeout := time.Duration(-1)
		if i%2 == 0 {
			timeout = long
		}
		rounds <- i
		start := time.Now()
		if got := h.wait(ready, timeout); len(got) != 0 {
			t.Fatalf("got %v", got)
		}
		if time.Since(start) >= long {
			t.Fatalf("round %d: wake-up lost", i)
		}
		if err := <-errs; err != nil {
			t.Fatal(err)
		}
		round.Add(1)
		h.wait(ready, 0) // a wake-up that was merged too late to be seen
	}
}

// TestParkMergedWakes: many wakes during one wait end it, and nothing of them is left after a look.
func TestParkMergedWakes(t *testing.T) {
	h := newParkHarness(t)
	for range 200 {
		done := make(chan struct{})
		for range 4 {
			go func() {
				for range 8 {
					h.Wake()
				}
				done <- struct{}{}
			}()
		}
		h.wait(make([]Ready, 2), -1)
		for range 4 {
			<-done
		}
		h.wait(make([]Ready, 2), 0)
	}
	if !h.lasts(5*time.Millisecond, func() {}) {
		t.Error("a wake-up stayed behind")
	}
}
