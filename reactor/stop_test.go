//go:build unix

package reactor

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestStopIdle(t *testing.T) {
	for range 20 {
		g := startGroup(t, Options{Loops: 3})
		stopGroup(t, g)
		stopGroup(t, g) // again does no harm
		if g.Next().Do(func(*Loop) { t.Error("a task ran after the end") }) {
			t.Error("Do after the end")
		}
	}
}

// TestStopStuck: Stop with turns that do not end answers in time, and can be waited for again; then every descriptor
// is closed and every goroutine gone.
func TestStopStuck(t *testing.T) {
	for name, declared := range map[string]bool{"taken over": false, "declared": true} {
		t.Run(name, func(t *testing.T) {
			before := runtime.NumGoroutine()
			g := startGroup(t, Options{Loops: 2})
			var items []*stuck
			var fds []int
			for range 6 {
				p := newProbe(g.Next())
				p.cell.blocking, p.onMail = declared, serveStuck
				a, b := streamPair(t)
				owned.Delete(a) // the probe's to close
				fds = append(fds, b)
				p.register(t, a, Readable)
				s := newStuck()
				items = append(items, s)
				p.post(t, s)
				if err := p.cell.Post("left over", 0); err != nil {
					t.Fatal(err)
				}
			}
			for _, s := range items {
				await(t, s.entered, "a stuck turn")
			}
			eventually(t, "all are beside the loop", func() bool { return g.Stats().Busy == len(items) })
			ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
			defer cancel()
			start := time.Now()
			if err := g.Stop(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("Stop = %v", err)
			}
			if took := time.Since(start); took > 2*time.Second {
				t.Errorf("Stop took %v", took)
			}
			for _, s := range items {
				close(s.leave)
			}
			stopGroup(t, g)
			for _, fd := range fds {
				awaitFD(t, fd, unix.POLLIN)
				if n, errno := Read(fd, make([]byte, 1)); n != 0 || errno != 0 {
					t.Errorf("the peer is not closed: %d, %v", n, errno)
				}
			}
			eventually(t, "all goroutines are gone", func() bool { return runtime.NumGoroutine() <= before })
		})
	}
}

// TestStopBesideTakeover stops a group while a turn ends at the very moment it is taken over: Stop must not miss the
// new owner of the loop.
func TestStopBesideTakeover(t *testing.T) {
	for range 60 {
		g := startGroup(t, Options{Loops: 1, TakeoverAfter: 500 * time.Microsecond})
		l := g.Loops()[0]
		p := newProbe(l)
		entered := make(chan struct{})
		p.onMail = func(any) {
			word := l.state.Load()
			close(entered)
			for l.state.Load() == word { // leave as soon as the loop is lost
			}
		}
		p.post(t, nil)
		await(t, entered, "the turn")
		stopGroup(t, g)
		l.inMu.Lock()
		ended := l.ended
		l.inMu.Unlock()
		if !ended {
			t.Fatal("Stop returned, and the loop has not ended")
		}
	}
}

// TestStopBesideDo: a task that Do accepted is run, also at the end.
func TestStopBesideDo(t *testing.T) {
	for range 100 {
		g := startGroup(t, Options{Loops: 1})
		l := g.Loops()[0]
		for range 32 { // the end takes a while
			p := newProbe(l)
			a, _ := streamPair(t)
			p.onStop = func(l *Loop) { l.Unregister(&p.cell) }
			p.register(t, a, 0)
		}
		var accepted, run atomic.Int64
		var running sync.WaitGroup
		begun := make(chan struct{}, 2)
		for range 2 {
			running.Go(func() {
				begun <- struct{}{}
				for l.Do(func(*Loop) { run.Add(1) }) {
					accepted.Add(1)
					for range 50 {
						accepted.Load()
					}
				}
			})
		}
		<-begun
		<-begun
		stopGroup(t, g)
		running.Wait()
		if accepted.Load() != run.Load() {
			t.Fatalf("%d tasks were accepted, %d run", accepted.Load(), run.Load())
		}
	}
}

// TestStopUnderPosts: mail that keeps coming from outside does not keep a loop from ending.
func TestStopUnderPosts(t *testing.T) {
	g := startGroup(t, Options{Loops: 1})
	p := newProbe(g.Next())
	p.onMail = func(any) {}
	end := make(chan struct{})
	var running sync.WaitGroup
	for range 3 {
		running.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
					p.cell.Post(nil, 100)
				}
			}
		})
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := g.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	close(end)
	running.Wait()
}

// TestStopUnderSelfPosts: neither does a cell that always has more to do.
func TestStopUnderSelfPosts(t *testing.T) {
	g := startGroup(t, Options{Loops: 1})
	p := newProbe(g.Next())
	var end atomic.Bool
	p.onMail = func(any) {
		if !end.Load() {
			p.cell.Post(nil, 0)
		}
	}
	p.post(t, nil)
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if err := g.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
	end.Store(true)
}

// TestAfterlifeOverlap: after the end of its loop a cell's turns must not overlap either. Here one waits for a
// goroutine while the end comes, and gets mail.
func TestAfterlifeOverlap(t *testing.T) {
	a, b := streamPair(t)
	g := startGroup(t, Options{Loops: 2, MaxDetached: 2})
	items := []*stuck{newStuck(), newStuck()}
	for i, s := range items {
		p := blockingProbe(t, g.Loops()[i])
		p.post(t, s)
		await(t, s.entered, "a stuck turn")
	}
	late := blockingProbe(t, g.Loops()[0])
	stopped := false
	late.onStop = func(l *Loop) {
		stopped = true
		l.Unregister(&late.cell)
	}
	entered, leave := make(chan struct{}, 4), make(chan struct{})
	late.onTurn = func(_ *Worker, ready Events) {
		if stopped && ready != 0 {
			t.Error("a turn for a descriptor that was released")
		}
		entered <- struct{}{}
		<-leave
	}
	late.register(t, a, Readable)
	mustWrite(t, b, "x")
	eventually(t, "it waits", func() bool { return g.Stats().Waiting == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if err := g.Stop(ctx); err == nil {
		t.Error("Stop did not wait")
	}
	late.post(t, nil) // not in a turn yet: it goes to the inbox
	close(items[0].leave)
	await(t, entered, "the late cell's turn")
	close(items[1].leave)
	select {
	case <-entered:
		t.Error("another turn began beside the first")
	case <-time.After(100 * time.Millisecond): // for what must not happen
	}
	close(leave)
}

// TestAfterlifeMail: mail that came while a turn was stuck is served when that ends after its loop.
func TestAfterlifeMail(t *testing.T) {
	a, b := streamPair(t)
	g := startGroup(t, Options{Loops: 1})
	l := g.Loops()[0]
	p := newProbe(l)
	p.onStop = func(l *Loop) { l.Unregister(&p.cell) }
	s, served := newStuck(), make(chan struct{})
	p.onMail = func(any) { close(served) }
	p.onTurn = func(_ *Worker, ready Events) {
		if p.most = 0; ready != 0 {
			p.most = -1 // leave the mail to another turn
			close(s.entered)
			<-s.leave
		}
	}
	p.register(t, a, Readable)
	doWait(t, l, func(*Loop) { // both are there at the next wait; the event comes first
		mustWrite(t, b, "x")
		p.cell.Post(nil, 0)
	})
	await(t, s.entered, "the stuck turn")
	eventually(t, "the takeover", func() bool { return g.Stats().Busy == 1 })
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	g.Stop(ctx)
	close(s.leave)
	select {
	case <-served:
	case <-time.After(time.Second):
		t.Error("the mail was never served")
	}
}

// TestAfterlifeGoexit: user code that ends its goroutine, again and again, does not keep Stop from its end.
func TestAfterlifeGoexit(t *testing.T) {
	for name, declared := range map[string]bool{"taken over": false, "declared": true} {
		t.Run(name, func(t *testing.T) {
			g := startGroup(t, Options{Loops: 1})
			p := newProbe(g.Next())
			p.cell.blocking = declared
			s := newStuck()
			p.most = 1
			last := make(chan struct{})
			p.onMail = func(v any) {
				switch v := v.(type) {
				case *stuck:
					serveStuck(v)
				case nil:
					close(last)
				}
				runtime.Goexit()
			}
			p.post(t, s)
			await(t, s.entered, "the stuck turn")
			eventually(t, "it is beside the loop", func() bool { return g.Stats().Busy == 1 })
			p.post(t, 1)
			p.post(t, 2)
			p.post(t, nil)
			ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
			defer cancel()
			if err := g.Stop(ctx); err == nil {
				t.Error("Stop did not wait")
			}
			close(s.leave)
			await(t, last, "the last message")
		})
	}
}
