package actors_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
	"github.com/troupe-go/troupe/reactor"
)

func keeping(count int) pubsub.Options {
	return pubsub.Options{History: []pubsub.HistoryRule{{Pattern: "*", Count: count}}}
}

// TestReplayToSmallOutbound: a history far larger than the connection's budget comes whole and in order, as the peer takes
// it, whatever the policy, with what is published meanwhile after it: by handlers, and directly, with encoders that make
// more of it than it was.
func TestReplayToSmallOutbound(t *testing.T) {
	for _, policy := range []actors.SlowPolicy{actors.Disconnect, actors.DropOldest, actors.DropNewest, actors.Conflate, actors.SuspendReads} {
		for name, test := range map[string]struct {
			budget, payload, inflate int
			handler                  bool
		}{
			"1 KiB":                  {1 << 10, 100, 1, false},
			"1 KiB, large":           {1 << 10, 900, 1, false},
			"1 KiB, empty":           {1 << 10, 0, 1, false},
			"1 KiB, by a handler":    {1 << 10, 100, 1, true},
			"4 KiB, five times more": {4 << 10, 100, 5, false},
			"64 KiB, ten times more": {64 << 10, 200, 10, false},
			"64 KiB":                 {64 << 10, 5000, 1, false},
		} {
			t.Run(fmt.Sprintf("%v, %s", policy, name), func(t *testing.T) {
				w, p := oneInWorld(t, actors.Base{}, actors.ConnOptions{MaxOutbound: test.budget, SlowPolicy: policy}, keeping(1000))
				var want strings.Builder
				n := 0
				frame := func(payload string) string { return strings.Repeat(payload, test.inflate) + ";" }
				say := func() {
					payload := fmt.Sprintf("%0*d", test.payload, n)
					n++
					mustPublish(t, p, "c", payload)
					want.WriteString(frame(payload))
				}
				for range 300 {
					say()
				}
				o := actors.SubscribeOptions{After: &pubsub.Position{}}
				if test.handler {
					o.Handler = func(c *actors.Conn, m *pubsub.Message) {
						c.WriteBuffer(reactor.CopyBuffer([]byte(frame(string(m.Payload())))))
					}
				} else {
					o.Encoder = pubsub.NewEncoder("inflating", 0, func(dst []byte, m *pubsub.Message) []byte { return append(dst, frame(string(m.Payload()))...) })
				}
				p.Window(0)
				s := mustSubscribe(t, p, "c", o)
				rng := rand.New(rand.NewPCG(1, 1))
				var got strings.Builder
				for step := 0; got.Len() < want.Len() && step < 20_000; step++ {
					p.Window(1 + rng.IntN(test.budget))
					got.WriteString(p.Received())
					if reason, over := p.Reason(); over {
						t.Fatalf("closed after %d of %d bytes: %v", got.Len(), want.Len(), reason)
					}
					if step%3 == 0 && n < 400 {
						p.Window(-1) // the budget is for what comes of one message, beside the replay
						w.Run()
						got.WriteString(p.Received())
						p.Window(0)
						say()
						w.Run()
					}
				}
				if got.String() != want.String() {
					at := 0
					for at < min(got.Len(), want.Len()) && got.String()[at] == want.String()[at] {
						at++
					}
					t.Errorf("got %d bytes, want %d; other from %d on: %.50q, want %.50q", got.Len(), want.Len(), at, got.String()[at:], want.String()[at:])
				}
				if d := p.Conn().Dropped(); d.Messages != 0 || s.Dropped() != 0 {
					t.Errorf("dropped %+v, %d", d, s.Dropped())
				}
			})
		}
	}
}

// TestGapFitsBeforeMessage: a Gap's frame and that of a message that has just room for itself do not come at once.
func TestGapFitsBeforeMessage(t *testing.T) {
	_, p := oneInWorld(t, lineFramer{}, actors.ConnOptions{MaxOutbound: 1 << 10}, keeping(3))
	var last string
	mustPublish(t, p, "c", "first")
	after := p.Conn().System().Broker().Channel("c", 0).Position
	for i := range 10 {
		last = fmt.Sprintf("%0900d", i)
		mustPublish(t, p, "c", last)
	}
	p.Window(0)
	s := mustSubscribe(t, p, "c", actors.SubscribeOptions{After: &after})
	var got []string
	for len(got) < 4 {
		p.ExpectOpen()
		p.Window(1000)
		for line := range strings.Lines(p.Received()) {
			if len(got) > 0 && !strings.HasSuffix(got[len(got)-1], "\n") {
				got[len(got)-1] += line
			} else {
				got = append(got, line)
			}
		}
	}
	p.Window(-1)
	if rest := p.Received(); got[0] != "gap of 7\n" || got[3]+rest != last+"\n" || s.Dropped() != 0 {
		t.Errorf("got %.20q, rest %.20q, %d dropped", got, rest, s.Dropped())
	}
}

// TestReplayBesideOtherMail: the mailbox has room for few messages, and some other mail waits when a history is replayed to
// a handler: all of it comes.
func TestReplayBesideOtherMail(t *testing.T) {
	w, p := oneInWorld(t, actors.Base{}, actors.ConnOptions{MaxMailbox: 10}, keeping(1000))
	for i := range 200 {
		mustPublish(t, p, "c", fmt.Sprint(i))
	}
	var got []string
	s, err := p.Conn().Subscribe("c", actors.SubscribeOptions{Last: 150, Handler: func(_ *actors.Conn, m *pubsub.Message) {
		got = append(got, string(m.Payload()))
	}})
	if err != nil {
		t.Fatal(err)
	}
	for range 9 {
		if err := p.Conn().Send("mail"); err != nil {
			t.Fatal(err)
		}
	}
	w.Run()
	if len(got) != 150 || got[0] != "50" || s.Dropped() != 0 {
		t.Errorf("got %d messages, %d dropped", len(got), s.Dropped())
	}
}

// TestCancelOfReplayingConnection: a peer that takes nothing, and a history on its way: the end comes all the same, and once.
func TestCancelOfReplayingConnection(t *testing.T) {
	for _, closes := range []bool{false, true} {
		w, p := oneInWorld(t, actors.Base{}, actors.ConnOptions{MaxOutbound: 1 << 10}, keeping(1000))
		for i := range 200 {
			mustPublish(t, p, "c", fmt.Sprintf("%0100d", i))
		}
		p.Window(0)
		ends := 0
		s := mustSubscribe(t, p, "c", actors.SubscribeOptions{Last: 200, OnUnsubscribed: func(*actors.Conn, *pubsub.Subscription) { ends++ }})
		if closes {
			p.Conn().ForceClose()
		} else {
			s.Cancel()
		}
		w.Run()
		if st := w.System().Broker().Stats(); ends != 1 || st.Subscriptions != 0 {
			t.Errorf("%d ends, %+v", ends, st)
		}
		p.Window(-1)
		if n := len(p.Received()); n > 1<<10 {
			t.Errorf("%d bytes came", n)
		}
	}
}
