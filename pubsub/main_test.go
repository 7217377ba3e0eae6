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
		wantNothingLeft(t, b, live)
	})
	return b, g
}

// manualBroker starts a broker on one loop that only goes on when the test calls Run: what happens is always the same.
func manualBroker(t testing.TB, o Options) (*Broker, *reactor.Manual) {
	t.Helper()
	live := reactor.LiveBuffers()
	m := reactor.NewManual(testSystem(), func(int) reactor.Events { return 0 })
	b, err := New(m.Group(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Close()
		m.Run()
		wantNothingLeft(t, b, live)
	})
	return b, m
}

func wantNothingLeft(t testing.TB, b *Broker, live int64) {
	t.Helper()
	if s := b.Stats(); s.Waiting != 0 || s.WaitingBytes != 0 || s.HistoryBytes != 0 {
		t.Errorf("after the end: %+v", s)
	}
	if n := reactor.LiveBuffers(); n != live {
		t.Errorf("%d buffers leaked", n-live)
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

// stopNow closes the broker and stops its loops, with whatever is under way.
func stopNow(t testing.TB, b *Broker, g *reactor.Group) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	b.Close()
	if err := g.Stop(ctx); err != nil {
		t.Errorf("Stop: %v", err)
	}
}
