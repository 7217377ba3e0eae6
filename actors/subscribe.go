package actors

import (
	"github.com/troupe-go/troupe/pubsub"
)

// SubscribeOptions are options of a connection's subscription. The zero value writes the payload of each message to the
// peer, as it is: the bytes are shared by all who get them.
type SubscribeOptions struct {
	// Handler is called in the connection's turn with each message, instead. The message's bytes are valid during the
	// call.
	Handler func(*Conn, *pubsub.Message)
	// OnUnsubscribed is called once in the connection's turn, after the last message, when the subscription was cancelled
	// or the connection ends.
	OnUnsubscribed func(*Conn, *pubsub.Subscription)
}

// A subscription is the connection's side of a pubsub.Subscription: what the channel's actor delivers to.
type subscription struct {
	conn    *Conn
	options SubscribeOptions
	hooked  bool // the connection's turn's: OnUnsubscribed was called
}

var _ pubsub.Subscriber = (*subscription)(nil)

// What a connection's mailbox holds of its subscriptions.
type (
	delivery struct {
		*subscription
		message pubsub.Message
	}
	ending struct {
		*subscription
		of *pubsub.Subscription
	}
)

func (d *delivery) release() { d.message.Buffer().Release() }

// Subscribe subscribes the connection to a channel, until it ends or the Subscription is cancelled. Swap keeps it. Bad
// names answer pubsub.ErrName, a closed connection ErrClosed.
func (c *Conn) Subscribe(channel string, o SubscribeOptions) (*pubsub.Subscription, error) {
	c.cell.Lock()
	if c.flags.Load()&flagsEnd != 0 {
		c.cell.Unlock()
		return nil, ErrClosed
	}
	x := c.more()
	if x.subscriptions == nil {
		x.subscriptions = make(map[*pubsub.Subscription]*subscription)
	}
	c.cell.Unlock()
	mine := &subscription{conn: c, options: o}
	s, err := c.config.system.broker.Subscribe(channel, mine)
	if err != nil {
		return nil, err
	}
	c.cell.Lock()
	defer c.cell.Unlock()
	if c.cell.Closed() {
		s.Cancel()
		return nil, ErrClosed
	}
	x.subscriptions[s] = mine
	return s, nil
}

// Publish publishes to a channel of the connection's System. The publisher gets the message too, if it has subscribed.
func (c *Conn) Publish(channel string, payload []byte) (receivers int, err error) {
	return c.config.system.broker.Publish(channel, payload)
}

// Deliver implements pubsub.Subscriber.
func (s *subscription) Deliver(_ *pubsub.Subscription, m *pubsub.Message) {
	b := m.Buffer().Retain()
	if s.options.Handler == nil {
		s.conn.WriteBuffer(b) // what is refused is counted by the connection's policy
		return
	}
	if s.conn.send(&delivery{s, *m}) != nil {
		b.Release()
		s.conn.config.system.counters.undelivered.Add(1)
	}
}

// Unsubscribed implements pubsub.Subscriber. A closed connection has called the hook itself.
func (s *subscription) Unsubscribed(of *pubsub.Subscription) {
	s.conn.cell.Post(&ending{s, of}, 0)
}

func (c *Conn) serveDelivery(d *delivery) {
	defer d.release()
	c.callback = inDelivery
	d.options.Handler(c, &d.message)
	c.callback = none
}

func (c *Conn) serveEnding(e *ending) {
	c.cell.Lock()
	delete(c.more().subscriptions, e.of)
	c.cell.Unlock()
	c.unsubscribed(e.subscription, e.of)
}

func (c *Conn) unsubscribed(s *subscription, of *pubsub.Subscription) {
	if s.hooked || s.options.OnUnsubscribed == nil {
		return
	}
	s.hooked = true
	c.callback = inUnsubscribed
	s.options.OnUnsubscribed(c, of)
	c.callback = none
}

// unsubscribeAll ends the subscriptions of a connection that is over.
func (c *Conn) unsubscribeAll() {
	for {
		c.cell.Lock()
		var of *pubsub.Subscription
		var mine *subscription
		x := c.more()
		for of, mine = range x.subscriptions {
			break
		}
		delete(x.subscriptions, of)
		c.cell.Unlock()
		if of == nil {
			return
		}
		of.Cancel()
		c.unsubscribed(mine, of)
	}
}
