package actors_test

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/actors/actorstest"
	"github.com/troupe-go/troupe/pubsub"
)

// lines is an encoder of a text protocol: everything that can be told, one line each.
var lines = pubsub.NewEncoder("lines", 20, func(dst []byte, m *pubsub.Message) []byte {
	switch m.Kind {
	case pubsub.Joined:
		return fmt.Appendf(dst, "+%s\n", m.Member.ID)
	case pubsub.Left:
		return fmt.Appendf(dst, "-%s\n", m.Member.ID)
	case pubsub.Gap:
		return fmt.Appendf(dst, "gap of %d\n", m.Missed)
	}
	return append(append(dst, m.Payload()...), '\n')
})

// A lineFramer is a Protocol that says lines is how published messages are sent.
type lineFramer struct{ actors.Base }

func (lineFramer) Encoder() *pubsub.Encoder { return lines }

// oneInWorld is a test's world with one connection.
func oneInWorld(t testing.TB, p actors.Protocol, o actors.ConnOptions, broker pubsub.Options) (*actorstest.World, *actorstest.Peer) {
	t.Helper()
	noBuffersLeft(t)
	w := actorstest.NewWorld(t, actors.Options{PubSub: broker})
	peer := w.OpenWith(actors.Shared(p), o)
	t.Cleanup(func() {
		peer.Conn().ForceClose()
		w.System().Broker().Close()
		w.Run()
	})
	return w, peer
}

func mustSubscribe(t testing.TB, p *actorstest.Peer, name string, o actors.SubscribeOptions) *pubsub.Subscription {
	t.Helper()
	s, err := p.Conn().Subscribe(name, o)
	if err != nil {
		t.Fatal(err)
	}
	p.World().Run()
	return s
}

func mustPublish(t testing.TB, p *actorstest.Peer, name, text string) {
	t.Helper()
	if _, err := p.Conn().System().Broker().Publish(name, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

// TestFrames: what is written for a message is what the subscription's encoder makes of it, or else the protocol's at that
// moment, or else the payload; events and gaps have no payload.
func TestFrames(t *testing.T) {
	w, p := oneInWorld(t, actors.Base{}, actors.ConnOptions{}, pubsub.Options{})
	say := func(text, want string) {
		t.Helper()
		mustPublish(t, p, "c", text)
		w.Run()
		if got := p.Received(); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	sharp := pubsub.NewEncoder("sharp", 1, func(dst []byte, m *pubsub.Message) []byte { return append(append(dst, '#'), m.Payload()...) })
	plain := mustSubscribe(t, p, "c", actors.SubscribeOptions{Events: true, Member: &pubsub.Member{ID: "me"}})
	say("1", "1")
	say("", "")
	own := mustSubscribe(t, p, "c", actors.SubscribeOptions{Encoder: sharp})
	say("2", "2#2")
	p.Conn().Swap(lineFramer{})
	w.Run()
	say("3", "3\n#3")
	say("", "\n#")
	other := w.Open(actors.Base{})
	mustSubscribe(t, other, "c", actors.SubscribeOptions{Member: &pubsub.Member{ID: "other"}})
	if got := p.Received(); got != "+other\n" {
		t.Errorf("got %q", got)
	}
	other.Conn().ForceClose()
	w.Run()
	if got := p.Received(); got != "-other\n" {
		t.Errorf("got %q", got)
	}
	p.Conn().Swap(actors.Base{})
	w.Run()
	say("4", "4#4")
	plain.Cancel()
	say("5", "#5")
	own.Cancel()
	say("6", "")
	if n := len(p.Conn().Subscriptions()); n != 0 {
		t.Errorf("%d subscriptions", n)
	}
}

// TestSlowPeerPolicies: a peer that takes nothing, and more messages than there is room for, one by one or as one burst:
// every message is either written, whole and in order, or counted.
func TestSlowPeerPolicies(t *testing.T) {
	const messages, size, budget = 100, 99, 4096
	for _, policy := range []actors.SlowPolicy{actors.Disconnect, actors.DropOldest, actors.DropNewest, actors.Conflate, actors.SuspendReads} {
		for _, burst := range []bool{false, true} {
			t.Run(fmt.Sprintf("%v, burst %v", policy, burst), func(t *testing.T) {
				w, p := oneInWorld(t, lineFramer{}, actors.ConnOptions{MaxOutbound: budget, SlowPolicy: policy}, pubsub.Options{})
				s := mustSubscribe(t, p, "c", actors.SubscribeOptions{})
				p.Window(10)
				for i := range messages {
					mustPublish(t, p, "c", fmt.Sprintf("%0*d", size, i))
					if !burst {
						w.Run()
					}
				}
				w.Run()
				if policy == actors.Disconnect {
					p.ExpectClosed(actors.SlowPeer)
					if st := w.System().Broker().Stats(); st.Subscriptions != 0 || st.Delivered+st.Dropped < uint64(budget/2/size) {
						t.Errorf("%+v", st)
					}
					return
				}
				p.Window(-1)
				var got []int
				for line := range strings.Lines(p.Received()) {
					n, err := strconv.Atoi(strings.TrimSpace(line))
					if err != nil || len(line) != size+1 {
						t.Errorf("garbled: %q", line)
					}
					got = append(got, n)
				}
				dropped := p.Conn().Dropped()
				if !slices.IsSorted(got) || len(got)+int(dropped.Messages) != messages || dropped.Bytes != dropped.Messages*(size+1) {
					t.Errorf("got %v, dropped %+v", got, dropped)
				}
				least := budget/(size+1+64) - 2
				oldest := policy == actors.DropOldest || policy == actors.Conflate
				if n := len(got); n < least || oldest && got[n-1] != messages-1 || !oldest && got[n-1] != n-1 {
					t.Errorf("got %v", got)
				}
				if !oldest && s.Dropped() != dropped.Messages || oldest && s.Dropped() > 1 {
					t.Errorf("%d dropped by the subscription, %d by the connection", s.Dropped(), dropped.Messages)
				}
				mustPublish(t, p, "c", "later")
				w.Run()
				p.Expect("later\n")
			})
		}
	}
}

// TestHandlersMailbox: what waits for handlers is bounded in number and in bytes. What exceeds it is dropped and counted;
// one message alone is never too large.
func TestHandlersMailbox(t *testing.T) {
	for name, test := range map[string]struct {
		o    actors.ConnOptions
		want int
	}{
		"messages": {actors.ConnOptions{MaxMailbox: 7}, 7},
		"bytes":    {actors.ConnOptions{MaxMailboxBytes: 5 * (100 + 256)}, 5},
		"one":      {actors.ConnOptions{MaxMailboxBytes: 1}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			w, p := oneInWorld(t, actors.Base{}, test.o, pubsub.Options{})
			heard := 0
			s := mustSubscribe(t, p, "c", actors.SubscribeOptions{Handler: func(_ *actors.Conn, m *pubsub.Message) { heard += len(m.Payload()) }})
			for round := range 3 {
				heard = 0
				for range 30 {
					mustPublish(t, p, "c", strings.Repeat("x", 100))
				}
				w.Run()
				if heard != 100*test.want || s.Dropped() != uint64((round+1)*(30-test.want)) {
					t.Errorf("heard %d bytes, %d dropped", heard, s.Dropped())
				}
			}
			if n := w.System().Stats().Undelivered; n != s.Dropped() {
				t.Errorf("%d undelivered, %d dropped", n, s.Dropped())
			}
		})
	}
}
