package actors_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"go.uber.org/goleak"
)

// patience is how long a test waits for what must happen. It only matters when a test fails.
const patience = 20 * time.Second

// throttle is a goroutine of protoactor's that counts dead letters and ends by itself, a second after the first of them.
var throttle = goleak.IgnoreAnyFunction("github.com/asynkron/protoactor-go/actor.NewDeadLetter.NewThrottle.func4.1")

// tick is how much too early the wheel may be: its clock counts whole milliseconds.
const tick = time.Millisecond

func openFDs() int {
	names, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(names)
}

// system starts a System that must shut down in time at the test's end and leave neither goroutines nor descriptors.
func system(t testing.TB, o actors.Options) *actors.System {
	t.Helper()
	s := looseSystem(t, o)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("Shutdown: %v", err)
		}
	})
	return s
}

// nested counts the Systems of the running test: only the end of the first can tell what is left.
var nested int

// looseSystem is system without the Shutdown, which the test sees to.
func looseSystem(t testing.TB, o actors.Options) *actors.System {
	t.Helper()
	fds, goroutines := openFDs(), goleak.IgnoreCurrent()
	if o.Loops == 0 {
		o.Loops = 2
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	s, err := actors.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	outermost := nested == 0
	nested++
	t.Cleanup(func() {
		if nested--; t.Failed() || !outermost {
			return
		}
		if err := goleak.Find(goroutines, throttle); err != nil {
			t.Errorf("left behind: %v", err)
		}
		if n := openFDs(); n > fds {
			t.Errorf("left behind: %d descriptors", n-fds)
		}
	})
	return s
}

func listen(t testing.TB, s *actors.System, f actors.Factory, o actors.ListenOptions) *actors.Listener {
	t.Helper()
	return listenAt(t, s, "tcp", "127.0.0.1:0", f, o)
}

func listenAt(t testing.TB, s *actors.System, network, address string, f actors.Factory, o actors.ListenOptions) *actors.Listener {
	t.Helper()
	ln, err := s.Listen(network, address, f, o)
	if err != nil {
		t.Fatal(err)
	}
	return ln
}

// peer connects to an address by package net. It is closed at the test's end.
func peer(t testing.TB, a net.Addr) net.Conn {
	t.Helper()
	c, err := net.DialTimeout(a.Network(), a.String(), patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

// reset closes a TCP connection by RST.
func reset(t testing.TB, c net.Conn) {
	t.Helper()
	if err := c.(*net.TCPConn).SetLinger(0); err != nil {
		t.Fatal(err)
	}
	c.Close()
}

func mustSend(t testing.TB, c io.Writer, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
}

func mustGet(t testing.TB, c io.Reader, want string) {
	t.Helper()
	p := make([]byte, len(want))
	if n, err := io.ReadFull(c, p); err != nil || string(p) != want {
		t.Fatalf("read %.80q, %v, want %.80q", p[:n], err, want)
	}
}

// wantEnd reads to the end, which must be want.
func wantEnd(t testing.TB, c io.Reader, want string) {
	t.Helper()
	p, err := io.ReadAll(c)
	if err != nil || string(p) != want {
		t.Fatalf("read to the end: %d bytes %.80q, %v, want %d bytes %.80q", len(p), p, err, len(want), want)
	}
}

// get receives from a channel, in time.
func get[T any](t testing.TB, ch <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("%s did not come", what)
		panic("unreachable")
	}
}

// until polls a condition that nothing signals.
func until(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("never: %s", what)
		}
	}
}

// A probe is a Protocol made of functions, those that are nil doing what Base does. It checks the rules of the
// callbacks: OnOpen first, OnClose last, both once, never two at a time. inside and the counters are plain fields, so
// that the race detector sees callbacks that nothing orders.
type probe struct {
	t        testing.TB
	open     func(*actors.Conn)
	data     func(*actors.Conn, []byte) int
	message  func(*actors.Conn, any)
	drained  func(*actors.Conn)
	timeout  func(*actors.Conn)
	shutdown func(*actors.Conn) time.Duration
	close    func(*actors.Conn, actors.Reason)

	inside, opens, closes int

	opened chan *actors.Conn
	closed chan actors.Reason
}

func newProbe(t testing.TB) *probe {
	return &probe{t: t, opened: make(chan *actors.Conn, 16), closed: make(chan actors.Reason, 16)}
}

func (p *probe) factory() actors.Factory { return actors.Shared(p) }

// enter is the beginning of every callback; its result is the end.
func (p *probe) enter(name string) func() {
	p.inside++
	if p.inside != 1 {
		p.t.Errorf("%s began within another callback", name)
	}
	if name != "OnOpen" && name != "OnClose" && p.opens == 0 {
		p.t.Errorf("%s before OnOpen", name)
	}
	if p.closes != 0 {
		p.t.Errorf("%s after OnClose", name)
	}
	return func() { p.inside-- }
}

func (p *probe) OnOpen(c *actors.Conn) {
	defer p.enter("OnOpen")()
	if p.opens++; p.opens != 1 {
		p.t.Errorf("OnOpen, time %d", p.opens)
	}
	if p.open != nil {
		p.open(c)
	}
	p.opened <- c
}

func (p *probe) OnData(c *actors.Conn, b []byte) int {
	defer p.enter("OnData")()
	if len(b) == 0 {
		p.t.Error("OnData with nothing")
	}
	if p.data != nil {
		return p.data(c, b)
	}
	return len(b)
}

func (p *probe) OnMessage(c *actors.Conn, m any) {
	defer p.enter("OnMessage")()
	if p.message != nil {
		p.message(c, m)
	}
}

func (p *probe) OnDrained(c *actors.Conn) {
	defer p.enter("OnDrained")()
	if p.drained != nil {
		p.drained(c)
	}
}

func (p *probe) OnTimeout(c *actors.Conn) {
	defer p.enter("OnTimeout")()
	if p.timeout != nil {
		p.timeout(c)
		return
	}
	actors.Base{}.OnTimeout(c)
}

func (p *probe) OnShutdown(c *actors.Conn) time.Duration {
	defer p.enter("OnShutdown")()
	if p.shutdown != nil {
		return p.shutdown(c)
	}
	return 0
}

func (p *probe) OnClose(c *actors.Conn, r actors.Reason) {
	defer p.enter("OnClose")()
	p.closes++
	if p.close != nil {
		p.close(c, r)
	}
	p.closed <- r
}

// wantClose waits for OnClose.
func (p *probe) wantClose(code actors.ReasonCode) actors.Reason {
	p.t.Helper()
	r := get(p.t, p.closed, "OnClose")
	if r.Code != code {
		p.t.Fatalf("closed for %v, want %v", r, code)
	}
	return r
}

// one is a listener for one connection and that connection: its probe, its Conn and the peer's end.
func one(t testing.TB, s *actors.System, p *probe, o actors.ListenOptions) (*actors.Conn, net.Conn) {
	t.Helper()
	ln := listen(t, s, p.factory(), o)
	c := peer(t, ln.Addr())
	return get(t, p.opened, "OnOpen"), c
}

// fill writes to c until so much waits that the peer must be full as well.
func fill(t testing.TB, c *actors.Conn) (written int) {
	t.Helper()
	block := make([]byte, 64<<10)
	for round := 0; ; round++ {
		n, err := c.Write(block)
		if written += n; err != nil {
			t.Fatalf("after %d bytes: %v", written, err)
		}
		if c.Buffered() < len(block) {
			continue
		}
		// A turn later it must still be there.
		if served(t, c); c.Buffered() >= len(block) {
			return written
		}
	}
}

// served returns when the connection has had a turn.
func served(t testing.TB, c *actors.Conn) {
	t.Helper()
	for range 2 { // the second task comes after the first one's flush
		done := make(chan struct{})
		if err := c.Do(func(*actors.Conn) { close(done) }, func() { close(done) }); err != nil {
			t.Fatal(err)
		}
		get(t, done, "task")
	}
}

// A countdown notices how often something was released.
type countdown struct{ n atomic.Int32 }

func (c *countdown) release() { c.n.Add(1) }

var (
	errTest     = errors.New("test")
	errDeadline = os.ErrDeadlineExceeded
)

// abstractName is an address in Linux's abstract namespace that nobody else has.
func abstractName() string { return fmt.Sprintf("@troupe-test-%x", rand.Uint64()) }

// A mirror sends back what it gets.
type mirror struct{ actors.Base }

func (mirror) OnData(c *actors.Conn, p []byte) int { c.Write(p); return len(p) }
