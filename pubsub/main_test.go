package pubsub

import (
	"context"
	"errors"
	"log/slog"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/troupe-go/troupe/reactor"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// long bounds the waits for what must happen; a test that reaches it fails.
const long = 10 * time.Second

var testSystem = sync.OnceValue(func() *actor.ActorSystem {
	quiet := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	return actor.NewActorSystem(actor.WithLoggerFactory(quiet), actor.WithDeadLetterThrottleInterval(time.Millisecond))
})

// startBroker starts a broker on loops that are stopped when the test ends. By then no buffer may be left.
func startBroker(t testing.TB, loops int, o Options) (*Broker, *reactor.Group) {
	t.Helper()
	live := reactor.LiveBuffers()
	g, err := reactor.Start(reactor.Options{Loops: loops, System: testSystem()})
	if err != nil {
		t.Fatal(err)
	}
	b, err := New(g, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), long)
		defer cancel()
		b.Close()
		if err := g.Stop(ctx); err != nil {
			t.Errorf("Stop: %v", err)
		}
		if s := b.Stats(); s.Waiting != 0 || s.WaitingBytes != 0 || s.HistoryBytes != 0 {
			t.Errorf("after the end: %+v", s)
		}
		if n := reactor.LiveBuffers(); n != live {
			t.Errorf("%d buffers leaked", n-live)
		}
	})
	return b, g
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

// A listener is a Subscriber of one subscription, which checks that it is told as promised. Its fields have no lock:
// all calls come from turns of one hub.
type listener struct {
	Subscription
	t        testing.TB
	loop     *reactor.Loop
	sequence map[string]Position
	got      []string
	over     bool
	onText   func(text string)
	gone     chan struct{}
	most     int // the longest run
}

func newListener(t testing.TB, g *reactor.Group) *listener {
	return &listener{t: t, loop: g.Next(), sequence: map[string]Position{}, gone: make(chan struct{})}
}

func (l *listener) Deliver(s *Subscription, run *Run) int {
	if l.over {
		l.t.Error("delivered after Unsubscribed")
	}
	if s != &l.Subscription {
		l.t.Error("another's Subscription")
	}
	l.most = max(l.most, len(run.Messages()))
	for _, m := range run.Messages() {
		before := l.sequence[m.Channel]
		if m.Kind == Data && m.Epoch == before.Epoch && m.Sequence <= before.Sequence {
			l.t.Errorf("message %d of %s after %d", m.Sequence, m.Channel, before.Sequence)
		}
		l.sequence[m.Channel] = m.Position
		if l.onText != nil {
			l.onText(string(m.Payload()))
		} else {
			l.got = append(l.got, string(m.Payload()))
		}
	}
	return 0
}

func (l *listener) Unsubscribed(*Subscription) {
	if l.over {
		l.t.Error("unsubscribed twice")
		return
	}
	l.over = true
	close(l.gone)
}

func (l *listener) attach(b *Broker, name string, o SubscribeOptions) *listener {
	l.t.Helper()
	if err := b.Attach(&l.Subscription, name, l, l.loop, o); err != nil {
		l.t.Fatalf("Attach: %v", err)
	}
	return l
}

// publish publishes until the broker takes it.
func publish(t testing.TB, b *Broker, channel, text string) (receivers int) {
	t.Helper()
	for {
		n, err := b.Publish(channel, []byte(text))
		if errors.Is(err, ErrBacklog) {
			runtime.Gosched() // back-pressure
			continue
		}
		if err != nil {
			t.Errorf("Publish: %v", err)
		}
		return n
	}
}
