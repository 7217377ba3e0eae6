package actors_test

import (
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
)

// A slow OnOpen: what the peer sends, what others send, write and ask for meanwhile comes after it.
func TestConnNothingBeforeOpenHasEnded(t *testing.T) {
	p := newProbe(t)
	inOpen, goOn := make(chan *actors.Conn), make(chan struct{})
	var order []string
	done := make(chan struct{})
	p.open = func(c *actors.Conn) {
		inOpen <- c
		<-goOn
		order = append(order, "open")
	}
	p.data = func(_ *actors.Conn, b []byte) int {
		order = append(order, "data "+string(b))
		close(done)
		return len(b)
	}
	p.message = func(_ *actors.Conn, m any) { order = append(order, m.(string)) }
	s := system(t, actors.Options{Loops: 1})
	ln := listen(t, s, p.factory(), actors.ListenOptions{})
	client := peer(t, ln.Addr())
	c := get(t, inOpen, "OnOpen")
	mustSend(t, client, "early")
	c.Send("message")
	c.Do(func(*actors.Conn) { order = append(order, "task") }, nil)
	c.WriteString("written")
	// Another connection shows that the loop goes on, and has seen the bytes.
	other := newProbe(t)
	_, client2 := one(t, s, other, actors.ListenOptions{})
	client2.Close()
	other.wantClose(actors.PeerClosed)
	if len(order) != 0 {
		t.Errorf("before OnOpen returned: %q", order)
	}
	close(goOn)
	get(t, done, "data")
	mustGet(t, client, "written")
	want := []string{"open", "message", "task", "data early"}
	for i := range want {
		if i >= len(order) || order[i] != want[i] {
			t.Fatalf("%q, want %q", order, want)
		}
	}
}

// Everything at once on one connection: the probe's plain fields and the handlers' plain counter show whether two
// callbacks ever ran at the same time.
func TestConnCallbacksNeverOverlap(t *testing.T) {
	p := newProbe(t)
	n := 0 // by callbacks only
	count := func() { n++ }
	p.data = func(c *actors.Conn, b []byte) int { count(); return len(b) - rand.IntN(min(len(b), 3)) }
	p.message = func(*actors.Conn, any) { count() }
	p.drained = func(*actors.Conn) { count() }
	p.timeout = func(*actors.Conn) { count() }
	p.open = func(c *actors.Conn) {
		count()
		c.Subscribe("news", actors.SubscribeOptions{
			Handler:        func(*actors.Conn, *pubsub.Message) { count() },
			OnUnsubscribed: func(*actors.Conn, *pubsub.Subscription) { count() },
		})
		c.Subscribe("news", actors.SubscribeOptions{})
		c.Every(time.Millisecond, 0, func(*actors.Conn) { count() }, func(*actors.Conn) { count() })
		c.SetTimeout(time.Millisecond)
	}
	p.close = func(*actors.Conn, actors.Reason) { count() }
	s := system(t, actors.Options{})
	c, client := one(t, s, p, actors.ListenOptions{ConnOptions: actors.ConnOptions{SlowPolicy: actors.DropOldest, CloseTimeout: time.Second}})
	go io.Copy(io.Discard, client)
	var wg sync.WaitGroup
	var tasks, fallbacks, asked atomic.Int64
	act := func(f func()) {
		wg.Go(func() {
			for range 300 {
				f()
			}
		})
	}
	act(func() { client.Write([]byte("some bytes")) })
	act(func() { c.WriteString("some bytes") })
	act(func() { c.Send("message") })
	act(func() { s.Root().Send(c.PID(), "message") })
	act(func() { s.Broker().Publish("news", []byte("news")) })
	act(func() {
		asked.Add(1)
		c.Do(func(*actors.Conn) { count(); tasks.Add(1) }, func() { fallbacks.Add(1) })
	})
	act(func() { c.After(0, func(*actors.Conn) { count() }) })
	act(func() { c.Trigger(actors.EventTimeout); c.Trigger(actors.EventDrained); c.Trigger(actors.EventData) })
	act(func() { c.Suspend(); c.Resume() })
	act(func() {
		c.Buffered()
		c.Dropped()
		c.LocalAddr()
		c.RemoteAddr()
		c.Ref()
		c.Tags()
		c.SetTimeout(time.Millisecond)
	})
	act(func() { c.SetTag("a"); c.DropTag("a") })
	wg.Wait()
	served(t, c)
	c.Close()
	p.wantClose(actors.LocalClose)
	until(t, "the connection is gone", func() bool { return s.Count() == 0 })
	if tasks.Load()+fallbacks.Load() != asked.Load() || tasks.Load() == 0 {
		t.Errorf("%d tasks and %d fallbacks of %d", tasks.Load(), fallbacks.Load(), asked.Load())
	}
}

// Close by many at once, and everything else meanwhile: OnClose comes once.
func TestConnCloseRaces(t *testing.T) {
	s := system(t, actors.Options{})
	for range 50 {
		p := newProbe(t)
		c, client := one(t, s, p, actors.ListenOptions{})
		var wg sync.WaitGroup
		var finished, asked, ended atomic.Int64
		for _, f := range []func(){
			c.Close, c.ForceClose,
			func() { c.Fail(errTest) },
			func() { s.Root().Stop(c.PID()) },
			func() { client.Close() },
			func() { c.WriteString("x") },
			func() { c.Swap(newProbe(t)) },
			func() { c.Subscribe("x", actors.SubscribeOptions{}) },
			func() { c.SetTag("tag") },
			func() {
				if _, err := c.Every(time.Hour, 0, func(*actors.Conn) {}, func(*actors.Conn) { finished.Add(1) }); err == nil {
					asked.Add(1)
				}
			},
			func() { c.Do(func(*actors.Conn) { ended.Add(1) }, func() { ended.Add(1) }) },
		} {
			wg.Go(f)
		}
		wg.Wait()
		until(t, "the connection is gone", func() bool { return s.Count() == 0 })
		if finished.Load() != asked.Load() {
			t.Errorf("%d timers finished of %d", finished.Load(), asked.Load())
		}
		if ended.Load() != 1 {
			t.Errorf("task or fallback ran %d times", ended.Load())
		}
		if _, ok := s.Tagged("tag"); ok {
			t.Error("the tag outlived its connection")
		}
		c.Listener().Close()
	}
}

// After Close nothing but OnClose is called, though the connection waits for its peer.
func TestConnNoCallbackWhileClosing(t *testing.T) {
	p := newProbe(t)
	called := make(chan string, 64)
	p.data = func(_ *actors.Conn, b []byte) int { called <- "OnData"; return len(b) }
	p.drained = func(*actors.Conn) { called <- "OnDrained" }
	p.timeout = func(*actors.Conn) { called <- "OnTimeout" }
	p.message = func(_ *actors.Conn, m any) { called <- "OnMessage" }
	s := system(t, actors.Options{})
	c, client := one(t, s, p, actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: 64 << 20}})
	victim := spawn(s, func(any) {})
	watching := make(chan struct{})
	c.Do(func(c *actors.Conn) { c.Context().Watch(victim); close(watching) }, nil)
	get(t, watching, "task")
	c.SetTimeout(5 * time.Millisecond)
	c.Every(time.Millisecond, 0, func(*actors.Conn) {}, nil)
	n := fill(t, c)
	for len(called) > 0 {
		<-called
	}
	c.Do(func(c *actors.Conn) {
		for len(called) > 0 {
			<-called
		}
		c.Close()
	}, nil)
	until(t, "the connection closes", c.Closed)
	mustSend(t, client, "unheard")
	c.Send("unheard")
	c.Trigger(actors.EventData)
	c.Trigger(actors.EventDrained)
	c.Trigger(actors.EventTimeout)
	if err := s.Root().StopFuture(victim).Wait(); err != nil {
		t.Fatal(err)
	}
	barrier := make(chan struct{})
	s.After(20*time.Millisecond, func() { close(barrier) })
	get(t, barrier, "timer")
	io.CopyN(io.Discard, client, int64(n))
	p.wantClose(actors.LocalClose)
	close(called)
	for name := range called {
		t.Error(name, "after Close")
	}
}

// The idle timeout is not due while bytes move, in either direction, or while a callback runs.
func TestConnTimeoutMeansIdle(t *testing.T) {
	const idle = 100 * time.Millisecond
	for _, test := range []struct {
		name string
		size int
		from string
	}{
		{"small writes", 10, "callback"}, {"large writes", 20_000, "callback"}, {"large writes from outside", 20_000, "outside"},
		{"reads", 10, "peer"},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProbe(t)
			timeouts := 0
			p.timeout = func(*actors.Conn) { timeouts++ }
			s := system(t, actors.Options{})
			c, client := one(t, s, p, actors.ListenOptions{ConnOptions: actors.ConnOptions{IdleTimeout: idle}})
			go io.Copy(io.Discard, client)
			block := make([]byte, test.size)
			done := make(chan int)
			s.Every(idle/5, 20, func() {
				switch test.from {
				case "callback":
					c.Do(func(c *actors.Conn) { c.Write(block) }, nil)
				case "outside":
					c.Write(block)
				case "peer":
					client.Write(block)
				}
			}, func() {
				c.Do(func(*actors.Conn) { done <- timeouts }, nil)
			})
			if n := get(t, done, "the end"); n != 0 {
				t.Errorf("OnTimeout %d times while bytes moved", n)
			}
		})
	}
}

func TestConnTimeoutComesAgain(t *testing.T) {
	p := newProbe(t)
	times := make(chan time.Time, 64)
	p.timeout = func(c *actors.Conn) {
		if times <- time.Now(); len(times) == 5 {
			c.SetTimeout(0)
		}
	}
	begin := time.Now()
	c, _ := one(t, system(t, actors.Options{}), p, actors.ListenOptions{ConnOptions: actors.ConnOptions{IdleTimeout: 10 * time.Millisecond}})
	last := begin
	for range 5 {
		at := get(t, times, "OnTimeout")
		if d := at.Sub(last); d < 8*time.Millisecond { // turns may be late, and the next is early then
			t.Logf("%v after the one before", d)
		}
		last = at
	}
	if last.Sub(begin) < 45*time.Millisecond {
		t.Errorf("five timeouts within %v", last.Sub(begin))
	}
	served(t, c)
	if len(times) != 0 {
		t.Error("OnTimeout after SetTimeout(0)")
	}
}

func TestConnNoTimeoutWithinCallback(t *testing.T) {
	p := newProbe(t)
	timeouts := make(chan struct{}, 16)
	p.timeout = func(*actors.Conn) { timeouts <- struct{}{} }
	s := system(t, actors.Options{})
	within := make(chan int, 1)
	p.data = func(c *actors.Conn, b []byte) int {
		done := make(chan struct{})
		s.After(60*time.Millisecond, func() { close(done) })
		<-done
		within <- len(timeouts)
		c.Close()
		return len(b)
	}
	_, client := one(t, s, p, actors.ListenOptions{ConnOptions: actors.ConnOptions{IdleTimeout: 5 * time.Millisecond}})
	get(t, timeouts, "a first OnTimeout")
	mustSend(t, client, "x")
	get(t, within, "OnData")
	p.wantClose(actors.LocalClose)
}
