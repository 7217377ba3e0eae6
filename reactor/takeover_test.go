//go:build unix

package reactor

import (
	"sync"
	"testing"
	"time"
)

// TestTakeover: a stuck turn loses its loop, its neighbours go on, its own mail waits for it, and it comes home.
func TestTakeover(t *testing.T) {
	g := startGroup(t, Options{Loops: 1})
	l := g.Loops()[0]
	slow, other := newProbe(l), newProbe(l)
	slow.onMail, other.onMail = serveStuck, serveStuck
	s := newStuck()
	slow.post(t, s)
	await(t, s.entered, "the slow turn")
	after := make(chan struct{})
	slow.post(t, func() { close(after) })
	for range 100 {
		served := make(chan struct{})
		other.post(t, func() { close(served) })
		await(t, served, "a neighbour")
	}
	select {
	case <-after:
		t.Error("a message was served beside the stuck turn")
	default:
	}
	if stats := g.Stats(); stats.Takeovers == 0 || stats.Busy == 0 {
		t.Errorf("takeovers %d, busy %d", stats.Takeovers, stats.Busy)
	}
	close(s.leave)
	await(t, after, "the message behind the stuck one")
	eventually(t, "nobody is busy", func() bool { return g.Stats().Busy == 0 })
}

// TestTakeoverMany moves a loop to new owners many times.
func TestTakeoverMany(t *testing.T) {
	g := startGroup(t, Options{Loops: 1})
	l := g.Loops()[0]
	const times = 30
	for i := range times {
		p := newProbe(l) // a new cell: not sticky
		p.onMail = serveStuck
		s := newStuck()
		doWait(t, l, func(l *Loop) { l.waryUntil = 0 }) // else the turn is given on another goroutine at once
		p.post(t, s)
		await(t, s.entered, "a turn")
		eventually(t, "the loop goes on", func() bool { return l.Stats().Takeovers > uint64(i) || l.Stats().Detached > uint64(times) })
		close(s.leave)
	}
	eventually(t, "all are home", func() bool { return g.Stats().Busy == 0 })
	if s := l.Stats(); s.Takeovers != times {
		t.Errorf("%d takeovers", s.Takeovers)
	}
}

// TestNoStall: a hundred cells of one loop block at once, and another cell is served all the while.
func TestNoStall(t *testing.T) {
	g := startGroup(t, Options{Loops: 1})
	l := g.Loops()[0]
	const blockers = 100
	const blocks = 300 * time.Millisecond
	var blocked sync.WaitGroup
	blocked.Add(blockers)
	for range blockers {
		p := newProbe(l)
		p.onMail = func(any) {
			time.Sleep(blocks)
			blocked.Done()
		}
		p.post(t, nil)
	}
	other := newProbe(l)
	served := make(chan time.Time, 1)
	other.onMail = func(any) { served <- time.Now() }
	var late, all int
	var worst time.Duration
	for start := time.Now(); time.Since(start) < blocks-20*time.Millisecond; all++ {
		asked := time.Now()
		other.post(t, nil)
		took := await(t, served, "the neighbour").Sub(asked)
		if took > 20*time.Millisecond {
			late++
		}
		worst = max(worst, took)
		for time.Since(asked) < time.Millisecond {
			time.Sleep(200 * time.Microsecond)
		}
	}
	if late*100 > all+99 { // p99, and one that the machine may owe
		t.Errorf("%d of %d messages waited more than 20 ms, the longest %v", late, all, worst)
	}
	blocked.Wait()
	if s := g.Stats(); s.Takeovers > 10 {
		t.Errorf("%d takeovers: the loop was not wary", s.Takeovers)
	}
	eventually(t, "all are home", func() bool { return g.Stats().Busy == 0 })
}

// TestSticky: a cell that was slow is served beside the loop for some turns, then on it again.
func TestSticky(t *testing.T) {
	g := startGroup(t, Options{Loops: 1})
	l := g.Loops()[0]
	p := newProbe(l)
	p.onMail = serveStuck
	s := newStuck()
	p.post(t, s)
	await(t, s.entered, "the slow turn")
	eventually(t, "the takeover", func() bool { return l.Stats().Takeovers == 1 })
	close(s.leave)
	for range 2 * stickyTurns {
		doWait(t, l, func(l *Loop) { l.waryUntil = 0 })
		served := make(chan struct{})
		p.post(t, func() { close(served) })
		await(t, served, "a message")
		eventually(t, "the turn has ended", func() bool { return g.Stats().Busy == 0 })
	}
	eventually(t, "the count", func() bool { return l.Stats().Detached >= stickyTurns })
	if n := l.Stats().Detached; n != stickyTurns {
		t.Errorf("%d turns beside the loop, want %d", n, stickyTurns)
	}
}

// TestNeverTakenOver: with a negative TakeoverAfter a slow turn keeps its loop.
func TestNeverTakenOver(t *testing.T) {
	g := startGroup(t, Options{Loops: 1, TakeoverAfter: -1})
	p, other := newProbe(g.Next()), newProbe(g.Next())
	p.onMail = func(any) { time.Sleep(20 * time.Millisecond) }
	served := make(chan struct{})
	other.onMail = func(any) { close(served) }
	p.post(t, nil)
	other.post(t, nil)
	await(t, served, "the neighbour")
	if s := g.Stats(); s.Takeovers != 0 || s.Detached != 0 {
		t.Errorf("%+v", s)
	}
}

// TestWatchdogSleepsNot: a loop may be busy for long without a change of its state word: with tasks, or because others
// have the processor. The watchdog must not take that for idleness and park: nobody would wake it when a turn blocks
// then.
func TestWatchdogSleepsNot(t *testing.T) {
	const busy = 250 * time.Millisecond
	for name, work := range map[string]func(l *Loop, then func()){
		"long task": func(_ *Loop, then func()) {
			time.Sleep(busy)
			then()
		},
		"short tasks": func(l *Loop, then func()) {
			end := time.Now().Add(busy)
			var again func(l *Loop)
			again = func(l *Loop) {
				if time.Now().After(end) {
					then()
				} else {
					l.Do(again)
				}
			}
			again(l)
		},
	} {
		t.Run(name, func(t *testing.T) {
			g := startGroup(t, Options{Loops: 1})
			l := g.Loops()[0]
			slow, other := newProbe(l), newProbe(l)
			slow.onMail = serveStuck
			served := make(chan struct{})
			other.onMail = func(any) { close(served) }
			s := newStuck()
			l.Do(func(l *Loop) {
				work(l, func() {
					slow.cell.Post(s, 0)
					other.cell.Post(nil, 0)
				})
			})
			await(t, s.entered, "the slow turn")
			select {
			case <-served:
			case <-time.After(time.Second):
				t.Error("a turn blocks its loop, and the watchdog does not look")
			}
			close(s.leave)
			await(t, served, "the neighbour")
		})
	}
}
