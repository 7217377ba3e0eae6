package pubsub

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// TestCloseDeliversWhatWasPublished: functions and Go channels get everything that was published before, then their hook;
// afterwards all is refused.
func TestCloseDeliversWhatWasPublished(t *testing.T) {
	b, g := startBroker(t, 2, kept(10))
	var heard, hooks atomic.Int32
	for i := range 20 {
		if _, err := b.Subscribe([]string{"c", "*"}[i%2], func(*Message) { heard.Add(1) },
			SubscribeOptions{Pattern: i%2 == 1, OnUnsubscribed: func(*Subscription) { hooks.Add(1) }}); err != nil {
			t.Fatal(err)
		}
	}
	l := newListener(t, g).attach(b, "c", SubscribeOptions{})
	_, ch, err := b.SubscribeChan("c", 200, SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		publish(t, b, "c", fmt.Sprint(i))
	}
	b.Close()
	b.Close()
	for range ch {
	}
	eventually(t, "all is heard", func() bool { return heard.Load() == 2000 && hooks.Load() == 20 })
	for _, filter := range []int16{0, 9} {
		if _, err := b.Send(Publication{Channel: "c", Filter: filter}); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
	if _, err := b.Subscribe("c", func(*Message) {}, SubscribeOptions{}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	for _, pattern := range []bool{false, true} {
		late := newListener(t, g)
		if err := b.Attach(&late.Subscription, "c", late, late.loop, SubscribeOptions{Pattern: pattern}); !errors.Is(err, ErrClosed) {
			t.Error(err)
		}
	}
	select {
	case <-l.gone:
		t.Error("a subscriber that is not the broker's was cancelled")
	default:
	}
	l.Cancel()
	await(t, l.gone, "Unsubscribed")
	if len(l.got) != 100 {
		t.Errorf("heard %d", len(l.got))
	}
	if s := b.Stats(); s.HistoryBytes != 0 || s.Subscriptions != 0 {
		t.Errorf("%+v", s)
	}
}

// TestCloseWithUnreadChannels: nobody reads, and some of what was published is in nobody's hands: it all ends.
func TestCloseWithUnreadChannels(t *testing.T) {
	b, _ := startBroker(t, 2, kept(1000))
	var channels []<-chan *Message
	for i := range 20 {
		_, ch, err := b.SubscribeChan("c", i%3, SubscribeOptions{MaxWaiting: 1 + i*10, After: &Position{}})
		if err != nil {
			t.Fatal(err)
		}
		channels = append(channels, ch)
	}
	for i := range 500 {
		publish(t, b, "c", fmt.Sprint(i))
	}
	b.Close()
	for _, ch := range channels { // what is in them can still be read
		last := uint64(0)
		for m := range ch {
			if m.Kind == Data && m.Sequence <= last {
				t.Errorf("message %d after %d", m.Sequence, last)
			}
			last = m.Sequence
		}
	}
}

// TestCloseRaces: publishers and subscribers of all kinds meet a broker that closes. Everything is either done or refused,
// and every subscription that stood ends.
func TestCloseRaces(t *testing.T) {
	for round := range 15 {
		b, g := startBroker(t, 2, kept(5))
		var racing sync.WaitGroup
		var stood, hooks atomic.Int32
		hook := func(*Subscription) { hooks.Add(1) }
		refused := func(err error) bool {
			if err != nil && !errors.Is(err, ErrClosed) {
				t.Error(err)
			}
			return err != nil
		}
		for i := range 4 {
			racing.Go(func() {
				for {
					name := fmt.Sprint(i % 2)
					_, err := b.Subscribe(name, func(*Message) {}, SubscribeOptions{Pattern: i == 3, OnUnsubscribed: hook})
					if refused(err) {
						break
					}
					stood.Add(1)
					if _, ch, err := b.SubscribeChan(name, 1, SubscribeOptions{Last: 3, OnUnsubscribed: hook}); !refused(err) {
						stood.Add(1)
						racing.Go(func() {
							for range ch {
							}
						})
					}
					l := newListener(t, g)
					if err := b.Attach(&l.Subscription, name, l, l.loop, SubscribeOptions{}); !refused(err) {
						l.Cancel()
						await(t, l.gone, "Unsubscribed")
					}
				}
			})
			racing.Go(func() {
				for !refused(func() error { _, err := b.Publish(fmt.Sprint(i%2), []byte("x")); return err }()) {
				}
			})
		}
		pause(rand.New(rand.NewPCG(uint64(round), 1)), 5*time.Millisecond)
		b.Close()
		racing.Wait()
		eventually(t, "all subscriptions have ended", func() bool { return hooks.Load() == stood.Load() })
		if s := b.Stats(); s.Subscriptions != 0 || s.HistoryBytes != 0 || s.Patterns != 0 {
			t.Errorf("%+v", s)
		}
	}
}

// TestStopDeliversBacklog: what has been accepted is delivered also if the loops are stopped at once, however much it is.
func TestStopDeliversBacklog(t *testing.T) {
	const subscribers, messages = 6000, 100
	b, g := startBroker(t, 1, Options{})
	var heard, hooks atomic.Int64
	all := make([]*counting, subscribers)
	for i := range all {
		all[i] = &counting{heard: &heard, hooks: &hooks}
		if err := b.Attach(&all[i].Subscription, "c", all[i], g.Loops()[0], SubscribeOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	other := newListener(t, g).attach(b, "d", SubscribeOptions{})
	for i := range messages {
		publish(t, b, "c", fmt.Sprint(i))
		publish(t, b, "d", "between") // so that no run is longer than one message
	}
	for _, s := range all {
		s.Cancel()
	}
	other.Cancel()
	stopNow(t, b, g)
	if heard.Load() != subscribers*messages || hooks.Load() != subscribers {
		t.Errorf("%d of %d deliveries, %d of %d hooks", heard.Load(), subscribers*messages, hooks.Load(), subscribers)
	}
}

// A counting is a Subscriber that only counts.
type counting struct {
	Subscription
	heard, hooks *atomic.Int64
}

func (c *counting) Deliver(_ *Subscription, run *Run) int {
	c.heard.Add(int64(len(run.Messages())))
	return 0
}

func (c *counting) Unsubscribed(*Subscription) { c.hooks.Add(1) }
