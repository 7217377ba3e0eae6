package pubsub

import (
	"fmt"
	"hash/maphash"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/troupe-go/troupe/reactor"
)

// A Subscriber gets what is published. Its methods are called in the turn of the channel's actor: they must not block,
// and leave the work to the subscriber's own turn.
type Subscriber interface {
	// Deliver is called for each message, in order.
	Deliver(s *Subscription, m *Message)
	// Unsubscribed is called once, after the last Deliver.
	Unsubscribed(s *Subscription)
}

// A Broker is the publish/subscribe of one process. Its methods are safe from any goroutine.
type Broker struct {
	group  *reactor.Group
	seed   maphash.Seed
	shards [64]shard

	closed    atomic.Bool
	published atomic.Uint64
	delivered atomic.Uint64
	refused   atomic.Uint64
	failures  atomic.Uint64
}

type shard struct {
	sync.Mutex
	channels map[string]*channel
}

// Stats describe a Broker.
type Stats struct {
	Channels  int    // with subscribers, of the moment
	Published uint64 // messages accepted by Publish
	Delivered uint64 // to subscribers
	Refused   uint64 // by Publish, because a channel was behind
	Failures  uint64 // subscribers that panicked
}

// NewBroker makes a Broker whose channel actors live on the loops of a group.
func NewBroker(g *reactor.Group) *Broker { return &Broker{group: g, seed: maphash.MakeSeed()} }

func (b *Broker) shard(channel string) *shard {
	return &b.shards[maphash.String(b.seed, channel)%uint64(len(b.shards))]
}

// Subscribe has subscriber get what is published to a channel from now on, until the Subscription is cancelled. Two
// subscriptions of one subscriber get two deliveries. A bad name answers ErrName.
func (b *Broker) Subscribe(channelName string, subscriber Subscriber) (*Subscription, error) {
	if subscriber == nil {
		return nil, ErrNilSubscriber
	}
	if err := checkName(channelName); err != nil {
		return nil, err
	}
	sh := b.shard(channelName)
	sh.Lock()
	defer sh.Unlock()
	if b.closed.Load() {
		return nil, ErrClosed
	}
	c := sh.channels[channelName]
	if c == nil {
		c = newChannel(b, channelName)
		if sh.channels == nil {
			sh.channels = make(map[string]*channel)
		}
		sh.channels[channelName] = c
	}
	c.subscribers.Add(1)
	s := &Subscription{channel: c, subscriber: subscriber}
	c.cell.Post(joining{s}, 0)
	return s, nil
}

// Publish sends a copy of payload to everybody who has subscribed to the channel. It returns how many subscriptions
// that were, as of now. A bad name or payload answers ErrName or ErrPayload; a channel with too many messages waiting
// ErrBacklog.
func (b *Broker) Publish(channelName string, payload []byte) (receivers int, err error) {
	if len(payload) > MaxPayload {
		return 0, fmt.Errorf("%w: %d bytes", ErrPayload, len(payload))
	}
	if err := checkName(channelName); err != nil {
		return 0, err
	}
	if b.closed.Load() {
		return 0, ErrClosed
	}
	sh := b.shard(channelName)
	sh.Lock()
	c := sh.channels[channelName]
	sh.Unlock()
	if c != nil {
		receivers = int(c.subscribers.Load())
		if err := c.publish(reactor.CopyBuffer(payload)); err != nil {
			return 0, err
		}
	}
	b.published.Add(1)
	return receivers, nil
}

// Subscribers is how many subscriptions a channel has.
func (b *Broker) Subscribers(channelName string) int {
	if c := b.channel(channelName); c != nil {
		return int(c.subscribers.Load())
	}
	return 0
}

// PID is the address of a channel's actor, to Send it Publish messages, or nil if nobody has subscribed to it. The actor
// ends with the last subscription.
func (b *Broker) PID(channelName string) *actor.PID {
	if c := b.channel(channelName); c != nil {
		return c.address()
	}
	return nil
}

func (b *Broker) channel(name string) *channel {
	sh := b.shard(name)
	sh.Lock()
	defer sh.Unlock()
	return sh.channels[name]
}

// Stats gathers the Broker's statistics.
func (b *Broker) Stats() Stats {
	s := Stats{Published: b.published.Load(), Delivered: b.delivered.Load(), Refused: b.refused.Load(), Failures: b.failures.Load()}
	for i := range b.shards {
		b.shards[i].Lock()
		s.Channels += len(b.shards[i].channels)
		b.shards[i].Unlock()
	}
	return s
}

// Close refuses subscribing and publishing from now on. What was published is delivered.
func (b *Broker) Close() { b.closed.Store(true) }
