package actors

import (
	"github.com/troupe-go/troupe/pubsub"
	"github.com/troupe-go/troupe/reactor"
)

// A delivery is a message in the mailbox, for the handler of a subscription.
type delivery struct {
	*subscription
	message *pubsub.Message
}

// release gives up the message and its place.
func (d *delivery) release() {
	x := d.conn.extra.Load()
	x.handed.Add(-1)
	x.handedBytes.Add(-deliverySize(d.message))
	d.message.Release()
}

// deliverySize is what a message in the mailbox is charged.
func deliverySize(m *pubsub.Message) int64 { return int64(len(m.Payload())) + 256 }

// Deliver implements pubsub.Subscriber, in the turn of the broker's hub on the connection's loop.
func (s *subscription) Deliver(_ *pubsub.Subscription, run *pubsub.Run) (dropped int) {
	if s.how != nil && s.how.handler != nil {
		dropped = s.hand(run)
	} else {
		dropped = s.write(run)
	}
	if dropped > 0 {
		s.conn.config.system.counters.undelivered.Add(uint64(dropped))
	}
	return dropped
}

// hand puts messages into the mailbox.
func (s *subscription) hand(run *pubsub.Run) (dropped int) {
	c, messages := s.conn, run.Messages()
	x := c.extra.Load()
	items := make([]delivery, len(messages))
	c.cell.Lock()
	for i, m := range messages {
		size := deliverySize(m)
		waiting := x.handedBytes.Load()
		if x.handed.Load() >= int64(c.config.MaxMailbox) || waiting > 0 && waiting+size > int64(c.config.MaxMailboxBytes) ||
			c.flags.Load()&flagsEnd != 0 {
			dropped++
			continue
		}
		items[i] = delivery{s, m}
		if c.cell.Push(&items[i], 0) != nil {
			dropped++
			continue
		}
		m.Retain()
		x.handed.Add(1)
		x.handedBytes.Add(size)
	}
	if c.cell.NeedsWake() {
		run.Wake(&c.cell)
	}
	c.cell.Unlock()
	return dropped
}

// encoder is what frames are made by.
func (s *subscription) encoder() *pubsub.Encoder {
	if s.how != nil && s.how.encoder != nil {
		return s.how.encoder
	}
	return s.conn.extra.Load().encoder.Load()
}

// write puts frames into the outbound queue: all of them as one entry, unless messages must be kept apart, so that
// single ones can be dropped, or there is no room for all.
func (s *subscription) write(run *pubsub.Run) (dropped int) {
	c := s.conn
	encoder := s.encoder()
	f := run.Frames(encoder)
	c.cell.Lock()
	for s.encoder() != encoder { // another protocol has taken over, and may have written already
		c.cell.Unlock()
		encoder = s.encoder()
		f = run.Frames(encoder)
		c.cell.Lock()
	}
	if c.flags.Load()&flagsEnd != 0 {
		c.cell.Unlock()
		return len(f.Each)
	}
	if f.Bytes == 0 {
		c.cell.Unlock()
		return 0
	}
	if c.out == nil {
		c.out = reactor.NewOutbound()
	}
	var gone []*reactor.Buffer
	if f.Chain != nil && !c.config.apart && c.out.Charge()+f.Bytes <= c.config.MaxOutbound {
		c.out.AppendChain(f.Chain)
	} else {
		gone, dropped = c.writeEach(f.Each)
	}
	if c.cell.NeedsWake() {
		run.Wake(&c.cell)
	}
	c.cell.Unlock()
	for _, b := range gone {
		b.Release()
	}
	return dropped
}

// writeEach appends frames one by one, as far as the connection's policy has them. With the mutex; what is gone for
// them is to be released without.
func (c *Conn) writeEach(frames []reactor.Piece) (gone []*reactor.Buffer, dropped int) {
	for i, p := range frames {
		if len(p.Bytes) == 0 {
			continue
		}
		if c.flags.Load()&flagsEnd != 0 { // one did not fit, and the policy is Disconnect: no hole before the end
			return gone, dropped + len(frames) - i
		}
		old, err := c.admit(len(p.Bytes), "")
		gone = append(gone, old...)
		if err != nil {
			dropped++
			continue
		}
		if p.Sparse() {
			c.out.Append(p.Bytes, true) // a copy, lest it keeps its neighbours
		} else {
			c.out.AppendPiece(p)
		}
	}
	return gone, dropped
}

// Room implements pubsub.Patient: a part of a history comes when what came before is out of the way, and as much as fits.
func (s *subscription) Room(_ *pubsub.Subscription, next *pubsub.Run) (messages int) {
	c := s.conn
	x := c.extra.Load()
	var frames []reactor.Piece
	if s.how == nil || s.how.handler == nil {
		frames = next.Frames(s.encoder()).Each
	}
	c.cell.Lock()
	defer c.cell.Unlock()
	if c.out.Charge() > 0 || x.handed.Load() > 0 || c.flags.Load()&flagsEnd != 0 {
		x.patient = append(x.patient, s)
		c.flags.Or(flagReplay)
		return 0
	}
	// A handler may write as much as it gets.
	most, bytes := c.config.MaxMailbox, min(c.config.MaxMailboxBytes, c.config.MaxOutbound/2)
	if frames != nil {
		bytes = c.config.MaxOutbound
	}
	for i, m := range next.Messages() {
		size := int(deliverySize(m))
		if frames != nil {
			size = len(frames[i].Bytes) + reactor.FrameCost
		}
		if bytes -= size; messages == most || bytes < 0 && messages > 0 {
			break
		}
		messages++
	}
	return messages
}

// replayOn asks for more of the histories when there is room.
func (c *Conn) replayOn() {
	x := c.extra.Load()
	c.cell.Lock()
	var patient []*subscription
	if c.out.Charge() == 0 && x.handed.Load() == 0 {
		patient, x.patient = x.patient, nil
		c.flags.And(^uint32(flagReplay))
	}
	c.cell.Unlock()
	for _, s := range patient {
		s.Ready()
	}
}

func (c *Conn) serveDelivery(d *delivery) {
	defer d.release()
	c.callback = inDelivery
	d.how.handler(c, d.message)
	c.callback = none
}
