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
	b, _ := startBroker(t, 2)
	if n := publish(t, b, "news", "nobody hears it"); n != 0 {
		t.Errorf("%d receivers", n)
	}
	one, two, other := newListener(t), newListener(t), newListener(t)
	first, second := subscribe(t, b, "news", one), subscribe(t, b, "news", two)
	third := subscribe(t, b, "other", other)
	if n := publish(t, b, "news", "a"); n != 2 || b.Subscribers("news") != 2 || b.Subscribers("none") != 0 {
		t.Errorf("%d receivers, %d subscribers", n, b.Subscribers("news"))
	}
	publish(t, b, "news", "")
	first.Cancel()
	first.Cancel()
	await(t, one.gone, "Unsubscribed")
	publish(t, b, "news", "b")
	second.Cancel()
	third.Cancel()
	await(t, two.gone, "Unsubscribed")
	await(t, other.gone, "Unsubscribed")
	if !slices.Equal(one.got, []string{"a", ""}) || !slices.Equal(two.got, []string{"a", "", "b"}) || other.got != nil {
		t.Errorf("got %q, %q, %q", one.got, two.got, other.got)
	}
	eventually(t, "the channels are gone", func() bool { return b.Stats().Channels == 0 })
	if s := b.Stats(); s.Published != 4 || s.Delivered != 5 || s.Refused != 0 {
		t.Errorf("%+v", s)
	}
}

func TestLimits(t *testing.T) {
	b, _ := startBroker(t, 1)
	long := strings.Repeat("x", MaxName)
	for name, want := range map[string]error{"": ErrName, long + "x": ErrName, long: nil} {
		l := newListener(t)
		s, err := b.Subscribe(name, l)
		if !errors.Is(err, want) {
			t.Errorf("Subscribe to %d bytes: %v", len(name), err)
		}
		if _, err := b.Publish(name, nil); !errors.Is(err, want) {
			t.Errorf("Publish to %d bytes: %v", len(name), err)
		}
		if err == nil {
			s.Cancel()
			await(t, l.gone, "Unsubscribed")
		}
	}
	if _, err := b.Subscribe("a", nil); !errors.Is(err, ErrNilSubscriber) {
		t.Errorf("Subscribe = %v", err)
	}
	if _, err := b.Publish("a", make([]byte, MaxPayload+1)); !errors.Is(err, ErrPayload) {
		t.Errorf("Publish = %v", err)
	}
	if _, err := b.Publish("a", make([]byte, MaxPayload)); err != nil {
		t.Errorf("Publish = %v", err)
	}
}

// TestBacklog: a channel whose subscriber does not come back takes only so much, and says so; nothing that was accepted
// is lost, and what was refused is not counted as published.
func TestBacklog(t *testing.T) {
	b, _ := startBroker(t, 1)
	entered, leave := make(chan struct{}), make(chan struct{})
	l := newListener(t)
	served := 0
	l.onText = func(string) {
		if served++; served == 1 {
			close(entered)
			<-leave
		}
	}
	s := subscribe(t, b, "slow", l)
	publish(t, b, "slow", "x")
	await(t, entered, "the first delivery")
	accepted := 1
	var err error
	for err == nil {
		if _, err = b.Publish("slow", []byte("x")); err == nil {
			accepted++
		}
	}
	if !errors.Is(err, ErrBacklog) || accepted < maxBacklog-1 || accepted > maxBacklog+2 {
		t.Errorf("%v after %d messages", err, accepted)
	}
	s.Cancel() // is never refused
	if stats := b.Stats(); stats.Published != uint64(accepted) || stats.Refused != 1 {
		t.Errorf("%+v, want %d accepted", stats, accepted)
	}
	close(leave)
	await(t, l.gone, "Unsubscribed")
	if served != accepted {
		t.Errorf("%d were accepted, %d delivered", accepted, served)
	}
}

func TestClose(t *testing.T) {
	b, _ := startBroker(t, 1)
	l := newListener(t)
	s := subscribe(t, b, "a", l)
	for i := range 200 {
		publish(t, b, "a", fmt.Sprint(i))
	}
	b.Close()
	b.Close()
	if _, err := b.Publish("a", nil); !errors.Is(err, ErrClosed) {
		t.Errorf("Publish = %v", err)
	}
	if _, err := b.Subscribe("a", l); !errors.Is(err, ErrClosed) {
		t.Errorf("Subscribe = %v", err)
	}
	s.Cancel()
	await(t, l.gone, "Unsubscribed")
	if len(l.got) != 200 {
		t.Errorf("%d delivered", len(l.got))
	}
}

// TestOrderPerPublisher: each subscriber gets each publisher's messages in order, all of them, and all subscribers of a
// channel get them in the same order.
func TestOrderPerPublisher(t *testing.T) {
	b, _ := startBroker(t, 2)
	const channels, publishers, each = 3, 3, 400
	var listeners [channels][]*listener
	var subscriptions []*Subscription
	for c := range channels {
		for range 3 {
			l := newListener(t)
			listeners[c] = append(listeners[c], l)
			subscriptions = append(subscriptions, subscribe(t, b, fmt.Sprint(c), l))
		}
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
	for _, s := range subscriptions {
		s.Cancel()
	}
	for c := range channels {
		for _, l := range listeners[c] {
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
	b, _ := startBroker(t, 2)
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
				l := newListener(t)
				heard := make(chan struct{}, 2)
				l.onText = func(text string) {
					if text == mine {
						heard <- struct{}{}
					}
				}
				s := subscribe(t, b, channel, l)
				if n := publish(t, b, channel, mine); n < 1 {
					t.Errorf("%d receivers, and one has subscribed", n)
				}
				if rng.IntN(2) == 0 {
					await(t, heard, "its own message")
					heard <- struct{}{}
				}
				s.Cancel()
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
	eventually(t, "no channel is left", func() bool { return b.Stats().Channels == 0 })
}

// TestLastLeavesFirstComes races the last Cancel of a channel with a new Subscribe, which must not be lost.
func TestLastLeavesFirstComes(t *testing.T) {
	b, _ := startBroker(t, 2)
	old := newListener(t)
	s := subscribe(t, b, "a", old)
	for i := range 1500 {
		go s.Cancel()
		if i%3 == 0 {
			<-old.gone
		}
		l := newListener(t)
		heard := make(chan string, 1)
		l.onText = func(text string) { heard <- text }
		s = subscribe(t, b, "a", l)
		publish(t, b, "a", fmt.Sprint(i))
		if text := await(t, heard, "the message"); text != fmt.Sprint(i) {
			t.Fatalf("heard %s, want %d", text, i)
		}
		await(t, old.gone, "Unsubscribed")
		old = l
	}
	s.Cancel()
	await(t, old.gone, "Unsubscribed")
	eventually(t, "the channel is gone", func() bool { return b.Stats().Channels == 0 })
}
