package actors_test

import (
	"bufio"
	"bytes"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
	"github.com/troupe-go/troupe/reactor"
)

var (
	subscribeDuration = flag.Duration("subscribe.duration", 3*time.Second, "how long TestSubscribeModel runs")
	subscribeSeed     = flag.Uint64("subscribe.seed", 0, "seed of TestSubscribeModel; 0 for a random one")
)

// The protocol of TestSubscribeModel is of lines. The peer's are
//
//	sub ID KIND CHANNEL   subscribe
//	del ID                unsubscribe
//	swap N                swap to protocol N
//	panic, kill, close    end
//
// and the server's are
//
//	sub ID FROM           subscribed; messages from number FROM on must come
//	del ID LEAST MOST     unsubscribed: all up to LEAST have come, and none above MOST
//	swap N                protocol N has taken over
//	msg KIND CHANNEL NUMBER PAYLOAD
//
// KIND is how the message was subscribed to: d, directly, with the protocol's encoder, when it is followed by the number of
// the protocol; e, directly with an encoder of the subscription's; h, by a Handler, which blocks now and then; b, by one that panics, too; p, a pattern.

func subscribeFrame(kind string) *pubsub.Encoder {
	return pubsub.NewEncoder(kind, len(kind)+40, func(dst []byte, m *pubsub.Message) []byte {
		return fmt.Appendf(dst, "msg %s %s %d %s\n", kind, m.Channel, m.Sequence, m.Payload())
	})
}

// subscribeEncoders are the Framers' of the protocols, and those of subscriptions.
var subscribeEncoders = map[string]*pubsub.Encoder{
	"d0": subscribeFrame("d0"), "d1": subscribeFrame("d1"), "d2": subscribeFrame("d2"), "e": subscribeFrame("e"), "p": subscribeFrame("p"),
}

// A subscribeConn is the state of a connection, which all its protocols share.
type subscribeConn struct {
	t      testing.TB
	subs   map[string]*subscribeEntry
	closed bool
	rng    *rand.Rand
}

type subscribeEntry struct {
	id, name    string
	s           *pubsub.Subscription
	least, most uint64
	over        bool
}

// A subscribeProtocol is the protocol with a number.
type subscribeProtocol struct {
	actors.Base
	*subscribeConn
	number int
}

func (p *subscribeProtocol) Encoder() *pubsub.Encoder {
	return subscribeEncoders[fmt.Sprint("d", p.number)]
}

func (p *subscribeProtocol) OnOpen(c *actors.Conn) {
	if p.number > 0 {
		fmt.Fprintf(c, "swap %d\n", p.number)
	}
}

func (p *subscribeProtocol) OnData(c *actors.Conn, data []byte) (consumed int) {
	for !c.Interrupted() {
		line, _, ok := bytes.Cut(data[consumed:], []byte("\n"))
		if !ok {
			break
		}
		consumed += len(line) + 1
		p.command(c, strings.Fields(string(line)))
	}
	return consumed
}

func (p *subscribeProtocol) command(c *actors.Conn, words []string) {
	switch words[0] {
	case "sub":
		p.subscribe(c, words[1], words[2], words[3])
	case "del":
		e := p.subs[words[1]]
		e.least = c.System().Broker().Channel(e.name, 0).Position.Sequence
		e.s.Cancel()
		e.most = c.System().Broker().Channel(e.name, 0).Position.Sequence
	case "swap":
		var n int
		fmt.Sscan(words[1], &n)
		c.Swap(&subscribeProtocol{subscribeConn: p.subscribeConn, number: n})
	case "panic":
		panic("expected")
	case "kill":
		c.ForceClose()
	case "close":
		c.Close()
	}
}

func (p *subscribeProtocol) subscribe(c *actors.Conn, id, kind, name string) {
	e := &subscribeEntry{id: id, name: name}
	state := p.subscribeConn
	o := actors.SubscribeOptions{Encoder: subscribeEncoders[kind], OnUnsubscribed: func(c *actors.Conn, s *pubsub.Subscription) {
		if e.over || state.closed || s != e.s {
			state.t.Errorf("unsubscribed; before: %v, closed: %v", e.over, state.closed)
		}
		e.over = true
		delete(state.subs, id)
		fmt.Fprintf(c, "del %s %d %d\n", id, e.least, e.most)
	}}
	if kind == "h" || kind == "b" {
		o.Handler = func(c *actors.Conn, m *pubsub.Message) {
			if e.over || state.closed {
				state.t.Errorf("a message after the end; unsubscribed: %v, closed: %v", e.over, state.closed)
			}
			if state.rng.IntN(500) == 0 {
				time.Sleep(time.Duration(state.rng.IntN(4)) * time.Millisecond)
			}
			if string(m.Payload()) == "bomb" && kind == "b" {
				if state.rng.IntN(2) == 0 {
					runtime.Goexit()
				}
				panic("expected")
			}
			fmt.Fprintf(c, "msg %s %s %d %s\n", kind, m.Channel, m.Sequence, m.Payload())
		}
	}
	pattern := name
	if kind == "p" {
		o.Pattern, pattern = true, "["+name[:1]+"]"+name[1:]
	}
	var err error
	if e.s, err = c.Subscribe(pattern, o); err != nil {
		state.t.Errorf("Subscribe: %v", err)
		return
	}
	state.subs[id] = e
	fmt.Fprintf(c, "sub %s %d\n", id, c.System().Broker().Channel(name, 0).Position.Sequence+1)
}

func (p *subscribeProtocol) OnClose(c *actors.Conn, _ actors.Reason) {
	p.closed = true
	if len(p.subs) > 0 {
		p.t.Errorf("%d subscriptions were not told of their end", len(p.subs))
	}
	for _, s := range c.Subscriptions() {
		p.t.Errorf("%s is still listed", s.Name())
	}
}

// TestSubscribeModel: connections subscribe in all ways, unsubscribe, swap their protocol, and end in all ways, while others
// publish. Their peers look at every byte: each stream of messages is whole from when it was subscribed to until it was
// unsubscribed from or the connection ended, whoever writes it, and in the frames of the protocol of the moment.
func TestSubscribeModel(t *testing.T) {
	seed := *subscribeSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	noBuffersLeft(t)
	s := system(t, actors.Options{Loops: 3})
	var conns atomic.Uint64
	factory := func() actors.Protocol {
		n := conns.Add(1)
		return &subscribeProtocol{subscribeConn: &subscribeConn{t: t, subs: map[string]*subscribeEntry{}, rng: rand.New(rand.NewPCG(seed, 1000+n))}}
	}
	ln := listen(t, s, factory, actors.ListenOptions{ConnOptions: actors.ConnOptions{
		MaxOutbound: 64 << 20, MaxMailbox: 1 << 20, MaxMailboxBytes: 1 << 30, // nothing is dropped
	}})
	end := time.Now().Add(*subscribeDuration)
	var done atomic.Bool
	var publishing, living sync.WaitGroup
	for i := range subscribePublishers {
		publishing.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(i)))
			for !done.Load() {
				payload := strings.Repeat(string(rune('a'+rng.IntN(26))), 1+rng.IntN(200))
				if rng.IntN(3000) == 0 {
					payload = "bomb"
				}
				if _, err := s.Broker().Publish(subscribeChannels[rng.IntN(3)], []byte(payload)); err != nil && !errors.Is(err, pubsub.ErrBacklog) {
					t.Errorf("Publish: %v", err)
				}
				if rng.IntN(4) == 0 {
					time.Sleep(time.Duration(rng.IntN(1000)) * time.Microsecond)
				}
			}
		})
	}
	var lives, got atomic.Int64
	for i := range 10 {
		living.Go(func() {
			rng := rand.New(rand.NewPCG(seed, 100+uint64(i)))
			for time.Now().Before(end) && !t.Failed() {
				c, err := net.Dial("tcp", ln.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				p := &subscribePeer{t: t, c: c, rng: rng, r: bufio.NewReader(c), subs: map[string]*subscribeStream{}, streams: map[string]*subscribeStream{}}
				got.Add(int64(p.life(rng.IntN(3) == 0)))
				c.Close()
				lives.Add(1)
			}
		})
	}
	living.Wait()
	done.Store(true)
	publishing.Wait()
	until(t, "all connections are gone", func() bool { return s.Count() == 0 })
	until(t, "nothing is left", func() bool {
		st := s.Broker().Stats()
		return st.Subscriptions == 0 && st.Waiting == 0 && st.Channels == 0 && st.Patterns == 0
	})
	t.Logf("%d lives, %d messages, closed: %v", lives.Load(), got.Load(), s.Stats().Closed)
}

// noBuffersLeft looks, when the System that is started after it has ended, whether all buffers came back.
func noBuffersLeft(t testing.TB) {
	buffers := reactor.LiveBuffers()
	t.Cleanup(func() {
		if n := reactor.LiveBuffers(); n != buffers && !t.Failed() {
			t.Errorf("left behind: %d buffers", n-buffers)
		}
	})
}
