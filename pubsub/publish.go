package pubsub

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/reactor"
)

// A Publication is a message to be published, with all that can be said about it. Sent to the PID of a channel it is
// published there, whatever its Channel.
type Publication struct {
	Channel string
	Payload []byte
	// Filter restricts the message to subscriptions with the same filter. Then Channel may be empty, and the message
	// stays on this node (feature S3).
	Filter int16
	// Exclude leaves the subscriptions of this owner out (feature S7).
	Exclude Owner
	// Scope says how far the message goes.
	Scope Scope
}

// A Scope says how far a message goes (feature S9).
type Scope uint8

const (
	// Everywhere is to this broker's subscribers, and to its default engine. The default.
	Everywhere Scope = iota
	// Here is to this broker's subscribers only.
	Here
)

// An Owner has subscriptions: a connection, say.
type Owner interface {
	OwnerID() OwnerID
	// Subscriptions calls f for each of its subscriptions. It must not call the Broker or a Subscription's methods, nor
	// wait for those who do; f does neither.
	Subscriptions(f func(*Subscription))
}

// An OwnerID names an Owner, without keeping it. Zero names none.
type OwnerID uint64

var ownerIDs atomic.Uint64

// NewOwnerID is an OwnerID that no other Owner of the process has.
func NewOwnerID() OwnerID { return OwnerID(ownerIDs.Add(1)) }

// Owned is a Subscriber that belongs to an Owner.
type Owned interface {
	Subscriber
	OwnerID() OwnerID
}

// Publish sends a copy of payload to everybody who has subscribed to the channel or to a pattern that matches it, and
// through the default engine to other nodes. It returns how many subscriptions of this node that were, as of now.
//
// It never blocks. Bad names and payloads answer ErrName, ErrPayload and ErrEmpty; ErrBacklog says that delivery is
// behind, and nothing was published. Safe from any goroutine.
func (b *Broker) Publish(channel string, payload []byte) (receivers int, err error) {
	return b.Send(Publication{Channel: channel, Payload: payload})
}

// Send is Publish with options.
func (b *Broker) Send(p Publication) (receivers int, err error) {
	if len(p.Payload) > MaxPayload {
		return 0, fmt.Errorf("%w: %d bytes", ErrPayload, len(p.Payload))
	}
	if p.Channel == "" && p.Filter == 0 && len(p.Payload) == 0 {
		return 0, ErrEmpty
	}
	if err := checkName(p.Channel, p.Filter); err != nil {
		return 0, err
	}
	if receivers, err = b.space(p.Filter).publish(&p); err != nil {
		return 0, err
	}
	if p.Filter == 0 && p.Scope == Everywhere {
		b.forward(&p)
	}
	return receivers, nil
}

// publish delivers to this node's subscribers.
func (s *space) publish(p *Publication) (receivers int, err error) {
	b := s.broker
	patterns := s.patterns.index.Match(p.Channel)
	sh := s.shard(p.Channel)
	sh.mu.Lock()
	if b.closed.Load() {
		sh.mu.Unlock()
		return 0, ErrClosed
	}
	t := sh.topics[p.Channel]
	if t == nil {
		if len(patterns) == 0 && b.ruleFor(p.Channel) == nil {
			sh.published++
			sh.mu.Unlock()
			return 0, nil
		}
		t = s.obtain(sh, p.Channel)
	}
	receivers, to := reach(t, patterns)
	heard := receivers > 0 || t.history != nil
	var exclude OwnerID
	if p.Exclude != nil {
		exclude = p.Exclude.OwnerID()
		// Patterns come and go without the shard's lock: they may have been counted differently.
		receivers = max(0, receivers-t.owned(p.Exclude, patterns))
	}
	var wakes hubBits
	if heard {
		m := &Message{
			Channel: t.name, Filter: s.filter, Position: Position{t.epoch, t.sequence + 1},
			audience: t, patterns: patterns, exclude: exclude,
		}
		wakes, err = t.spread(m, to, p.Payload)
	}
	if err == nil {
		sh.published++
		t.sequence++
		t.rate.count(b.second.Load())
	}
	s.settle(sh, t)
	sh.mu.Unlock()
	b.wake(wakes)
	if err != nil {
		return 0, err
	}
	b.janitor.rouse()
	return receivers, nil
}

// reach is how many subscriptions a message has, and where.
func reach(t *topic, patterns []*audience) (receivers int, to hubBits) {
	if n := t.count.Load(); n > 0 {
		receivers = int(n)
		to.add(&t.hubs)
	}
	for _, a := range patterns {
		if n := a.count.Load(); n > 0 {
			receivers += int(n)
			to.add(&a.hubs)
		}
	}
	return receivers, to
}

// owned is how many of the subscriptions that a message would reach are o's.
func (t *topic) owned(o Owner, patterns []*audience) (n int) {
	o.Subscriptions(func(s *Subscription) {
		if !s.live() {
			return
		}
		if s.audience == &t.audience {
			n++
			return
		}
		for _, a := range patterns {
			if s.audience == a {
				n++
			}
		}
	})
	return n
}

// spread hands a message to hubs and history, all of them or none: if one has no room, it answers ErrBacklog. The
// payload is copied. With the shard's lock; the hubs that it returns have to be woken without it.
func (t *topic) spread(m *Message, to hubBits, payload []byte) (wakes hubBits, err error) {
	b := t.space.broker
	n := to.len()
	keep := t.history != nil
	if n > 1 || keep { // else the one hub looks by itself
		for i := range to.each {
			if !b.hubs[i].hasRoom(len(payload)) {
				return wakes, b.refuse(i)
			}
		}
		m.payload = reactor.CopyPiece(payload)
	}
	m.refs.Store(int32(n))
	if keep {
		m.Time = time.Now().UnixMilli()
		t.history.admit(b, m)
	}
	if m.refs.Load() == 0 { // nobody wants it
		m.payload.Buffer.Release()
		return wakes, nil
	}
	for i := range to.each {
		wake, ok := b.hubs[i].take(m, payload)
		if !ok {
			return wakes, b.refuse(i)
		}
		if wake {
			wakes.set(i)
		}
	}
	return wakes, nil
}

func (b *Broker) refuse(hub int) error {
	b.hubs[hub].refused.Add(1)
	return fmt.Errorf("%w: too much waits for loop %d", ErrBacklog, hub)
}
