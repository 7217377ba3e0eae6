package pubsub

import (
	"context"
	"errors"
	"log/slog"
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
func startBroker(t testing.TB, loops int) (*Broker, *reactor.Group) {
	t.Helper()
	live := reactor.LiveBuffers()
	g, err := reactor.Start(reactor.Options{Loops: loops, System: testSystem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), long)
		defer cancel()
		if err := g.Stop(ctx); err != nil {
			t.Errorf("Stop: %v", err)
		}
		if n := reactor.LiveBuffers(); n != live {
			t.Errorf("%d buffers leaked", n-live)
		}
	})
	return NewBroker(g), g
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
// all calls come from one channel's turns.
type listener struct {
	t        testing.TB
	sequence uint64
	got      []string
	over     bool
	onText   func(text string)
	gone     chan struct{}
}

func newListener(t testing.TB) *listener { return &listener{t: t, gone: make(chan struct{})} }

func (l *listener) Deliver(s *Subscription, m *Message) {
	if l.over {
		l.t.Error("delivered after Unsubscribed")
	}
	if m.Sequence <= l.sequence || m.Channel != s.Channel() {
		l.t.Errorf("message %d of %s after %d", m.Sequence, m.Channel, l.sequence)
	}
	l.sequence = m.Sequence
	if l.onText != nil {
		l.onText(string(m.Payload()))
	} else {
		l.got = append(l.got, string(m.Payload()))
	}
}

func (l *listener) Unsubscribed(*Subscription) {
	if l.over {
		l.t.Error("unsubscribed twice")
		return
	}
	l.over = true
	close(l.gone)
}

func subscribe(t testing.TB, b *Broker, channel string, l *listener) *Subscription {
	t.Helper()
	s, err := b.Subscribe(channel, l)
	if err != nil {
		t.Fatalf("Subscribe: %v", err)
	}
	return s
}

// publish publishes until the channel takes it.
func publish(t testing.TB, b *Broker, channel, text string) (receivers int) {
	t.Helper()
	for {
		n, err := b.Publish(channel, []byte(text))
		if errors.Is(err, ErrBacklog) {
			time.Sleep(time.Millisecond) // back-pressure
			continue
		}
		if err != nil {
			t.Errorf("Publish: %v", err)
		}
		return n
	}
}
