package pubsub

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/troupe-go/troupe/reactor"
)

// A Subscription is one subscriber's interest in one channel.
type Subscription struct {
	channel    *channel
	subscriber Subscriber
	index      int // the channel's turn's: where it is in its list
	cancelled  atomic.Bool
}

// Channel is the name subscribed to.
func (s *Subscription) Channel() string { return s.channel.name }

// Cancel ends the subscription, soon: what was published before is delivered, then the subscriber is told. It may be
// called again, from anywhere.
func (s *Subscription) Cancel() {
	if !s.cancelled.Swap(true) {
		s.channel.cell.Post(leaving{s}, 0)
	}
}

// Publish is a message to a channel's PID: it publishes a copy of Payload.
type Publish struct{ Payload []byte }

// A channel is the actor of one channel. What is published and who comes and goes passes its mailbox, and so has an
// order: that in which the calls came.
type channel struct {
	cell          reactor.Cell
	broker        *Broker
	name          string
	subscribers   atomic.Int64    // changed with the shard's lock
	subscriptions []*Subscription // the turn's
	sequence      uint64          // the turn's

	addressing sync.Mutex
	pid        *actor.PID           // guarded by addressing
	invoker    actor.MessageInvoker // guarded by the cell's mutex
	over       bool                 // guarded by the cell's mutex: out of the broker's table
}

// What a channel's mailbox holds besides *reactor.Buffer, which is a payload.
type (
	joining struct{ *Subscription }
	leaving struct{ *Subscription }
)

var (
	_ reactor.Turner  = (*channel)(nil)
	_ reactor.Mailbox = (*channel)(nil)
)

// channelTurn is how many messages one turn of a channel delivers.
const channelTurn = 64

func newChannel(b *Broker, name string) *channel {
	c := &channel{broker: b, name: name}
	c.cell.Init(c, b.group.Next())
	return c
}

func (c *channel) publish(b *reactor.Buffer) error {
	if c.cell.Post(b, maxBacklog) != nil {
		b.Release()
		c.broker.refused.Add(1)
		return ErrBacklog
	}
	return nil
}

// Turn implements reactor.Turner.
func (c *channel) Turn(w *reactor.Worker, events reactor.Events) (out reactor.Outcome) {
	ended := false
	defer func() {
		if ended {
			return
		}
		// A subscriber ended the goroutine (runtime.Goexit), which goes on ending: the next turn needs to be asked for.
		c.cell.Lock()
		w.Abandoned = c.cell.End(true, false)
		c.cell.Unlock()
	}()
	out = c.turn(w, events)
	ended = true
	return out
}

func (c *channel) turn(w *reactor.Worker, events reactor.Events) reactor.Outcome {
	c.cell.Lock()
	c.cell.Begin(events)
	invoker := c.invoker
	for message, ok := c.cell.NextSystem(); ok; message, ok = c.cell.NextSystem() {
		c.cell.Unlock()
		if _, stop := message.(*actor.Stop); !stop && invoker != nil {
			invoker.InvokeSystemMessage(message)
		}
		c.cell.Lock()
	}
	c.cell.Unlock()
	for range channelTurn {
		item, ok := c.cell.Next()
		if !ok {
			break
		}
		w.Counters.Messages++
		c.serve(item)
	}
	c.cell.Lock()
	defer c.cell.Unlock()
	return c.cell.End(false, false)
}

func (c *channel) serve(item any) {
	switch item := item.(type) {
	case *reactor.Buffer:
		c.deliver(item)
	case joining:
		item.index = len(c.subscriptions)
		c.subscriptions = append(c.subscriptions, item.Subscription)
	case leaving:
		c.remove(item.Subscription)
	default:
		if publish, ok := actor.UnwrapEnvelopeMessage(item).(Publish); ok && len(publish.Payload) <= MaxPayload {
			c.broker.published.Add(1)
			c.deliver(reactor.CopyBuffer(publish.Payload))
		}
	}
}

func (c *channel) deliver(b *reactor.Buffer) {
	c.sequence++
	m := &Message{Channel: c.name, Sequence: c.sequence, buffer: b}
	for _, s := range c.subscriptions {
		c.tell(func() { s.subscriber.Deliver(s, m) })
	}
	c.broker.delivered.Add(uint64(len(c.subscriptions)))
	b.Release()
}

// tell calls a subscriber. One that panics is counted, and harms nobody but itself.
func (c *channel) tell(call func()) {
	defer func() {
		if recover() != nil {
			c.broker.failures.Add(1)
		}
	}()
	call()
}

// remove ends a subscription, and with the last one the channel.
func (c *channel) remove(s *Subscription) {
	last := len(c.subscriptions) - 1
	c.subscriptions[s.index] = c.subscriptions[last]
	c.subscriptions[s.index].index = s.index
	c.subscriptions = slices.Delete(c.subscriptions, last, last+1)
	c.tell(func() { s.subscriber.Unsubscribed(s) })

	sh := c.broker.shard(c.name)
	sh.Lock()
	empty := c.subscribers.Add(-1) == 0
	if empty {
		delete(sh.channels, c.name)
	}
	sh.Unlock()
	if !empty {
		return
	}
	c.cell.Lock()
	c.over = true
	invoker := c.invoker
	c.cell.Unlock()
	if invoker != nil {
		invoker.InvokeSystemMessage(&actor.Stop{})
	}
}

// Settle implements reactor.Turner.
func (c *channel) Settle(*reactor.Loop) {}

// Stop implements reactor.Turner.
func (c *channel) Stop(*reactor.Loop) {}

// address makes the channel a protoactor actor when it is first asked for.
func (c *channel) address() *actor.PID {
	c.addressing.Lock()
	defer c.addressing.Unlock()
	if c.pid == nil {
		c.pid = c.broker.group.Spawner().Spawn(c)
	}
	return c.pid
}

// Receive implements actor.Actor. User messages do not come this way: the turn serves them itself.
func (c *channel) Receive(actor.Context) {}

// RegisterHandlers implements actor.Mailbox.
func (c *channel) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	c.cell.Lock()
	c.invoker = invoker
	over := c.over
	c.cell.Unlock()
	if over {
		invoker.InvokeSystemMessage(&actor.Stop{})
	}
}

// Start implements actor.Mailbox.
func (c *channel) Start() {}

// UserMessageCount implements actor.Mailbox.
func (c *channel) UserMessageCount() int { return c.cell.Mail() }

// PostUserMessage implements actor.Mailbox.
func (c *channel) PostUserMessage(message any) {
	if c.cell.Post(message, maxBacklog) != nil {
		c.broker.refused.Add(1)
	}
}

// PostSystemMessage implements actor.Mailbox.
func (c *channel) PostSystemMessage(message any) {
	if _, started := message.(*actor.Started); !started {
		c.cell.PostSystem(message)
	}
}
