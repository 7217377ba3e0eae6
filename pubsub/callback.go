package pubsub

import "github.com/troupe-go/troupe/reactor"

// A callback is the actor of a subscription that is no connection's. It calls a function, or sends to a Go channel, in
// turns of its own, so that it delays nobody but itself.
type callback struct {
	cell         reactor.Cell
	broker       *Broker
	subscription Subscription
	options      SubscribeOptions
	call         func(*Message)
	ch           chan *Message // instead of call, or nil
	quit         chan struct{} // closed when ch shall not be sent to any more
	calling      bool          // the turn's
	over         bool          // the turn's: all is done

	in      []*Message // guarded by the cell's mutex
	bytes   int        // guarded: of in and batch
	waiting int        // guarded: the messages in in and batch
	ended   bool       // guarded: unsubscribed
	patient bool       // guarded: Subscription.Ready is due when there is room
	batch   []*Message // the turn's
	at      int        // the turn's: the first unserved one of batch
}

// callbackTurn is how many messages one turn serves.
const callbackTurn = 64

var (
	_ reactor.Turner = (*callback)(nil)
	_ Patient        = (*callback)(nil)
)

// Subscribe has f called with what is published to a channel, or to all that match a pattern, from now on and until the
// Subscription is cancelled or the Broker closed. The calls are in order and never overlap; the message is valid during
// the call. f may block: messages wait meanwhile. If it panics that is counted, and the next message comes.
//
// A bad name answers ErrName, bad options ErrBadOption.
func (b *Broker) Subscribe(name string, f func(*Message), o SubscribeOptions) (*Subscription, error) {
	if f == nil {
		return nil, ErrNilSubscriber
	}
	return b.subscribe(name, &callback{call: f, options: o})
}

// SubscribeChan is Subscribe with a Go channel of the given capacity instead of a function. It is closed after the last
// message. Messages that come out of it own their bytes: they need no Release and are valid for ever. When the reader
// does not keep up, SubscribeOptions.MaxWaiting messages wait, and then they are dropped. Cancel and Broker.Close wait for
// no reader: of what waits then the channel gets what it has capacity for, and the rest is dropped. A reader that does not
// keep up also holds one of the goroutines of reactor.Options.MaxDetached.
func (b *Broker) SubscribeChan(name string, capacity int, o SubscribeOptions) (*Subscription, <-chan *Message, error) {
	if capacity < 0 {
		return nil, nil, badOption("capacity", capacity)
	}
	o.Blocking = true
	c := &callback{ch: make(chan *Message, capacity), quit: make(chan struct{}), options: o}
	s, err := b.subscribe(name, c)
	if err != nil {
		return nil, nil, err
	}
	return s, c.ch, nil
}

func (b *Broker) subscribe(name string, c *callback) (*Subscription, error) {
	if err := c.options.validate(name); err != nil {
		return nil, err
	}
	c.broker = b
	l := b.group.Next()
	c.cell.Init(c, l)
	c.cell.Blocking(c.options.Blocking)
	b.freeMu.Lock()
	b.free[c] = struct{}{}
	b.freeMu.Unlock()
	if err := b.Attach(&c.subscription, name, c, l, c.options); err != nil {
		b.forget(c)
		return nil, err
	}
	if b.closed.Load() { // it may have been missed
		c.subscription.Cancel()
	}
	return &c.subscription, nil
}

func (b *Broker) forget(c *callback) {
	b.freeMu.Lock()
	delete(b.free, c)
	b.freeMu.Unlock()
}

// Deliver implements Subscriber.
func (c *callback) Deliver(_ *Subscription, run *Run) (dropped int) {
	c.cell.Lock()
	for _, m := range run.Messages() {
		size := m.size()
		if c.waiting >= c.options.MaxWaiting || c.waiting > 0 && c.bytes+size > c.options.MaxWaitingBytes {
			dropped++
			continue
		}
		c.waiting++
		c.bytes += size
		c.in = append(c.in, m.Retain())
	}
	c.wake(run)
	return dropped
}

// wake sees to a turn, and unlocks the cell.
func (c *callback) wake(run *Run) {
	wake := c.cell.NeedsWake()
	c.cell.Unlock()
	switch {
	case !wake:
	case run != nil:
		run.Wake(&c.cell)
	default:
		c.cell.Wake()
	}
}

// Room implements Patient: a part of a history comes when the one before it is served.
func (c *callback) Room(_ *Subscription, next *Run) (messages int) {
	c.cell.Lock()
	defer c.cell.Unlock()
	if c.waiting > 0 {
		c.patient = true
		return 0
	}
	bytes := c.options.MaxWaitingBytes
	for _, m := range next.Messages() {
		if bytes -= m.size(); messages == c.options.MaxWaiting || bytes < 0 && messages > 0 {
			break
		}
		messages++
	}
	return messages
}

// Unsubscribed implements Subscriber.
func (c *callback) Unsubscribed(*Subscription) {
	if c.quit != nil {
		close(c.quit)
	}
	c.cell.Lock()
	c.ended = true
	c.wake(nil)
}

// Turn implements reactor.Turner.
func (c *callback) Turn(w *reactor.Worker, events reactor.Events) (out reactor.Outcome) {
	defer func() {
		if !c.calling {
			return
		}
		c.calling = false
		value := recover()
		if value == nil {
			value = errGoexit // the goroutine goes on ending
		}
		c.subscription.hub.recoverFrom("subscription's function", value)
		c.cell.Lock()
		out = c.cell.End(true, false)
		c.cell.Unlock()
		w.Abandoned = out
	}()
	c.cell.Lock()
	c.cell.Begin(events)
	if c.at == len(c.batch) {
		c.batch, c.in, c.at = c.in, c.batch[:0], 0
	}
	c.cell.Unlock()
	for range callbackTurn {
		if c.at == len(c.batch) {
			break
		}
		w.Counters.Messages++
		c.serve()
	}
	c.attend()
	c.cell.Lock()
	defer c.cell.Unlock()
	return c.cell.End(c.waiting > 0 || c.ended && !c.over, false)
}

// serve takes the next message. If the function does not return, the message counts as served.
func (c *callback) serve() {
	m := c.batch[c.at]
	c.batch[c.at] = nil
	c.at++
	c.cell.Lock()
	c.waiting--
	c.bytes -= m.size()
	c.cell.Unlock()
	defer m.Release()
	c.calling = true
	if c.ch != nil {
		c.send(m)
	} else {
		c.call(m)
	}
	c.calling = false
}

// send waits for the reader, until the subscription is cancelled; then it sends only what the channel has room for.
func (c *callback) send(m *Message) {
	o := m.owned()
	select {
	case c.ch <- o:
		return
	default:
	}
	select {
	case c.ch <- o:
	case <-c.quit:
		select {
		case c.ch <- o:
		default:
			c.subscription.dropped.Add(1)
			c.subscription.hub.dropped.Add(1)
			c.subscription.hub.delivered.Add(^uint64(0)) // it was counted too early
		}
	}
}

// attend asks for more of a replay when there is room, and ends with the subscription when everything is served.
func (c *callback) attend() {
	c.cell.Lock()
	ready := c.patient && c.waiting == 0
	if ready {
		c.patient = false
	}
	last := c.ended && c.waiting == 0 && !c.over
	c.cell.Unlock()
	if ready {
		c.subscription.Ready()
	}
	if last {
		c.finish()
	}
}

func (c *callback) finish() {
	c.over = true
	c.broker.forget(c)
	if c.ch != nil {
		close(c.ch)
	}
	if c.options.OnUnsubscribed != nil {
		c.calling = true
		c.options.OnUnsubscribed(&c.subscription)
		c.calling = false
	}
}

// Settle implements reactor.Turner.
func (c *callback) Settle(*reactor.Loop) {}

// Stop implements reactor.Turner.
func (c *callback) Stop(*reactor.Loop) {}
