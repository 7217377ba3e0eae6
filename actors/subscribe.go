package actors

import (
	"time"

	"github.com/troupe-go/troupe/pubsub"
)

// SubscribeOptions are options of a connection's subscription. The zero value writes the payload of each message to the
// peer: see Handler and Encoder.
type SubscribeOptions struct {
	// Handler is called in the connection's turn with each message. The message is valid during the call. Nil means that
	// the message is written to the peer as Encoder makes it; the bytes are shared by all who get them, and the
	// connection's code is not run at all.
	Handler func(*Conn, *pubsub.Message)
	// Encoder makes the frames that are written. Nil means that of the connection's protocol, if that is a Framer when
	// the message comes, and the plain payload else.
	Encoder *pubsub.Encoder
	// OnUnsubscribed is called once in the connection's turn, after the last message, when the subscription was cancelled
	// the connection ends, or its protocol is restarted.
	OnUnsubscribed func(*Conn, *pubsub.Subscription)

	// These are as in pubsub.SubscribeOptions. After, From, Last and Member belong to one channel: they go neither with
	// Pattern nor with Filter.

	Pattern bool             // the name is a glob pattern
	Filter  int16            // only messages with the same filter
	After   *pubsub.Position // replay what came after this; it is copied
	From    time.Time        // replay what was published since then
	Last    int              // replay so many of the last messages
	Member  *pubsub.Member   // who is present by this subscription
	Events  bool             // messages that say who joined and left, too, if there is a Handler or the Encoder writes them
}

// A Framer is a Protocol with a wire format of its own for published messages: see SubscribeOptions.Encoder. It is asked
// when it takes a connection over or when that first subscribes, perhaps on another goroutine; it answers always the same. After
// Swap, frames of the new protocol may come before what its OnOpen writes, and none of the old one come after.
type Framer interface {
	Encoder() *pubsub.Encoder
}

// A subscription is the connection's side of a pubsub.Subscription: what the broker delivers to.
type subscription struct {
	pubsub.Subscription
	conn       *Conn
	how        *handling     // nil for the zero options
	prev, next *subscription // guarded by the connection's mutex: its list
	hooked     bool          // the connection's turn's: it is over, OnUnsubscribed was called if there is one
}

// handling is what makes a subscription other than plain.
type handling struct {
	handler func(*Conn, *pubsub.Message)
	encoder *pubsub.Encoder
	hook    func(*Conn, *pubsub.Subscription)
}

var (
	_ pubsub.Patient = (*subscription)(nil)
	_ pubsub.Owned   = (*subscription)(nil)
)

// An owner is a connection as the owner of its subscriptions.
type owner Conn

// OwnerID implements pubsub.Owner. The ID is made when it is first asked for.
func (o *owner) OwnerID() pubsub.OwnerID {
	c := (*Conn)(o)
	c.cell.Lock()
	defer c.cell.Unlock()
	x := c.more()
	if x.ownerID.Load() == 0 {
		x.ownerID.Store(uint64(pubsub.NewOwnerID()))
	}
	return pubsub.OwnerID(x.ownerID.Load())
}

// Subscriptions implements pubsub.Owner.
func (o *owner) Subscriptions(f func(*pubsub.Subscription)) {
	c := (*Conn)(o)
	c.cell.Lock()
	defer c.cell.Unlock()
	if x := c.extra.Load(); x != nil {
		for s := x.subscriptions; s != nil; s = s.next {
			f(&s.Subscription)
		}
	}
}

// Owner names the connection in a pubsub.Publication that it shall not get itself.
func (c *Conn) Owner() pubsub.Owner { return (*owner)(c) }

// Subscriptions are the connection's subscriptions.
func (c *Conn) Subscriptions() (all []*pubsub.Subscription) {
	c.Owner().Subscriptions(func(s *pubsub.Subscription) { all = append(all, s) })
	return all
}

// Subscribe subscribes the connection to a channel or a pattern, until it ends or the Subscription is cancelled. Swap
// keeps it; a restart by supervision ends it, since the new object's OnOpen subscribes anew. Bad names answer pubsub.ErrName, bad options pubsub.ErrBadOption, a closed connection ErrClosed.
func (c *Conn) Subscribe(name string, o SubscribeOptions) (*pubsub.Subscription, error) {
	if c.Closed() {
		return nil, ErrClosed
	}
	if o.Handler != nil && o.Encoder != nil {
		return nil, badOption("Encoder", "with Handler")
	}
	s := &subscription{conn: c}
	if o.Handler != nil || o.Encoder != nil || o.OnUnsubscribed != nil {
		s.how = &handling{o.Handler, o.Encoder, o.OnUnsubscribed}
	}
	c.frame()
	broker := c.config.system.broker
	err := broker.Attach(&s.Subscription, name, s, c.cell.Loop(), pubsub.SubscribeOptions{
		Pattern: o.Pattern, Filter: o.Filter, After: o.After, From: o.From, Last: o.Last, Member: o.Member, Events: o.Events,
	})
	if err != nil {
		return nil, err
	}
	c.cell.Lock()
	defer c.cell.Unlock()
	if c.cell.Closed() {
		c.cell.Unlock()
		s.Cancel()
		c.cell.Lock()
		return nil, ErrClosed
	}
	x := c.more()
	if s.next = x.subscriptions; s.next != nil {
		s.next.prev = s
	}
	x.subscriptions = s
	return &s.Subscription, nil
}

// frame sees to it that extra has the protocol's encoder. Connections that subscribe to nothing need none.
func (c *Conn) frame() {
	c.cell.Lock()
	x, p := c.more(), c.protocol
	framed := x.framed
	c.cell.Unlock()
	if framed || p == nil {
		return // if there is no protocol yet, adopt finds extra
	}
	encoder := encoderOf(p)
	c.cell.Lock()
	defer c.cell.Unlock()
	if !x.framed { // else another protocol has taken over meanwhile
		x.encoder.Store(encoder)
		x.framed = true
	}
}

func encoderOf(p Protocol) *pubsub.Encoder {
	if f, ok := p.(Framer); ok {
		return f.Encoder()
	}
	return nil
}

// unlink takes the subscription out of the connection's list. With the mutex.
func (s *subscription) unlink() {
	switch x := s.conn.more(); {
	case s.prev != nil:
		s.prev.next = s.next
	case x.subscriptions == s:
		x.subscriptions = s.next
	default:
		return // it was out
	}
	if s.next != nil {
		s.next.prev = s.prev
	}
	s.prev, s.next = nil, nil
}

// Publish publishes to a channel of the connection's System. The publisher gets the message too, if it has subscribed.
func (c *Conn) Publish(channel string, payload []byte) (receivers int, err error) {
	return c.config.system.broker.Publish(channel, payload)
}

// PublishOthers is Publish, but the connection itself does not get the message. Nor is it counted, for which all its
// subscriptions are looked at.
func (c *Conn) PublishOthers(channel string, payload []byte) (receivers int, err error) {
	return c.config.system.broker.Send(pubsub.Publication{Channel: channel, Payload: payload, Exclude: c.Owner()})
}

// OwnerID implements pubsub.Owned. Before the connection has an ID, nothing excludes it.
func (s *subscription) OwnerID() pubsub.OwnerID {
	return pubsub.OwnerID(s.conn.extra.Load().ownerID.Load())
}

// Unsubscribed implements pubsub.Subscriber. A closed connection has called the hook itself.
func (s *subscription) Unsubscribed(*pubsub.Subscription) { s.conn.cell.Post(s, 0) }

// serveEnding is what a subscription in the mailbox means: it has ended.
func (c *Conn) serveEnding(s *subscription) {
	c.cell.Lock()
	s.unlink()
	c.cell.Unlock()
	s.unsubscribed()
}

func (s *subscription) unsubscribed() {
	if s.hooked || s.how == nil || s.how.hook == nil {
		return
	}
	s.hooked = true
	s.conn.callback = inUnsubscribed
	s.how.hook(s.conn, &s.Subscription)
	s.conn.callback = none
}

// unsubscribeAll ends the subscriptions of a connection that is over.
func (c *Conn) unsubscribeAll() {
	x := c.extra.Load()
	for {
		c.cell.Lock()
		s := x.subscriptions
		if s != nil {
			s.unlink()
		}
		c.cell.Unlock()
		if s == nil {
			return
		}
		s.Cancel()
		s.unsubscribed()
	}
}
