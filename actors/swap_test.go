package actors_test

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
)

// A stage consumes its share of the stream and hands the connection on to the next stage.
type stage struct {
	actors.Base
	t     *testing.T
	size  int
	least int // consumes nothing while less is there
	how   int // when and from where it swaps
	next  *stage
	got   []byte
	opens int
	taken bool
	ended chan<- actors.Reason
}

func (s *stage) OnOpen(c *actors.Conn) {
	s.opens++
	if s.next != nil && s.size == 0 {
		c.Swap(s.next)
	}
}

func (s *stage) OnData(c *actors.Conn, p []byte) int {
	if s.opens != 1 || s.taken {
		s.t.Errorf("OnData of a stage opened %d times, taken over: %v", s.opens, s.taken)
	}
	want := s.size - len(s.got)
	if want == 0 && s.next != nil { // it waits for the swap that it asked for
		return 0
	}
	if len(p) < min(want, s.least) {
		return 0
	}
	n := min(want, len(p))
	s.got = append(s.got, p[:n]...)
	if len(s.got) == s.size {
		switch {
		case s.next == nil:
			c.Close()
		case s.how == 0:
			c.Swap(s.next)
		case s.how == 1:
			go c.Swap(s.next)
		case s.how == 2:
			c.Do(func(c *actors.Conn) { c.Swap(s.next) }, nil)
		case s.how == 3:
			c.After(0, func(c *actors.Conn) { c.Swap(s.next) })
		default:
			c.Send("swap")
		}
	}
	return n
}

func (s *stage) OnMessage(c *actors.Conn, _ any) { c.Swap(s.next) }

func (s *stage) OnSwap(_ *actors.Conn, next actors.Protocol) {
	if s.taken = true; next != actors.Protocol(s.next) {
		s.t.Error("OnSwap with another protocol")
	}
}

func (s *stage) OnClose(_ *actors.Conn, r actors.Reason) {
	if s.next != nil {
		s.t.Error("OnClose of a protocol that was taken over")
	}
	s.ended <- r
}

// The stream reaches a chain of protocols whole and in order, each its own share, however the bytes arrive and
// whoever swaps.
func TestSwapChain(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for round := range 40 {
		s := system(t, actors.Options{ReadBuffer: 512 << rng.IntN(8)})
		ended := make(chan actors.Reason, 16)
		var wire []byte
		var stages []*stage
		for i := range 2 + rng.IntN(12) {
			st := &stage{t: t, size: rng.IntN(1 << rng.IntN(14)), how: rng.IntN(5), ended: ended}
			st.least = rng.IntN(st.size + 1)
			share := bytes.Repeat(fmt.Appendf(nil, "%02d.", i), st.size/3+1)[:st.size]
			wire = append(wire, share...)
			if stages = append(stages, st); i > 0 {
				stages[i-1].next = st
			}
		}
		last := stages[len(stages)-1]
		if last.size == 0 {
			last.size = 1
			wire = append(wire, '!')
		}
		ln := listen(t, s, actors.Shared(stages[0]), actors.ListenOptions{})
		client := peer(t, ln.Addr())
		writeSplit(t, client, rng, wire)
		if r := get(t, ended, "OnClose"); r.Code != actors.LocalClose {
			t.Fatalf("round %d: closed for %v", round, r)
		}
		var got []byte
		for i, st := range stages {
			if got = append(got, st.got...); len(st.got) != st.size || st.opens != 1 || st.taken != (st != last) {
				t.Errorf("round %d, stage %d: got %d of %d bytes, opened %d times, taken over %v", round, i, len(st.got), st.size, st.opens, st.taken)
			}
		}
		if !bytes.Equal(got, wire) {
			t.Fatalf("round %d: the stages got something else than was sent", round)
		}
		client.Close()
	}
}

// Several swaps wait at once: each protocol has its turn, in order.
func TestSwapQueue(t *testing.T) {
	p := newProbe(t)
	var order []int
	done := make(chan struct{})
	s := system(t, actors.Options{})
	c, client := one(t, s, p, actors.ListenOptions{})
	var probes []*probe
	for i := range 5 {
		q := newProbe(t)
		q.open = func(*actors.Conn) {
			if order = append(order, i); i == 4 {
				close(done)
			}
		}
		probes = append(probes, q)
	}
	c.Do(func(c *actors.Conn) {
		for _, q := range probes {
			if err := c.Swap(q); err != nil {
				t.Error(err)
			}
		}
		if len(order) != 0 {
			t.Error("a swap took place within a callback")
		}
	}, nil)
	get(t, done, "the last protocol")
	if fmt.Sprint(order) != "[0 1 2 3 4]" {
		t.Error(order)
	}
	client.Close()
	probes[4].wantClose(actors.PeerClosed)
	for _, q := range append(probes[:4], p) {
		if len(q.closed) != 0 {
			t.Error("OnClose of a protocol that was taken over")
		}
	}
	if err := c.Swap(nil); !errors.Is(err, actors.ErrNilFactory) {
		t.Error(err)
	}
}

func TestSwapInOpen(t *testing.T) {
	first, second := newProbe(t), newProbe(t)
	got := make(chan string, 4)
	second.data = func(_ *actors.Conn, b []byte) int { got <- string(b); return len(b) }
	first.data = func(_ *actors.Conn, b []byte) int { t.Errorf("the first protocol got %q", b); return len(b) }
	first.open = func(c *actors.Conn) { c.Swap(second) }
	c, client := one(t, system(t, actors.Options{}), first, actors.ListenOptions{})
	mustSend(t, client, "for the second")
	if text := get(t, got, "OnData"); text != "for the second" {
		t.Error(text)
	}
	c.Close()
	second.wantClose(actors.LocalClose)
}

func TestSwapKeepsWhatTheConnectionHas(t *testing.T) {
	first, second := newProbe(t), newProbe(t)
	s := system(t, actors.Options{})
	c, client := one(t, s, first, actors.ListenOptions{})
	news, ticks, ended := make(chan string, 16), make(chan struct{}, 1000), make(chan struct{})
	c.Subscribe("news", actors.SubscribeOptions{
		Handler:        func(_ *actors.Conn, m *pubsub.Message) { news <- string(m.Payload()) },
		OnUnsubscribed: func(*actors.Conn, *pubsub.Subscription) { news <- "unsubscribed" },
	})
	c.Subscribe("news", actors.SubscribeOptions{})
	c.Every(time.Millisecond, 0, func(*actors.Conn) {
		select {
		case ticks <- struct{}{}:
		default:
		}
	}, func(*actors.Conn) { close(ended) })
	c.SetTag("name")
	pid, ref := c.PID(), c.Ref()
	c.Swap(second)
	get(t, second.opened, "the second OnOpen")
	s.Broker().Publish("news", []byte("hello"))
	if text := get(t, news, "a message"); text != "hello" {
		t.Error(text)
	}
	mustGet(t, client, "hello")
	for len(ticks) > 0 {
		<-ticks
	}
	get(t, ticks, "a tick")
	if found, ok := s.Tagged("name"); !ok || found != c || c.PID() != pid || c.Ref() != ref {
		t.Error("tag, PID or Ref changed")
	}
	told := make(chan any, 1)
	c.Do(func(*actors.Conn) { second.message = func(_ *actors.Conn, m any) { told <- m } }, nil)
	s.Root().Send(pid, "you")
	if m := get(t, told, "a message to the second"); m != "you" {
		t.Error(m)
	}
	client.Close()
	second.wantClose(actors.PeerClosed)
	get(t, ended, "the timer's finish hook")
	if text := get(t, news, "unsubscribed hook"); text != "unsubscribed" {
		t.Error(text)
	}
	if _, ok := s.Tagged("name"); ok {
		t.Error("the tag is left")
	}
}

func TestSwapFromManyGoroutinesAndCloses(t *testing.T) {
	s := system(t, actors.Options{})
	for range 30 {
		ended := make(chan actors.Reason, 64)
		var opened [64]bool
		p := newProbe(t)
		p.close = func(_ *actors.Conn, r actors.Reason) { ended <- r }
		c, _ := one(t, s, p, actors.ListenOptions{})
		var wg sync.WaitGroup
		for i := range opened {
			q := newProbe(t)
			q.open = func(*actors.Conn) { opened[i] = true }
			q.close = func(_ *actors.Conn, r actors.Reason) { ended <- r }
			wg.Go(func() {
				if err := c.Swap(q); err != nil && !errors.Is(err, actors.ErrClosed) {
					t.Error(err)
				}
			})
		}
		wg.Go(c.Close)
		wg.Wait()
		get(t, ended, "OnClose")
		until(t, "the connection is gone", func() bool { return s.Count() == 0 })
		if len(ended) != 0 {
			t.Error("OnClose twice")
		}
		c.Listener().Close()
	}
}
