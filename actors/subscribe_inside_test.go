package actors_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
)

// TestPubSubFromCallbacks: handlers, hooks and encoders may publish, subscribe, cancel, and close connections; nothing waits
// for itself.
func TestPubSubFromCallbacks(t *testing.T) {
	noBuffersLeft(t)
	s := system(t, actors.Options{PubSub: keeping(100)})
	p := newProbe(t)
	done := make(chan struct{})
	var c *actors.Conn
	broker := s.Broker()
	encoder := pubsub.NewEncoder("", 0, func(dst []byte, m *pubsub.Message) []byte {
		broker.Publish("encoded", m.Payload())
		sub, err := c.Subscribe("encoded", actors.SubscribeOptions{Handler: func(*actors.Conn, *pubsub.Message) {}})
		if err == nil {
			sub.Cancel()
		}
		return dst
	})
	const depth = 100
	p.open = func(opened *actors.Conn) {
		c = opened
		if _, err := c.Subscribe("a", actors.SubscribeOptions{Encoder: encoder}); err != nil {
			t.Error(err)
		}
		var chain func(n int)
		chain = func(n int) {
			var sub *pubsub.Subscription
			sub, err := c.Subscribe("a", actors.SubscribeOptions{
				Handler: func(c *actors.Conn, m *pubsub.Message) {
					if string(m.Payload()) == fmt.Sprint(n) {
						sub.Cancel()
					}
				},
				OnUnsubscribed: func(c *actors.Conn, _ *pubsub.Subscription) {
					if n == depth {
						close(done)
						return
					}
					chain(n + 1)
					c.PublishOthers("a", []byte("others"))
					if _, err := c.Publish("a", []byte(fmt.Sprint(n+1))); err != nil {
						t.Error(err)
					}
				},
			})
			if err != nil {
				t.Error(err)
			}
		}
		chain(0)
		c.Publish("a", []byte("0"))
	}
	p.close = func(c *actors.Conn, _ actors.Reason) {
		if _, err := c.Subscribe("a", actors.SubscribeOptions{}); err == nil {
			t.Error("subscribed in OnClose")
		}
		broker.Publish("a", []byte("from OnClose"))
	}
	_, end := one(t, s, p, actors.ListenOptions{})
	get(t, done, "the last hook")
	until(t, "the ended ones are not listed", func() bool { return len(c.Subscriptions()) == 1 })
	end.Close()
	p.wantClose(actors.PeerClosed)
}

// TestPublishOthers: everybody but the connection gets it, whatever the connection has subscribed to, also while it does.
func TestPublishOthers(t *testing.T) {
	w, p := oneInWorld(t, lineFramer{}, actors.ConnOptions{}, keeping(100))
	other := w.Open(lineFramer{})
	for _, q := range []interface{ Conn() *actors.Conn }{p, other} {
		for _, o := range []actors.SubscribeOptions{{}, {Pattern: true}} {
			if _, err := q.Conn().Subscribe("c", o); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n, err := p.Conn().PublishOthers("c", []byte("x")); n != 2 || err != nil {
		t.Error(n, err)
	}
	if n, err := p.Conn().Publish("c", []byte("y")); n != 4 || err != nil {
		t.Error(n, err)
	}
	w.Run()
	p.Expect("y\ny\n")
	other.Expect("x\nx\ny\ny\n")
	mustSubscribe(t, p, "c", actors.SubscribeOptions{Last: 100})
	p.Expect("x\ny\n") // the past, whoever said it
	other.Conn().ForceClose()
	w.Run()
}

// TestSubscribeAfterTheEnd: a connection that is closing or closed cannot subscribe, from wherever, and nothing stays of it.
func TestSubscribeAfterTheEnd(t *testing.T) {
	noBuffersLeft(t)
	s := system(t, actors.Options{})
	for range 100 {
		p := newProbe(t)
		c, end := one(t, s, p, actors.ListenOptions{})
		var racing sync.WaitGroup
		racing.Go(c.ForceClose)
		hooks := make(chan struct{}, 100)
		stood := 0
		racing.Go(func() {
			for range 50 {
				_, err := c.Subscribe("c", actors.SubscribeOptions{OnUnsubscribed: func(*actors.Conn, *pubsub.Subscription) { hooks <- struct{}{} }})
				if err != nil {
					return
				}
				stood++
			}
		})
		racing.Go(func() { s.Broker().Publish("c", []byte("x")) })
		racing.Wait()
		p.wantClose(actors.LocalClose)
		if len(hooks) != stood {
			t.Fatalf("%d hooks for %d subscriptions", len(hooks), stood)
		}
		end.Close()
	}
	until(t, "none is left", func() bool { return s.Broker().Stats().Subscriptions == 0 })
}

// TestBurstLeavesInOneWrite: many messages that were published before the hub's turn leave a connection in one writev, and
// are read as one.
func TestBurstLeavesInOneWrite(t *testing.T) {
	s := system(t, actors.Options{Loops: 1})
	p := newProbe(t)
	c, end := one(t, s, p, actors.ListenOptions{})
	if _, err := c.Subscribe("c", actors.SubscribeOptions{}); err != nil {
		t.Fatal(err)
	}
	s.Broker().Publish("c", []byte("warm"))
	mustGet(t, end, "warm")
	served(t, c)
	const messages = 60
	before := s.Stats().Loops.Writes
	entered, leave := make(chan struct{}), make(chan struct{})
	// A turn of the connection's own keeps the loop, or a takeover the connection.
	if err := c.Do(func(*actors.Conn) { close(entered); <-leave }, nil); err != nil {
		t.Fatal(err)
	}
	get(t, entered, "the turn")
	var want strings.Builder
	for i := range messages {
		text := fmt.Sprintf("message %d;", i)
		want.WriteString(text)
		if _, err := s.Broker().Publish("c", []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "the hub has delivered", func() bool { return s.Broker().Stats().Delivered == messages+1 })
	close(leave)
	mustGet(t, end, want.String())
	served(t, c)
	if n := s.Stats().Loops.Writes - before; n > 3 {
		t.Errorf("%d writes", n)
	}
}

// TestHugeAudienceDelaysNobody: while a channel with very many subscribers is published to, an echo on the same loop comes
// back soon.
func TestHugeAudienceDelaysNobody(t *testing.T) {
	subscribers := scaled(100_000, 20_000)
	s := system(t, actors.Options{Loops: 1})
	broker := s.Broker()
	var all []*pubsub.Subscription
	p := newProbe(t)
	p.data = func(c *actors.Conn, b []byte) int { c.Write(b); return len(b) }
	c, end := one(t, s, p, actors.ListenOptions{})
	for range subscribers {
		sub, err := broker.Subscribe("c", func(*pubsub.Message) {}, pubsub.SubscribeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, sub)
	}
	echo := func() time.Duration {
		began := time.Now()
		mustSend(t, end, "x")
		mustGet(t, end, "x")
		return time.Since(began)
	}
	var worst time.Duration
	for range 5 {
		if _, err := broker.Publish("c", []byte("y")); err != nil {
			t.Fatal(err)
		}
		for delivered := broker.Stats().Delivered; broker.Stats().Delivered < delivered+uint64(subscribers)/2; {
			worst = max(worst, echo())
			if broker.Stats().Waiting == 0 && broker.Stats().Delivered%uint64(subscribers) == 0 {
				break
			}
		}
	}
	t.Logf("the slowest echo took %v", worst)
	if worst > 250*time.Millisecond && !raceDetector {
		t.Errorf("an echo took %v", worst)
	}
	for _, sub := range all {
		sub.Cancel()
	}
	c.ForceClose()
	until(t, "all have ended", func() bool { return broker.Stats().Subscriptions == 0 })
}

// TestMemoryOfConnectionsSubscriptions: what a plain subscription costs a connection that has many, and that it is given back.
func TestMemoryOfConnectionsSubscriptions(t *testing.T) {
	conns, channels := scaled(10_000, 100), 100
	w, p := oneInWorld(t, actors.Base{}, actors.ConnOptions{}, pubsub.Options{MaxIdleChannels: -1})
	all := []*actors.Conn{p.Conn()}
	for range conns - 1 {
		all = append(all, w.Open(actors.Base{}).Conn())
	}
	names := make([]string, conns*channels/10)
	for i := range names {
		names[i] = fmt.Sprint("channel:", i)
	}
	for _, c := range all { // what every connection with subscriptions has
		if _, err := c.Subscribe("all", actors.SubscribeOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	w.Run()
	before := liveHeap()
	for i, c := range all {
		for k := range channels {
			if _, err := c.Subscribe(names[(i*channels+k)%len(names)], actors.SubscribeOptions{}); err != nil {
				t.Fatal(err)
			}
		}
		w.Run()
	}
	each := (liveHeap() - before) / int64(conns*channels)
	t.Logf("%d connections with %d subscriptions: %d B each", conns, channels, each)
	if each > 200 && !raceDetector {
		t.Errorf("%d B a subscription, want 200", each)
	}
	for _, c := range all {
		for _, sub := range c.Subscriptions() {
			if sub.Name() != "all" {
				sub.Cancel()
			}
		}
		w.Run()
	}
	left := (liveHeap() - before) / int64(conns*channels)
	t.Logf("%d B a subscription are left", left)
	if left > 20 && !raceDetector {
		t.Errorf("%d B a subscription are left", left)
	}
	for _, c := range all {
		c.ForceClose()
	}
	w.Run()
}
