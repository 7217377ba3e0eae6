package actors_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/supervision"
)

// A clock is a connection or the System, to set timers on.
type clock struct {
	name  string
	every func(d time.Duration, n int, f, finished func()) (*actors.Timer, error)
	after func(d time.Duration, f func()) (*actors.Timer, error)
}

func clocks(t *testing.T) (s *actors.System, c *actors.Conn, p *probe, both []clock) {
	s = system(t, actors.Options{})
	p = newProbe(t)
	c, _ = one(t, s, p, actors.ListenOptions{ConnOptions: actors.ConnOptions{
		Supervision: supervision.Strategy{Decide: supervision.Always(supervision.Resume)}}})
	wrap := func(f func()) func(*actors.Conn) {
		if f == nil {
			return nil
		}
		return func(*actors.Conn) { f() }
	}
	return s, c, p, []clock{
		{"connection", func(d time.Duration, n int, f, finished func()) (*actors.Timer, error) {
			return c.Every(d, n, wrap(f), wrap(finished))
		}, func(d time.Duration, f func()) (*actors.Timer, error) { return c.After(d, wrap(f)) }},
		{"system", s.Every, s.After},
	}
}

func TestTimerRepetitions(t *testing.T) {
	_, _, _, both := clocks(t)
	for _, k := range both {
		t.Run(k.name, func(t *testing.T) {
			for _, n := range []int{1, 2, 7} {
				calls := 0
				finished := make(chan int, 4)
				const d = 3 * time.Millisecond
				begin := time.Now()
				timer, err := k.every(d, n, func() { calls++ }, func() { finished <- calls })
				if err != nil {
					t.Fatal(err)
				}
				if got := get(t, finished, "the finish hook"); got != n {
					t.Errorf("called %d times of %d", got, n)
				}
				if spent := time.Since(begin); spent < time.Duration(n)*(d-time.Millisecond) {
					t.Errorf("%d times %v took %v", n, d, spent)
				}
				if timer.Stop() {
					t.Error("it was running still")
				}
				if len(finished) != 0 {
					t.Error("finished twice")
				}
			}
		})
	}
}

func TestTimerBadInput(t *testing.T) {
	_, _, _, both := clocks(t)
	for _, k := range both {
		never := func() { t.Error("called") }
		for _, test := range []struct {
			d time.Duration
			n int
			f func()
		}{{-1, 1, never}, {1 << 62, 1, never}, {time.Second, -1, never}, {time.Second, 1, nil}} {
			if timer, err := k.every(test.d, test.n, test.f, never); timer != nil || !errors.Is(err, actors.ErrBadOption) {
				t.Errorf("%s: Every(%v, %d) = %v, %v", k.name, test.d, test.n, timer, err)
			}
		}
	}
}

func TestTimerStop(t *testing.T) {
	_, _, _, both := clocks(t)
	for _, k := range both {
		t.Run(k.name, func(t *testing.T) {
			// Before it is due, from its own function, by many at once while it runs.
			finished := make(chan int, 16)
			timer, _ := k.every(time.Hour, 0, func() { t.Error("called") }, func() { finished <- 0 })
			if !timer.Stop() || timer.Stop() {
				t.Error("Stop")
			}
			get(t, finished, "the finish hook")
			var own *actors.Timer
			ready := make(chan struct{})
			calls := 0
			own, _ = k.every(time.Millisecond, 0, func() {
				<-ready
				if calls++; calls == 3 {
					own.Stop()
				}
			}, func() { finished <- calls })
			close(ready)
			if n := get(t, finished, "the finish hook"); n != 3 {
				t.Errorf("called %d times", n)
			}
			for range 50 {
				var ran, over atomic.Int32
				ended := make(chan struct{}, 4)
				timer, err := k.every(0, 0, func() {
					if over.Load() > 0 {
						t.Error("called after its finish hook")
					}
					ran.Add(1)
				}, func() { over.Add(1); ended <- struct{}{} })
				if err != nil {
					t.Fatal(err)
				}
				var stops atomic.Int32
				var wg sync.WaitGroup
				for range 4 {
					wg.Go(func() {
						for ran.Load() == 0 {
						}
						if timer.Stop() {
							stops.Add(1)
						}
					})
				}
				wg.Wait()
				get(t, ended, "the finish hook")
				if stops.Load() != 1 || over.Load() != 1 {
					t.Errorf("stopped %d times, finished %d times", stops.Load(), over.Load())
				}
			}
			if len(finished) != 0 {
				t.Error("finished twice")
			}
		})
	}
}

// The delay to the next call begins when the call ends.
func TestTimerDelayIsFixed(t *testing.T) {
	s, _, _, both := clocks(t)
	for _, k := range both {
		var ends []time.Time
		finished := make(chan struct{})
		const d = 10 * time.Millisecond
		k.every(d, 4, func() {
			if n := len(ends); n > 0 && time.Since(ends[n-1]) < d-time.Millisecond {
				t.Errorf("%s: called %v after the call before had ended", k.name, time.Since(ends[n-1]))
			}
			wait := make(chan struct{})
			s.After(15*time.Millisecond, func() { close(wait) })
			<-wait
			ends = append(ends, time.Now())
		}, func() { close(finished) })
		get(t, finished, "the finish hook")
	}
}

func TestTimerOrder(t *testing.T) {
	_, c, _, both := clocks(t)
	var order []int
	done := make(chan struct{})
	ready := make(chan struct{})
	c.Do(func(*actors.Conn) {
		for i, ms := range []int{30, 10, 20, 10, 0, 30} {
			both[0].after(time.Duration(ms)*time.Millisecond, func() {
				if order = append(order, i); len(order) == 6 {
					close(done)
				}
			})
		}
		close(ready)
	}, nil)
	get(t, ready, "task")
	get(t, done, "the last timer")
	for i, want := range []int{4, 1, 3, 2, 0, 5} {
		if order[i] != want {
			t.Fatalf("order %v", order)
		}
	}
}

func TestTimerSurvivesPanic(t *testing.T) {
	_, c, _, both := clocks(t)
	for _, k := range both {
		t.Run(k.name, func(t *testing.T) {
			calls := 0
			finished := make(chan int, 4)
			k.every(time.Millisecond, 3, func() { calls++; panic("in a timer") }, func() { finished <- calls })
			if n := get(t, finished, "the finish hook"); n != 3 {
				t.Errorf("called %d times", n)
			}
			k.every(time.Millisecond, 1, func() { calls++ }, func() { finished <- calls; panic("in a finish hook") })
			get(t, finished, "the finish hook")
		})
	}
	served(t, c)
}

// Whatever ends a connection ends its timers, each with its finish hook, once, before OnClose.
func TestTimerEndsWithItsConnection(t *testing.T) {
	s := system(t, actors.Options{})
	for range 20 {
		p := newProbe(t)
		var asked, finished atomic.Int32
		p.close = func(*actors.Conn, actors.Reason) {
			if finished.Load() != asked.Load() {
				t.Errorf("%d of %d finish hooks before OnClose", finished.Load(), asked.Load())
			}
		}
		c, client := one(t, s, p, actors.ListenOptions{ConnOptions: actors.ConnOptions{
			Supervision: supervision.Strategy{Decide: supervision.Always(supervision.Resume)}}})
		for i := range 20 {
			asked.Add(1)
			timer, err := c.Every(time.Duration(i%3)*time.Millisecond, i%4, func(*actors.Conn) {}, func(*actors.Conn) {
				if finished.Add(1); i == 3 {
					panic("in a finish hook")
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			if i%5 == 0 {
				go timer.Stop()
			}
		}
		client.Close()
		get(t, p.closed, "OnClose")
		if finished.Load() != 20 {
			t.Errorf("%d finish hooks", finished.Load())
		}
		c.Listener().Close()
	}
}

func TestTimerBound(t *testing.T) {
	s := system(t, actors.Options{MaxTimers: 2, MaxTasks: 2})
	for range 2 {
		if _, err := s.After(time.Hour, func() {}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.After(time.Hour, func() {}); !errors.Is(err, actors.ErrBadOption) {
		t.Error(err)
	}
	begun, goOn := make(chan struct{}), make(chan struct{})
	s.Defer(func() { close(begun); <-goOn })
	get(t, begun, "task")
	for range 2 {
		if err := s.Defer(func() {}); err != nil {
			t.Error(err)
		}
	}
	if err := s.Defer(func() {}); !errors.Is(err, actors.ErrMailboxFull) || s.Stats().RefusedTasks != 1 {
		t.Error(err)
	}
	close(goOn)
	if err := s.Defer(nil); !errors.Is(err, actors.ErrBadOption) {
		t.Error(err)
	}
}

// Tasks run in the order in which one goroutine defers them, never two at a time, and panics concern nobody else.
func TestTimerDeferIsFIFO(t *testing.T) {
	s := system(t, actors.Options{})
	const each = 2000
	var last [4]int // by tasks only
	var wg sync.WaitGroup
	n := 0
	for g := range last {
		wg.Go(func() {
			for i := 1; i <= each; i++ {
				if err := s.Defer(func() {
					n++
					if last[g] != i-1 {
						t.Errorf("goroutine %d: task %d after %d", g, i, last[g])
					}
					if last[g] = i; i%500 == 0 {
						panic("in a task")
					}
				}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	done := make(chan int)
	s.Defer(func() { done <- n })
	if got := get(t, done, "the last task"); got != len(last)*each {
		t.Errorf("%d tasks ran", got)
	}
	until(t, "no task waits", func() bool { return s.Stats().Tasks == 0 })
}

// Exactly one of task and fallback, whatever happens.
func TestTimerDoAndFallback(t *testing.T) {
	s := system(t, actors.Options{})
	for i := range 100 {
		p := newProbe(t)
		c, client := one(t, s, p, actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxMailbox: 8}})
		var asked, ran, fell atomic.Int32
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 20 {
					asked.Add(1)
					before := fell.Load()
					if err := c.Do(func(*actors.Conn) { ran.Add(1) }, func() { fell.Add(1) }); err != nil && fell.Load() == before {
						t.Error("refused, and no fallback before Do returned")
					}
				}
			})
		}
		wg.Go(func() {
			switch i % 3 {
			case 0:
				c.Close()
			case 1:
				client.Close()
			default:
				c.ForceClose()
			}
		})
		wg.Wait()
		get(t, p.closed, "OnClose")
		until(t, "each task has run or not", func() bool { return ran.Load()+fell.Load() == asked.Load() })
		c.Listener().Close()
	}
	var c actors.Conn
	if err := c.Do(nil, nil); !errors.Is(err, actors.ErrBadOption) {
		t.Error(err)
	}
}

func TestTimerOnIdleOncePerSpell(t *testing.T) {
	s := system(t, actors.Options{})
	var order []int // by tasks only
	idle := make(chan int, 16)
	for i := range 2 {
		if err := s.OnIdle(func() {
			order = append(order, i)
			idle <- i
		}); err != nil {
			t.Fatal(err)
		}
	}
	for spell := range 2 {
		for i := range 2 {
			if got := get(t, idle, "OnIdle"); got != i {
				t.Errorf("spell %d: %d, want %d", spell, got, i)
			}
		}
		if spell == 0 { // and not again, for two more looks
			quiet := time.NewTimer(2500 * time.Millisecond)
			select {
			case <-idle:
				t.Error("twice in one spell")
			case <-quiet.C:
			}
			for range 200 {
				s.Defer(func() {})
			}
		}
	}
	if err := s.OnIdle(nil); !errors.Is(err, actors.ErrBadOption) {
		t.Error(err)
	}
}
