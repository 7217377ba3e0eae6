package memory

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/troupe-go/troupe/pubsub"
	"github.com/troupe-go/troupe/reactor"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const long = 10 * time.Second

func startBroker(t *testing.T, o pubsub.Options) *pubsub.Broker {
	t.Helper()
	quiet := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	g, err := reactor.Start(reactor.Options{Loops: 2, System: actor.NewActorSystem(actor.WithLoggerFactory(quiet))})
	if err != nil {
		t.Fatal(err)
	}
	b, err := pubsub.New(g, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.Close()
		ctx, cancel := context.WithTimeout(context.Background(), long)
		defer cancel()
		if err := g.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	return b
}

// join attaches brokers to one bus.
func join(t *testing.T, brokers ...*pubsub.Broker) (engines []*Engine) {
	t.Helper()
	var bus Bus
	for _, b := range brokers {
		e := bus.NewEngine()
		if err := b.AttachEngine(e); err != nil {
			t.Fatal(err)
		}
		engines = append(engines, e)
	}
	return engines
}

// TestBus: what is published on one broker reaches the subscribers of all, each once, whatever they have subscribed to
// and whenever; the order of each publisher is kept.
func TestBus(t *testing.T) {
	const each = 500
	brokers := []*pubsub.Broker{startBroker(t, pubsub.Options{}), startBroker(t, pubsub.Options{}), startBroker(t, pubsub.Options{})}
	type reader struct {
		subscription *pubsub.Subscription
		texts        []string
		gone         chan struct{}
	}
	var readers []*reader
	subscribe := func(b *pubsub.Broker, name string, pattern bool) {
		r := &reader{gone: make(chan struct{})}
		var err error
		r.subscription, err = b.Subscribe(name, func(m *pubsub.Message) { r.texts = append(r.texts, string(m.Payload())) },
			pubsub.SubscribeOptions{Pattern: pattern, OnUnsubscribed: func(*pubsub.Subscription) { close(r.gone) }})
		if err != nil {
			t.Fatal(err)
		}
		readers = append(readers, r)
	}
	for _, b := range brokers {
		subscribe(b, "news", false) // before the engine is attached
	}
	engines := join(t, brokers...)
	for _, b := range brokers {
		subscribe(b, "n?ws", true)
		subscribe(b, "other", false)
	}
	var publishing sync.WaitGroup
	for p, b := range brokers {
		publishing.Go(func() {
			for i := range each {
				if n, err := b.Publish("news", fmt.Appendf(nil, "%d %d", p, i)); n != 2 || err != nil {
					t.Errorf("Publish = %d, %v", n, err)
				}
			}
		})
	}
	publishing.Wait()
	for _, r := range readers {
		r.subscription.Cancel()
		select {
		case <-r.gone:
		case <-time.After(long):
			t.Fatal("a subscription does not end")
		}
		if r.subscription.Name() == "other" {
			if r.texts != nil {
				t.Errorf("other got %q", r.texts)
			}
			continue
		}
		var next [3]int
		for _, text := range r.texts {
			var p, i int
			fmt.Sscan(text, &p, &i)
			if i != next[p] {
				t.Fatalf("%q, want %d", text, next[p])
			}
			next[p]++
		}
		if next != [3]int{each, each, each} {
			t.Errorf("%s got %v", r.subscription.Name(), next)
		}
	}
	for _, e := range engines {
		if s := e.Stats(); s != (Stats{Carried: each, Delivered: 2 * each}) {
			t.Errorf("%+v", s)
		}
	}
}

// TestScopeAndFilter: what is to stay here does.
func TestScopeAndFilter(t *testing.T) {
	one, two := startBroker(t, pubsub.Options{}), startBroker(t, pubsub.Options{})
	_, got, err := two.SubscribeChan("*", 10, pubsub.SubscribeOptions{Pattern: true})
	if err != nil {
		t.Fatal(err)
	}
	_, filtered, err := two.SubscribeChan("a", 10, pubsub.SubscribeOptions{Filter: 7})
	if err != nil {
		t.Fatal(err)
	}
	engines := join(t, one, two)
	if s := engines[1].Stats(); s.Channels != 0 || s.Patterns != 1 {
		t.Errorf("%+v: the engine knows of a filter", s)
	}
	one.Send(pubsub.Publication{Channel: "a", Payload: []byte("here"), Scope: pubsub.Here})
	one.Send(pubsub.Publication{Channel: "a", Payload: []byte("filtered"), Filter: 7})
	one.Publish("a", []byte("everywhere"))
	if m := <-got; string(m.Payload()) != "everywhere" {
		t.Errorf("got %q", m.Payload())
	}
	two.Send(pubsub.Publication{Channel: "a", Payload: []byte("last"), Filter: 7})
	if m := <-filtered; string(m.Payload()) != "last" {
		t.Errorf("got %q", m.Payload())
	}
}

// TestDetach: a broker whose engine is detached is out, at once and for good.
func TestDetach(t *testing.T) {
	one, two, three := startBroker(t, pubsub.Options{}), startBroker(t, pubsub.Options{}), startBroker(t, pubsub.Options{})
	var channels []<-chan *pubsub.Message
	for _, b := range []*pubsub.Broker{two, three} {
		_, ch, err := b.SubscribeChan("a", 10, pubsub.SubscribeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		channels = append(channels, ch)
	}
	engines := join(t, one, two, three)
	if err := one.AttachEngine(engines[1]); err == nil {
		t.Error("an Engine was attached to two brokers")
	}
	one.Publish("a", []byte("1"))
	if err := two.DetachEngine(engines[1]); err != nil {
		t.Error(err)
	}
	if err := two.DetachEngine(engines[1]); !errors.Is(err, pubsub.ErrEngine) {
		t.Errorf("detached twice: %v", err)
	}
	one.Publish("a", []byte("2"))
	two.Publish("a", []byte("3"))
	for i, want := range [][]string{{"1", "3"}, {"1", "2"}} {
		var got []string
		for range want {
			got = append(got, string((<-channels[i]).Payload()))
		}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if s := engines[1].Stats(); s.Delivered != 1 || s.Refused != 0 {
		t.Errorf("%+v", s)
	}
}
