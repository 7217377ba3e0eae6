package pubsub

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

func TestPublishReachesSubscribers(t *testing.T) {
	b, g := startBroker(t, 2, Options{})
	if n := publish(t, b, "news", "nobody hears it"); n != 0 {
		t.Errorf("%d receivers", n)
	}
	one, two, other, all := newListener(t, g), newListener(t, g), newListener(t, g), newListener(t, g)
	one.attach(b, "news", SubscribeOptions{})
	two.attach(b, "news", SubscribeOptions{})
	other.attach(b, "other", SubscribeOptions{})
	all.attach(b, "n*s", SubscribeOptions{Pattern: true})
	if n := publish(t, b, "news", "a"); n != 3 || b.Subscribers("news") != 2 || b.Subscribers("none") != 0 || b.Receivers("news") != 3 {
		t.Errorf("%d receivers, %d subscribers", n, b.Subscribers("news"))
	}
	publish(t, b, "news", "")
	one.Cancel()
	one.Cancel()
	await(t, one.gone, "Unsubscribed")
	if n := publish(t, b, "news", "b"); n != 2 {
		t.Errorf("%d receivers", n)
	}
	for _, l := range []*listener{two, other, all} {
		l.Cancel()
		await(t, l.gone, "Unsubscribed")
	}
	if n := publish(t, b, "news", "late"); n != 0 {
		t.Errorf("%d receivers", n)
	}
	if !slices.Equal(one.got, []string{"a", ""}) || !slices.Equal(two.got, []string{"a", "", "b"}) || other.got != nil ||
		!slices.Equal(all.got, two.got) {
		t.Errorf("got %q, %q, %q, %q", one.got, two.got, other.got, all.got)
	}
	s := b.Stats()
	if s.Channels != 0 || s.Patterns != 0 || s.Subscriptions != 0 || s.Published != 5 || s.Delivered != 8 || s.Refused != 0 {
		t.Errorf("%+v", s)
	}
}

func TestLimits(t *testing.T) {
	b, g := startBroker(t, 1, Options{})
	long := strings.Repeat("x", MaxName)
	for name, want := range map[string]error{"": ErrName, long + "x": ErrName, long: nil} {
		l := newListener(t, g)
		if err := b.Attach(&l.Subscription, name, l, l.loop, SubscribeOptions{}); !errors.Is(err, want) {
			t.Errorf("Attach to %d bytes: %v", len(name), err)
		}
		if _, err := b.Publish(name, []byte("x")); !errors.Is(err, want) {
			t.Errorf("Publish to %d bytes: %v", len(name), err)
		}
		if want == nil {
			l.Cancel()
			await(t, l.gone, "Unsubscribed")
		}
	}
	if _, err := b.Subscribe("a", nil, SubscribeOptions{}); !errors.Is(err, ErrNilSubscriber) {
		t.Errorf("Subscribe = %v", err)
	}
	if _, err := b.Publish("a", make([]byte, MaxPayload+1)); !errors.Is(err, ErrPayload) {
		t.Errorf("Publish = %v", err)
	}
	if _, err := b.Publish("a", make([]byte, MaxPayload)); err != nil {
		t.Errorf("Publish = %v", err)
	}
	if _, err := b.Publish("", nil); !errors.Is(err, ErrEmpty) {
		t.Errorf("Publish = %v", err)
	}
}

// TestOrderPerPublisher: each subscriber gets each publisher's messages in order, all of them, and all subscribers of a
// channel get them in the same order.
func TestOrderPerPublisher(t *testing.T) {
	b, g := startBroker(t, 2, Options{})
	const channels, publishers, each = 3, 3, 400
	var listeners [channels][]*listener
	for c := range channels {
		for range 3 {
			listeners[c] = append(listeners[c], newListener(t, g).attach(b, fmt.Sprint(c), SubscribeOptions{}))
		}
		listeners[c] = append(listeners[c], newListener(t, g).attach(b, fmt.Sprintf("[%d]", c), SubscribeOptions{Pattern: true}))
	}
	var running sync.WaitGroup
	for p := range publishers {
		running.Go(func() {
			for i := range each {
				for c := range channels {
					publish(t, b, fmt.Sprint(c), fmt.Sprintf("%d %d", p, i))
				}
			}
		})
	}
	running.Wait()
	for c := range channels {
		for _, l := range listeners[c] {
			l.Cancel()
			await(t, l.gone, "Unsubscribed")
			if !slices.Equal(l.got, listeners[c][0].got) {
				t.Error("two subscribers got different orders")
			}
		}
		var next [publishers]int
		for _, text := range listeners[c][0].got {
			var p, i int
			fmt.Sscan(text, &p, &i)
			if i != next[p] {
				t.Fatalf("message %d of publisher %d, want %d", i, p, next[p])
			}
			next[p]++
		}
		if next != [publishers]int{each, each, each} {
			t.Errorf("got %v", next)
		}
	}
}

// TestChurn: subscribers come and go while others publish. Who subscribes gets what is published from then on until it
// cancels; listener checks the rest.
func TestChurn(t *testing.T) {
	b, g := startBroker(t, 2, Options{})
	var end atomic.Bool
	var publishing, churning sync.WaitGroup
	for range 2 {
		publishing.Go(func() {
			for i := 0; !end.Load(); i++ {
				publish(t, b, fmt.Sprint(i%2), "noise")
			}
		})
	}
	for c := range 4 {
		churning.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(c), 5))
			for i := range 150 {
				channel := fmt.Sprint(rng.IntN(2))
				mine := fmt.Sprintf("mine %d %d", c, i)
				l := newListener(t, g)
				heard := make(chan struct{}, 2)
				l.onText = func(text string) {
					if text == mine {
						heard <- struct{}{}
					}
				}
				if rng.IntN(2) == 0 {
					l.attach(b, channel, SubscribeOptions{})
				} else {
					l.attach(b, "["+channel+"]*", SubscribeOptions{Pattern: true})
				}
				if n := publish(t, b, channel, mine); n < 1 {
					t.Errorf("%d receivers, and one has subscribed", n)
				}
				if rng.IntN(2) == 0 {
					await(t, heard, "its own message")
					heard <- struct{}{}
				}
				l.Cancel()
				await(t, l.gone, "Unsubscribed")
				if len(heard) != 1 {
					t.Errorf("its own message was delivered %d times", len(heard))
				}
			}
		})
	}
	churning.Wait()
	end.Store(true)
	publishing.Wait()
	if s := b.Stats(); s.Channels != 0 || s.Patterns != 0 || s.Subscriptions != 0 {
		t.Errorf("%+v", s)
	}
}

func TestFreeSubscriptions(t *testing.T) {
	b, _ := startBroker(t, 2, Options{})
	gone := make(chan struct{})
	var got []string
	f, err := b.Subscribe("a", func(m *Message) {
		got = append(got, string(m.Payload()))
		if string(m.Payload()) == "1" {
			panic("expected")
		}
	}, SubscribeOptions{OnUnsubscribed: func(*Subscription) { close(gone) }})
	if err != nil {
		t.Fatal(err)
	}
	s, ch, err := b.SubscribeChan("?", 1, SubscribeOptions{Pattern: true, MaxWaiting: 100})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 50 {
		publish(t, b, "a", fmt.Sprint(i))
	}
	for i := range 50 {
		if m := await(t, ch, "a message"); string(m.Payload()) != fmt.Sprint(i) {
			t.Errorf("message %d: %q", i, m.Payload())
		}
	}
	f.Cancel()
	await(t, gone, "the hook")
	if len(got) != 50 || b.Stats().Failures != 1 {
		t.Errorf("got %q, %d failures", got, b.Stats().Failures)
	}
	for range 300 {
		publish(t, b, "a", "too much")
	}
	eventually(t, "some are dropped", func() bool { return s.Dropped() > 0 })
	s.Cancel()
	for range ch {
	}
}
