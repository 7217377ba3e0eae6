//go:build unix

package reactor

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// A probe is a Turner whose turns do what a test says. What turns touch is not atomic and has no lock, so that the
// race detector sees turns that overlap, and Settle beside a turn.
type probe struct {
	cell   Cell
	inside bool // a turn is under way
	turns  int
	mail   []any // the messages that turns served

	onTurn   func(w *Worker, ready Events) // user code: may block, panic, or end the goroutine
	onMail   func(v any)                   // likewise
	onSystem func(v any)
	onSettle func(l *Loop)
	onStop   func(l *Loop)
	most     int     // messages a turn; 0 means all of a batch
	settle   Outcome // NeedSettle, to be settled after each turn
}

// violations counts turns, settlements and stops of probes that overlapped.
var violations atomic.Int64

func newProbe(l *Loop) *probe {
	p := new(probe)
	p.cell.Init(p, l)
	return p
}

func (p *probe) Turn(w *Worker, ready Events) (out Outcome) {
	if p.inside {
		violations.Add(1)
	}
	p.inside = true
	p.turns++
	returned := false
	defer func() {
		if !returned {
			recover()
			p.inside = false
			p.cell.Lock()
			out = p.cell.End(true, false) | NeedSettle
			p.cell.Unlock()
			w.Abandoned = out
		}
	}()
	p.cell.Lock()
	p.cell.Begin(ready)
	for v, ok := p.cell.NextSystem(); ok; v, ok = p.cell.NextSystem() {
		p.cell.Unlock()
		if p.onSystem != nil {
			p.onSystem(v)
		}
		p.cell.Lock()
	}
	p.cell.Unlock()
	if p.onTurn != nil {
		p.onTurn(w, ready)
	}
	for i := 0; p.most == 0 || i < p.most; i++ {
		v, ok := p.cell.Next()
		if !ok {
			break
		}
		w.Counters.Messages++
		if p.onMail != nil {
			p.onMail(v)
		} else {
			p.mail = append(p.mail, v)
		}
	}
	p.inside, returned = false, true
	p.cell.Lock()
	defer p.cell.Unlock()
	return p.cell.End(false, false) | p.settle
}

func (p *probe) Settle(l *Loop) {
	if p.inside {
		violations.Add(1)
	}
	if p.onSettle != nil {
		p.onSettle(l)
	}
}

func (p *probe) Stop(l *Loop) {
	if p.inside {
		violations.Add(1)
	}
	if p.onStop != nil {
		p.onStop(l)
		return
	}
	if fd := l.Unregister(&p.cell); fd >= 0 {
		CloseFD(fd)
	}
}

// post posts v, which must be accepted.
func (p *probe) post(t testing.TB, v any) {
	t.Helper()
	if err := p.cell.Post(v, 0); err != nil {
		t.Errorf("Post: %v", err)
	}
}

// testSystem is the actor system of all tests.
var testSystem = sync.OnceValue(func() *actor.ActorSystem {
	quiet := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	return actor.NewActorSystem(actor.WithLoggerFactory(quiet), actor.WithDeadLetterThrottleInterval(time.Millisecond))
})

// startGroup starts a group that is stopped at the end of the test.
func startGroup(t testing.TB, o Options) *Group {
	t.Helper()
	o.System = testSystem()
	o.OnFault = func(err error) { t.Errorf("fault: %v", err) }
	g, err := Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stopGroup(t, g) })
	return g
}

func stopGroup(t testing.TB, g *Group) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	if err := g.Stop(ctx); err != nil {
		t.Fatalf("Stop: %v", err)
	}
	if n := violations.Swap(0); n > 0 {
		t.Errorf("%d turns, settlements or stops overlapped", n)
	}
}

// doWait runs f on the loop and waits for it.
func doWait(t testing.TB, l *Loop, f func(*Loop)) {
	t.Helper()
	done := make(chan struct{})
	if !l.Do(func(l *Loop) { f(l); close(done) }) {
		t.Fatal("Do: the loop has ended")
	}
	await(t, done, "a task")
}

// register registers the probe for fd on its loop.
func (p *probe) register(t testing.TB, fd int, want Events) {
	t.Helper()
	var err error
	doWait(t, p.cell.Loop(), func(l *Loop) { err = l.Register(&p.cell, fd, want) })
	if err != nil {
		t.Fatalf("Register: %v", err)
	}
}

// await waits until ch delivers or is closed.
func await[T any](t testing.TB, ch <-chan T, what string) (v T) {
	t.Helper()
	select {
	case v = <-ch:
	case <-time.After(long):
		t.Fatalf("waited in vain for %s", what)
	}
	return v
}

// eventually waits until a condition that nothing signals holds.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	for end := time.Now().Add(long); !holds(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("waited in vain until %s", what)
		}
	}
}

// stuck is a mailbox item for probes made by newSticker: the turn that serves it lasts until leave.
type stuck struct{ entered, leave chan struct{} }

func newStuck() *stuck { return &stuck{make(chan struct{}), make(chan struct{})} }

// serveStuck is an onMail that serves stuck items, and calls functions.
func serveStuck(v any) {
	switch v := v.(type) {
	case *stuck:
		close(v.entered)
		<-v.leave
	case func():
		v()
	}
}
