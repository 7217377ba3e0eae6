//go:build unix

package reactor

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
)

// An appointment is a timer that notes when it ran out.
type appointment struct {
	Timer
	when  int64
	again int // how often it arms itself again
	ran   chan int64
}

func (a *appointment) Expire(l *Loop, t *Timer) {
	a.ran <- l.Group().Clock()
	if a.again--; a.again > 0 {
		a.when = l.Now() + 3
		l.Arm(t, a.when)
	}
}

// TestLoopTimers: timers of a running loop run out in their order, never early, whether the loop sleeps or is busy.
func TestLoopTimers(t *testing.T) {
	for name, busy := range map[string]bool{"idle": false, "busy": true} {
		t.Run(name, func(t *testing.T) {
			g := startGroup(t, Options{Loops: 1})
			l := g.Loops()[0]
			var end atomic.Bool
			p := newProbe(l)
			p.onMail = func(any) {
				if !end.Load() {
					p.cell.Post(nil, 0)
				}
			}
			if busy {
				p.post(t, nil)
			}
			var all []*appointment
			doWait(t, l, func(l *Loop) {
				now := l.Group().Clock()
				for _, in := range []int64{30, 1, 5, 17, 0, 2, 40, 3} {
					a := &appointment{when: now + in, ran: make(chan int64, 8)}
					a.Owner = a
					l.Arm(&a.Timer, a.when)
					all = append(all, a)
				}
			})
			slices.SortStableFunc(all, func(a, b *appointment) int { return int(a.when - b.when) })
			last := int64(0)
			for _, a := range all {
				ran := await(t, a.ran, "a timer")
				if ran < a.when || ran > a.when+2000 {
					t.Errorf("a timer for %d ran at %d", a.when, ran)
				}
				if ran < last {
					t.Error("timers ran in another order")
				}
				last = ran
			}
			again := &appointment{again: 5, ran: make(chan int64, 8)}
			again.Owner = again
			never := &appointment{ran: make(chan int64, 8)}
			never.Owner = never
			doWait(t, l, func(l *Loop) {
				l.Arm(&never.Timer, l.Now()+10)
				l.Arm(&again.Timer, l.Now())
				l.Arm(&never.Timer, l.Now()+1)
				if !l.Disarm(&never.Timer) || l.Disarm(&never.Timer) {
					t.Error("Disarm lies")
				}
			})
			for range 5 {
				await(t, again.ran, "a timer that arms itself")
			}
			if len(never.ran) > 0 {
				t.Error("a disarmed timer ran")
			}
			end.Store(true)
			eventually(t, "no timer is left", func() bool { return l.Stats().Timers == 0 })
		})
	}
}

// TestTimersDuringTakeover: timers run on time while a turn is stuck.
func TestTimersDuringTakeover(t *testing.T) {
	g := startGroup(t, Options{Loops: 1})
	l := g.Loops()[0]
	a := &appointment{again: 10, ran: make(chan int64, 16)}
	a.Owner = a
	doWait(t, l, func(l *Loop) { l.Arm(&a.Timer, l.Now()+5) })
	p := newProbe(l)
	p.onMail = serveStuck
	s := newStuck()
	p.post(t, s)
	for range 10 {
		await(t, a.ran, "a timer")
	}
	close(s.leave)
}

// TestDo: tasks of one goroutine run in their order, between turns.
func TestDo(t *testing.T) {
	g := startGroup(t, Options{Loops: 1})
	l := g.Loops()[0]
	ran := 0 // the loop's
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			last := -1
			for i := range 500 {
				if !l.Do(func(*Loop) {
					if i != last+1 {
						t.Errorf("task %d after %d", i, last)
					}
					last = i
					ran++
				}) {
					t.Error("Do refused")
				}
			}
		})
	}
	running.Wait()
	doWait(t, l, func(*Loop) {
		if ran != 2000 {
			t.Errorf("%d tasks ran", ran)
		}
	})
}

// TestStatsMonotonic: what is counted since the start never gets less, also when the loop changes hands, and is exact
// when the loop sleeps.
func TestStatsMonotonic(t *testing.T) {
	g := startGroup(t, Options{Loops: 1})
	l := g.Loops()[0]
	p := newProbe(l)
	p.onMail = serveStuck
	const turns = 300
	for range turns {
		done := make(chan struct{})
		p.post(t, func() { close(done) })
		await(t, done, "a message")
	}
	eventually(t, "all are counted", func() bool { return l.Stats().Messages == turns })
	before := l.Stats()
	slow := newProbe(l)
	slow.onMail = serveStuck
	s := newStuck()
	slow.post(t, s)
	await(t, s.entered, "the slow turn")
	eventually(t, "the takeover", func() bool { return l.Stats().Takeovers == 1 })
	if after := l.Stats(); after.Messages < before.Messages || after.Turns < before.Turns {
		t.Errorf("%d messages in %d turns after %d in %d", after.Messages, after.Turns, before.Messages, before.Turns)
	}
	close(s.leave)
	eventually(t, "all are counted", func() bool { return l.Stats().Messages == turns+1 })
}

// TestStatsSum: a group's statistics are the sums of its loops'.
func TestStatsSum(t *testing.T) {
	g := startGroup(t, Options{Loops: 3})
	var running sync.WaitGroup
	for i := range 30 {
		p := newProbe(g.Next())
		running.Add(1)
		p.onMail = func(any) { running.Done() }
		p.post(t, i)
	}
	running.Wait()
	eventually(t, "all are counted", func() bool { return g.Stats().Messages == 30 })
	s := g.Stats()
	var sum Stats
	for _, one := range s.Loops {
		sum.Add(one)
		if one.Messages != 10 {
			t.Errorf("%d messages on one loop", one.Messages)
		}
	}
	if sum != s.Stats {
		t.Errorf("%+v is not the sum %+v", s.Stats, sum)
	}
	if s.MaxDetached != DefaultMaxDetached || s.ReadBuffers != 3*DefaultReadBuffer || s.Busy != 0 {
		t.Errorf("%+v", s)
	}
}

// TestWorkersLeaveNothing: a worker that goes away gives back what it lends to cells.
func TestWorkersLeaveNothing(t *testing.T) {
	noBufferLeak(t)
	g := startGroup(t, Options{Loops: 1})
	l := g.Loops()[0]
	a, b := streamPair(t)
	for _, blocking := range []bool{false, true} {
		p := newProbe(l)
		p.cell.blocking = blocking
		served := make(chan struct{})
		p.onTurn = func(w *Worker, _ Events) {
			o := w.Lend()
			o.Append([]byte("x"), false)
			o.Take()
			n, charge, _ := o.Flush(w, nil, a)
			o.Wrote(n, charge)
			w.Reclaim(o)
			close(served)
		}
		p.post(t, nil)
		await(t, served, "a turn")
	}
	drain(t, b)
	stopGroup(t, g)
}
