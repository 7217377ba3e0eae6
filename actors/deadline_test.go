package actors_test

import (
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/actors/actorstest"
	"github.com/troupe-go/troupe/supervision"
)

// brittle panics at "panic", and echoes the rest; it counts its callbacks.
type brittle struct {
	actors.Base
	grace     time.Duration
	opens     int
	shutdowns int
}

func (b *brittle) OnOpen(*actors.Conn) { b.opens++ }

func (b *brittle) OnData(c *actors.Conn, p []byte) int {
	if string(p) == "panic" {
		panic(errBomb)
	}
	c.Write(p)
	return len(p)
}

func (b *brittle) OnShutdown(*actors.Conn) time.Duration {
	if b.shutdowns++; b.grace < 0 {
		panic(errBomb)
	}
	return b.grace
}

// restarting is options of a connection that is always restarted after so long.
func restarting(backOff time.Duration) actors.ConnOptions {
	return actors.ConnOptions{CloseTimeout: time.Second, Supervision: supervision.Strategy{
		Decide: supervision.Always(supervision.Restart), BackOff: backOff, MaxBackOff: backOff,
	}}
}

func quietWorld(t *testing.T) *actorstest.World {
	t.Helper()
	return actorstest.NewWorld(t, actors.Options{Logger: slog.New(slog.DiscardHandler)})
}

func openBrittle(t *testing.T, f *brittle, o actors.ConnOptions) *actorstest.Peer {
	t.Helper()
	return quietWorld(t).OpenWith(actors.Shared(f), o)
}

// full has something written that the peer does not take.
func full(p *actorstest.Peer) {
	p.Window(0)
	p.Conn().WriteString("rest")
	p.World().Run()
}

func closeConn(p *actorstest.Peer) {
	p.Conn().Close()
	p.World().Run()
}

func wantTimedOut(t *testing.T, p *actorstest.Peer, code actors.ReasonCode) {
	t.Helper()
	p.ExpectClosed(code)
	if r, _ := p.Reason(); !errors.Is(r.Err, actors.ErrCloseTimeout) || r.Lost != 4 {
		t.Errorf("closed for %v, %d bytes lost, want %v", r, r.Lost, actors.ErrCloseTimeout)
	}
}

// TestCloseTimeoutWithinGrace: a close has its own time, whatever OnShutdown has asked for.
func TestCloseTimeoutWithinGrace(t *testing.T) {
	for _, grace := range []time.Duration{500 * time.Millisecond, time.Hour} {
		p := openBrittle(t, &brittle{grace: grace}, restarting(time.Millisecond))
		full(p)
		p.Shutdown()
		closeConn(p)
		p.Advance(999 * time.Millisecond)
		p.ExpectOpen()
		p.Advance(time.Millisecond)
		wantTimedOut(t, p, actors.LocalClose)
	}
}

// TestCloseTimeoutAfterGrace: when the grace is over, what was written still gets CloseTimeout.
func TestCloseTimeoutAfterGrace(t *testing.T) {
	p := openBrittle(t, &brittle{grace: time.Minute}, restarting(time.Millisecond))
	full(p)
	p.Shutdown()
	p.Advance(time.Minute + 999*time.Millisecond)
	p.ExpectOpen()
	p.Advance(time.Millisecond)
	wantTimedOut(t, p, actors.Shutdown)
}

// TestRestartKeepsGrace: a restart does not forget when the connection is to be closed, be that before or after it.
func TestRestartKeepsGrace(t *testing.T) {
	for backOff, opens := range map[time.Duration]int{10 * time.Millisecond: 2, time.Minute: 1} {
		f := &brittle{grace: time.Second}
		p := openBrittle(t, f, restarting(backOff))
		p.Shutdown()
		p.Send("panic")
		p.Shutdown() // of the System, after that of the listener
		p.Advance(999 * time.Millisecond)
		p.ExpectOpen()
		p.Advance(time.Millisecond)
		p.ExpectClosed(actors.Shutdown)
		if f.opens != opens || f.shutdowns != 1 {
			t.Errorf("back-off %v: %d times OnOpen, %d times OnShutdown", backOff, f.opens, f.shutdowns)
		}
	}
}

// TestShutdownWhileBackingOff: a shutdown does not wait for the restart, but for what is to be written.
func TestShutdownWhileBackingOff(t *testing.T) {
	f := &brittle{grace: time.Hour}
	p := openBrittle(t, f, restarting(time.Minute))
	p.Send("panic")
	p.Shutdown()
	p.ExpectClosed(actors.Shutdown)

	p = openBrittle(t, f, restarting(time.Minute))
	full(p)
	p.Send("panic")
	p.Shutdown()
	p.Window(-1)
	p.Expect("rest")
	p.ExpectClosed(actors.Shutdown)
	if f.opens != 2 || f.shutdowns != 0 {
		t.Errorf("%d times OnOpen, %d times OnShutdown", f.opens, f.shutdowns)
	}
}

// TestCloseWhileBackingOff: what was written before is flushed within CloseTimeout, and nothing is restarted meanwhile.
func TestCloseWhileBackingOff(t *testing.T) {
	f := &brittle{}
	p := openBrittle(t, f, restarting(500*time.Millisecond))
	full(p)
	p.Send("panic")
	closeConn(p)
	p.Advance(999 * time.Millisecond) // longer than the back-off
	p.ExpectOpen()
	p.Window(-1)
	p.Expect("rest")
	p.ExpectClosed(actors.LocalClose)

	p = openBrittle(t, f, restarting(500*time.Millisecond))
	full(p)
	p.Send("panic")
	closeConn(p)
	p.Advance(time.Second)
	wantTimedOut(t, p, actors.LocalClose)

	p = openBrittle(t, f, restarting(500*time.Millisecond))
	full(p)
	p.Send("panic")
	closeConn(p)
	p.Reset()
	p.ExpectClosed(actors.LocalClose)
	if f.opens != 3 {
		t.Errorf("%d times OnOpen", f.opens)
	}
}

// TestShutdownFails: an OnShutdown that panics asks for no time, whatever supervision decides.
func TestShutdownFails(t *testing.T) {
	for directive, code := range map[supervision.Directive]actors.ReasonCode{
		supervision.Stop: actors.Panicked, supervision.Resume: actors.Shutdown, supervision.Restart: actors.Shutdown,
	} {
		f := &brittle{grace: -1}
		p := openBrittle(t, f, actors.ConnOptions{
			Supervision: supervision.Strategy{Decide: supervision.Always(directive)},
		})
		p.Shutdown()
		p.ExpectClosed(code)
		if f.opens != 1 || f.shutdowns != 1 {
			t.Errorf("%v: %d times OnOpen, %d times OnShutdown", directive, f.opens, f.shutdowns)
		}
	}
}

// TestRestartInTime: what else happens while a restart is waited for neither hastens nor delays it.
func TestRestartInTime(t *testing.T) {
	f := &brittle{grace: time.Hour}
	p := openBrittle(t, f, restarting(time.Second))
	p.Shutdown()
	p.Send("panic")
	for range 9 {
		p.Advance(100 * time.Millisecond)
		p.Conn().Trigger(actors.EventDrained)
		p.Conn().WriteString("x")
		p.World().Run()
	}
	p.Advance(99 * time.Millisecond)
	if f.opens != 1 {
		t.Fatal("restarted too early")
	}
	p.Advance(time.Millisecond)
	if f.opens != 2 {
		t.Error("not restarted in time")
	}
}
