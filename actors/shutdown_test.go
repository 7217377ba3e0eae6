package actors_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"golang.org/x/sys/unix"
)

func shutdownWithin(s *actors.System, d time.Duration) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	begin := time.Now()
	err := s.Shutdown(ctx)
	return time.Since(begin), err
}

func TestShutdownSaysGoodbye(t *testing.T) {
	s := looseSystem(t, actors.Options{})
	var clients []net.Conn
	var probes []*probe
	for i := range 20 {
		p := newProbe(t)
		p.shutdown = func(c *actors.Conn) time.Duration {
			c.WriteString("goodbye")
			if i%2 == 0 {
				return 20 * time.Millisecond
			}
			return 0
		}
		_, client := one(t, s, p, actors.ListenOptions{})
		client.Write(make([]byte, 100_000)) // some of it may be unread when the connection closes
		clients, probes = append(clients, client), append(probes, p)
	}
	result := make(chan error, 1)
	go func() { _, err := shutdownWithin(s, patience); result <- err }()
	for _, c := range clients {
		wantEnd(t, c, "goodbye")
		c.Close()
	}
	if err := get(t, result, "the end of Shutdown"); err != nil {
		t.Error(err)
	}
	for _, p := range probes {
		p.wantClose(actors.Shutdown)
	}
}

func TestShutdownGivesTheTimeThatIsAskedFor(t *testing.T) {
	s := looseSystem(t, actors.Options{})
	p := newProbe(t)
	asked := make(chan time.Time, 1)
	p.shutdown = func(*actors.Conn) time.Duration { asked <- time.Now(); return 50 * time.Millisecond }
	p.data = func(c *actors.Conn, b []byte) int { c.Write(b); return len(b) }
	q := newProbe(t) // needs less than it asked for
	q.shutdown = func(c *actors.Conn) time.Duration {
		c.After(5*time.Millisecond, func(c *actors.Conn) { c.Close() })
		return time.Hour
	}
	_, client := one(t, s, p, actors.ListenOptions{})
	one(t, s, q, actors.ListenOptions{})
	result := make(chan error, 1)
	go func() { _, err := shutdownWithin(s, patience); result <- err }()
	at := get(t, asked, "OnShutdown")
	mustSend(t, client, "still here?")
	mustGet(t, client, "still here?")
	p.wantClose(actors.Shutdown)
	if d := time.Since(at); d < 50*time.Millisecond-tick {
		t.Errorf("closed after %v", d)
	}
	q.wantClose(actors.LocalClose)
	client.Close()
	if err := get(t, result, "the end of Shutdown"); err != nil {
		t.Error(err)
	}
}

func TestShutdownOfPeersThatNeverRead(t *testing.T) {
	for _, cancelled := range []bool{false, true} {
		s := looseSystem(t, actors.Options{})
		var probes []*probe
		for range 5 {
			p := newProbe(t)
			c, _ := one(t, s, p, actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: 64 << 20, CloseTimeout: time.Hour}})
			fill(t, c)
			probes = append(probes, p)
		}
		easy := newProbe(t)
		one(t, s, easy, actors.ListenOptions{})
		const limit = 500 * time.Millisecond
		want := context.DeadlineExceeded
		ctx, cancel := context.WithTimeout(context.Background(), limit)
		if cancelled {
			cancel()
			want = context.Canceled
			ctx, cancel = context.WithCancel(context.Background())
			go func() {
				get(t, easy.closed, "OnClose")
				for s.Count() > 5 { // OnClose is called before it is off the list
					runtime.Gosched()
				}
				cancel()
			}()
		}
		begin := time.Now()
		err := s.Shutdown(ctx)
		cancel()
		var failure *actors.ShutdownError
		if !errors.As(err, &failure) || failure.Forced != 5 || failure.Stuck != 0 || !errors.Is(err, want) {
			t.Errorf("cancelled %v: %v", cancelled, err)
		}
		if d := time.Since(begin); d > limit+time.Second {
			t.Errorf("took %v", d)
		}
		for _, p := range probes {
			if r := p.wantClose(actors.Shutdown); r.Lost == 0 {
				t.Error(r)
			}
		}
		if again := s.Shutdown(context.Background()); again != err {
			t.Errorf("the second call: %v", again)
		}
	}
}

func TestShutdownWithStuckCallback(t *testing.T) {
	s := looseSystem(t, actors.Options{})
	p := newProbe(t)
	begun, release := make(chan struct{}), make(chan struct{})
	p.data = func(_ *actors.Conn, b []byte) int { close(begun); <-release; return len(b) }
	_, client := one(t, s, p, actors.ListenOptions{})
	easy := newProbe(t)
	_, easyClient := one(t, s, easy, actors.ListenOptions{})
	mustSend(t, client, "x")
	get(t, begun, "OnData")
	stopped := false
	s.OnStop(func() { stopped = true })
	d, err := shutdownWithin(s, 300*time.Millisecond)
	var failure *actors.ShutdownError
	if !errors.As(err, &failure) || failure.Stuck != 1 || failure.Forced != 0 || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v", err)
	}
	if d > 2*time.Second {
		t.Errorf("took %v", d)
	}
	easy.wantClose(actors.Shutdown)
	wantEnd(t, easyClient, "")
	if !stopped {
		t.Error("the stop hook did not run")
	}
	close(release)
	p.wantClose(actors.Shutdown)
	wantEnd(t, client, "")
}

func TestShutdownTwice(t *testing.T) {
	s := looseSystem(t, actors.Options{})
	p := newProbe(t)
	hold := make(chan struct{})
	begun := make(chan struct{})
	p.shutdown = func(*actors.Conn) time.Duration { close(begun); <-hold; return 0 }
	one(t, s, p, actors.ListenOptions{})
	first := make(chan error, 1)
	go func() { _, err := shutdownWithin(s, patience); first <- err }()
	get(t, begun, "OnShutdown")
	if _, err := shutdownWithin(s, 10*time.Millisecond); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("the second call: %v", err)
	}
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if _, err := shutdownWithin(s, patience); err != nil {
				t.Error(err)
			}
		})
	}
	close(hold)
	wg.Wait()
	if err := get(t, first, "the end of Shutdown"); err != nil {
		t.Error(err)
	}
	if _, err := shutdownWithin(s, patience); err != nil {
		t.Error(err)
	}
}

func TestShutdownRefusesWhatIsNew(t *testing.T) {
	s := looseSystem(t, actors.Options{})
	var order []int
	for i := range 3 {
		s.OnStop(func() {
			if order = append(order, i); i == 1 {
				panic("in a stop hook")
			}
			if s.Count() != 0 {
				t.Error("OnStop while there are connections")
			}
		})
	}
	var finished atomic.Int32
	for range 5 {
		s.Every(time.Hour, 0, func() {}, func() { finished.Add(1) })
	}
	if _, err := shutdownWithin(s, patience); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(order, []int{2, 1, 0}) || finished.Load() != 5 {
		t.Errorf("stop hooks %v, %d finish hooks", order, finished.Load())
	}
	f := actors.Shared(actors.Base{})
	_, listenErr := s.Listen("tcp", "127.0.0.1:0", f, actors.ListenOptions{})
	_, dialErr := s.Dial("tcp", "127.0.0.1:1", f, actors.DialOptions{})
	_, afterErr := s.After(0, func() {})
	for name, err := range map[string]error{
		"Listen": listenErr, "Dial": dialErr, "After": afterErr, "Defer": s.Defer(func() {}), "OnStop": s.OnStop(func() {}),
		"OnIdle": s.OnIdle(func() {}),
	} {
		if !errors.Is(err, actors.ErrShutdown) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Shutdown while clients storm the listener: every connection that was opened is closed.
func TestShutdownWhileAccepting(t *testing.T) {
	for range 50 {
		s := looseSystem(t, actors.Options{})
		var opens, closes atomic.Int32
		finished := make(chan struct{})
		ln := listen(t, s, func() actors.Protocol { return &tally{opens: &opens, closes: &closes} },
			actors.ListenOptions{OnFinish: func(*actors.Listener) { close(finished) }})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 8 {
					if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
						wg.Go(func() { c.SetDeadline(time.Now().Add(patience)); io.Copy(io.Discard, c); c.Close() })
					}
				}
			})
		}
		until(t, "somebody comes", func() bool { return opens.Load() > 0 })
		if _, err := shutdownWithin(s, patience); err != nil {
			t.Error(err)
		}
		wg.Wait()
		if opens.Load() != closes.Load() || s.Count() != 0 {
			t.Fatalf("%d opened, %d closed, %d left", opens.Load(), closes.Load(), s.Count())
		}
		get(t, finished, "OnFinish")
		get(t, ln.Done(), "Done")
	}
}

// Everything the System can do, under way when Shutdown comes.
func TestShutdownOfBusySystem(t *testing.T) {
	for range 10 {
		s := looseSystem(t, actors.Options{})
		ln := listen(t, s, actors.Shared(mirror{}), actors.ListenOptions{})
		var wg sync.WaitGroup
		stop := make(chan struct{})
		act := func(f func()) {
			wg.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						f()
					}
				}
			})
		}
		for range 2 {
			act(func() {
				c, err := net.Dial("tcp", ln.Addr().String())
				if err != nil {
					return
				}
				c.SetDeadline(time.Now().Add(patience))
				c.Write([]byte("hello"))
				c.Read(make([]byte, 5))
				c.Close()
			})
		}
		act(func() { // what was taken is done
			done := make(chan struct{})
			if s.Defer(func() { close(done) }) == nil {
				ended(t, done, "a deferred task")
			}
		})
		act(func() {
			done := make(chan struct{})
			if _, err := s.Every(time.Millisecond, 1, func() {}, func() { close(done) }); err == nil {
				ended(t, done, "a timer's finish hook")
			}
		})
		act(func() {
			if c, err := s.Dial("tcp", ln.Addr().String(), actors.Shared(mirror{}), actors.DialOptions{}); err == nil {
				c.WriteString("x")
				c.SetTag(c.Ref().String())
				c.Close()
			}
		})
		act(func() {
			done := make(chan struct{})
			ln.Each(actors.Ref{}, func(c *actors.Conn) { c.WriteString("y") }, func() { close(done) })
			ended(t, done, "Each")
		})
		until(t, "it is busy", func() bool { return ln.Accepted() > 20 })
		_, err := shutdownWithin(s, patience)
		close(stop)
		wg.Wait()
		if err != nil {
			t.Error(err)
		}
	}
}

// ended is get for other goroutines than the test's.
func ended(t testing.TB, ch <-chan struct{}, what string) {
	select {
	case <-ch:
	case <-time.After(patience):
		t.Error("did not end:", what)
	}
}

// Ten thousand idle connections end within a few seconds.
func TestShutdownOfManyConnections(t *testing.T) {
	var limit unix.Rlimit
	unix.Getrlimit(unix.RLIMIT_NOFILE, &limit)
	n := min(10_000, (int(limit.Max)-200)/2) // both ends are in this process
	if testing.Short() || raceDetector {
		n = min(n, 1000)
	}
	s := looseSystem(t, actors.Options{})
	var opens, closes atomic.Int32
	ln := listenAt(t, s, "unix", abstractName(), func() actors.Protocol { return &goodbye{tally{opens: &opens, closes: &closes}} },
		actors.ListenOptions{})
	clients := make([]net.Conn, n)
	for i := range clients {
		clients[i] = peer(t, ln.Addr())
	}
	until(t, "all are open", func() bool { return int(opens.Load()) == n })
	var reader sync.WaitGroup
	reader.Go(func() {
		p := make([]byte, 16)
		for _, c := range clients {
			if k, err := c.Read(p); string(p[:k]) != "bye" {
				t.Errorf("read %q, %v", p[:k], err)
				return
			}
			c.Close()
		}
	})
	d, err := shutdownWithin(s, 10*time.Second)
	reader.Wait()
	t.Logf("%d connections shut down in %v", n, d)
	if err != nil || int(closes.Load()) != n {
		t.Errorf("%v; %d closed of %d", err, closes.Load(), n)
	}
}

type goodbye struct{ tally }

func (g *goodbye) OnShutdown(c *actors.Conn) time.Duration { c.WriteString("bye"); return 0 }
