//go:build unix

package reactor

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"
)

// blockingProbe is a probe whose turns are given beside the loop.
func blockingProbe(t testing.TB, l *Loop) *probe {
	t.Helper()
	p := newProbe(l)
	p.onMail = serveStuck
	doWait(t, l, func(*Loop) { p.cell.Blocking(true) })
	return p
}

// TestBlockingCells: turns of blocking cells never hold their loop, and are no takeovers.
func TestBlockingCells(t *testing.T) {
	g := startGroup(t, Options{Loops: 1})
	l := g.Loops()[0]
	const cells = 20
	var items []*stuck
	for range cells {
		p := blockingProbe(t, l)
		s := newStuck()
		items = append(items, s)
		p.post(t, s)
	}
	for _, s := range items {
		await(t, s.entered, "a blocking turn")
	}
	eventually(t, "all are counted", func() bool { return g.Stats().Detached == cells })
	if s := g.Stats(); s.Busy != cells || s.Takeovers != 0 {
		t.Errorf("busy %d, takeovers %d", s.Busy, s.Takeovers)
	}
	for _, s := range items {
		close(s.leave)
	}
	eventually(t, "nobody is busy", func() bool { return g.Stats().Busy == 0 })
}

// TestBlockingCellsWait: at the bound blocking cells wait, in their order, and are served when goroutines come free.
func TestBlockingCellsWait(t *testing.T) {
	g := startGroup(t, Options{Loops: 1, MaxDetached: 2})
	l := g.Loops()[0]
	const cells = 10
	var items []*stuck
	for range cells {
		p := blockingProbe(t, l)
		s := newStuck()
		items = append(items, s)
		p.post(t, s)
	}
	eventually(t, "the others wait", func() bool { return g.Stats().Waiting == cells-2 })
	for i, s := range items {
		await(t, s.entered, "a blocking turn")
		if busy := g.Stats().Busy; busy > 2 {
			t.Errorf("%d busy", busy)
		}
		if i >= 1 { // two at a time
			close(items[i-1].leave)
		}
	}
	close(items[cells-1].leave)
	eventually(t, "nobody is busy", func() bool { return g.Stats().Busy == 0 })
}

// TestWaitingBehindTakeover: what fills the bound may be turns that lost their loop. When those end, a blocking cell
// that waits for a goroutine has to get one.
func TestWaitingBehindTakeover(t *testing.T) {
	g := startGroup(t, Options{Loops: 1, MaxDetached: 1})
	l := g.Loops()[0]
	slow := newProbe(l)
	slow.onMail = serveStuck
	s := newStuck()
	slow.post(t, s)
	await(t, s.entered, "the slow turn")
	eventually(t, "the takeover", func() bool { return l.Stats().Takeovers == 1 || g.Stats().Busy == 1 })
	patient := blockingProbe(t, l)
	served := make(chan struct{})
	patient.post(t, func() { close(served) })
	eventually(t, "it waits", func() bool { return g.Stats().Waiting == 1 })
	close(s.leave)
	select {
	case <-served:
	case <-time.After(2 * time.Second):
		t.Error("a goroutine is free, and the cell that waits for one is not served")
		wake := blockingProbe(t, l) // any other errand picks it up
		wake.post(t, nil)
		await(t, served, "the patient cell")
	}
}

// TestOverload: at the bound slow turns keep their loops, slow cells are served on their loop, and nothing is lost.
func TestOverload(t *testing.T) {
	g := startGroup(t, Options{Loops: 1, MaxDetached: 1})
	l := g.Loops()[0]
	first, second, other := newProbe(l), newProbe(l), newProbe(l)
	for _, p := range []*probe{first, second, other} {
		p.onMail = serveStuck
	}
	one, two := newStuck(), newStuck()
	first.post(t, one)
	await(t, one.entered, "the first slow turn")
	eventually(t, "the takeover", func() bool { return g.Stats().Busy == 1 })
	second.post(t, two)
	await(t, two.entered, "the second slow turn")
	served := make(chan struct{})
	other.post(t, func() { close(served) })
	eventually(t, "a takeover was refused", func() bool { return l.Stats().TakeoversRefused > 0 })
	select {
	case <-served:
		t.Error("a loop went on over the bound")
	default:
	}
	close(two.leave)
	await(t, served, "the neighbour")
	eventually(t, "the count of overloads", func() bool { return l.Stats().Overloads > 0 })
	close(one.leave)
	eventually(t, "nobody is busy", func() bool { return g.Stats().Busy == 0 })
}

// TestTakeoversRefusedCountsTurns: the number says turns, not looks of the watchdog.
func TestTakeoversRefusedCountsTurns(t *testing.T) {
	g := startGroup(t, Options{Loops: 1, MaxDetached: 1})
	l := g.Loops()[0]
	first, second := newProbe(l), newProbe(l)
	first.onMail, second.onMail = serveStuck, serveStuck
	one, two := newStuck(), newStuck()
	first.post(t, one)
	await(t, one.entered, "the first slow turn")
	eventually(t, "the takeover", func() bool { return g.Stats().Busy == 1 })
	second.post(t, two)
	await(t, two.entered, "the second slow turn")
	time.AfterFunc(50*time.Millisecond, func() { close(two.leave) })
	await(t, two.leave, "the end of the second slow turn")
	if n := l.Stats().TakeoversRefused; n != 1 {
		t.Errorf("one slow turn was counted %d times", n)
	}
	close(one.leave)
}

// TestSilenced: while a turn is stuck, the readiness of its descriptor neither spins the loop nor is lost, whether the
// peer goes on sending, hangs up, or does nothing.
func TestSilenced(t *testing.T) {
	for name, peer := range map[string]func(t *testing.T, fd int){
		"sends":    func(t *testing.T, fd int) { mustWrite(t, fd, "more") },
		"hangs up": func(t *testing.T, fd int) { closeNow(t, fd) },
		"floods":   func(t *testing.T, fd int) { fill(t, fd) },
	} {
		for _, declared := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/declared=%v", name, declared), func(t *testing.T) {
				a, b := streamPair(t)
				g := startGroup(t, Options{Loops: 1})
				l := g.Loops()[0]
				p := newProbe(l)
				p.cell.blocking = declared
				s, drained := newStuck(), make(chan Events, 1)
				p.onStop = func(l *Loop) { l.Unregister(&p.cell) }
				first := true
				p.onTurn = func(_ *Worker, ready Events) {
					if ready == 0 {
						return
					}
					drain(t, a)
					if first {
						first = false
						close(s.entered)
						<-s.leave
						return
					}
					select {
					case drained <- ready:
					default:
					}
				}
				p.register(t, a, Readable)
				mustWrite(t, b, "x")
				await(t, s.entered, "the first turn")
				eventually(t, "the takeover", func() bool { return g.Stats().Busy == 1 })
				peer(t, b)
				// The loop must get through this undisturbed: count its waits, of which a spinning loop makes many.
				waits := countWaits(t, l)
				for range 20 {
					doWait(t, l, func(*Loop) {})
				}
				before := waits.Load()
				time.Sleep(20 * time.Millisecond) // a time to spin in
				if n := waits.Load() - before; n > 10 {
					t.Errorf("the loop waited %d times while nothing happened", n)
				}
				close(s.leave)
				ready := await(t, drained, "the readiness that was noted")
				if ready&(Readable|Broken) == 0 {
					t.Errorf("ready for %b", ready)
				}
			})
		}
	}
}

// countWaits counts the waits of a loop from now on.
func countWaits(t testing.TB, l *Loop) *atomic.Int64 {
	t.Helper()
	c := new(countingPoller)
	doWait(t, l, func(l *Loop) { c.Poller, l.poller = l.poller, c })
	return &c.waits
}

type countingPoller struct {
	Poller
	waits atomic.Int64
}

func (c *countingPoller) Wait(ready []Ready, timeout time.Duration) (int, error) {
	c.waits.Add(1)
	return c.Poller.Wait(ready, timeout)
}

// TestPauseOutlastsDetachedTurn: a descriptor that was paused while a turn was under way beside the loop stays paused.
func TestPauseOutlastsDetachedTurn(t *testing.T) {
	a, b := streamPair(t)
	g := startGroup(t, Options{Loops: 1})
	l := g.Loops()[0]
	p := blockingProbe(t, l)
	p.onStop = func(l *Loop) { l.Unregister(&p.cell) }
	events := make(chan Events, 16)
	p.onTurn = func(_ *Worker, ready Events) {
		if ready != 0 {
			drain(t, a)
			events <- ready
		}
	}
	p.register(t, a, Readable)
	var err error
	doWait(t, l, func(l *Loop) { err = l.Pause(&p.cell) })
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	p.post(t, func() { close(served) })
	await(t, served, "the detached turn")
	eventually(t, "it is home", func() (home bool) {
		doWait(t, l, func(*Loop) { home = !p.cell.Detached() })
		return home
	})
	mustWrite(t, b, "x")
	for range 10 {
		doWait(t, l, func(*Loop) {})
	}
	eventually(t, "nobody is busy", func() bool { return g.Stats().Busy == 0 })
	if len(events) > 0 {
		t.Fatal("a paused descriptor gave an event")
	}
	doWait(t, l, func(l *Loop) { err = l.Unpause(&p.cell) })
	if err != nil {
		t.Fatal(err)
	}
	await(t, events, "the event after Unpause")
}
