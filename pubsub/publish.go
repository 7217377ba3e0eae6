package pubsub

import (
	"fmt"
	"slices"
	"time"

	"github.com/troupe-go/troupe/reactor"
)

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
	s := b.spaceIf(p.Filter)
	if s == nil { // nobody has ever subscribed with this filter
		if b.closed.Load() {
			return 0, ErrClosed
		}
		b.unheard.Add(1)
		return 0, nil
	}
	if receivers, err = s.publish(&p); err != nil {
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
	var exclude OwnerID
	own := 0
	if p.Exclude != nil {
		exclude, own = p.Exclude.OwnerID(), s.countOwn(p.Exclude, p.Channel, patterns)
	}
	sh := s.shard(p.Channel)
	var copied reactor.Piece
	if len(p.Payload) > largePayload && s.wanted(sh, p.Channel, patterns) {
		copied = reactor.CopyPiece(p.Payload)
		defer copied.Buffer.Release()
	}
	sh.mu.Lock()
	if b.closed.Load() {
		sh.mu.Unlock()
		return 0, ErrClosed
	}
	t := sh.topics[p.Channel]
	if t == nil {
		if len(patterns) == 0 && s.ruleFor(p.Channel) == nil {
			sh.published++
			sh.mu.Unlock()
			return 0, nil
		}
		t = s.obtain(sh, p.Channel)
	}
	t.list.remove(t) // until settle, so that nobody gives it up meanwhile
	receivers, to := reach(t, patterns)
	heard := receivers > 0 || t.history != nil
	receivers = max(0, receivers-own) // some may have come or gone since they were counted
	var wakes hubBits
	if heard {
		m := &Message{
			Channel: t.name, Filter: s.filter, Position: Position{t.epoch, t.sequence + 1},
			audience: t, patterns: patterns, exclude: exclude,
		}
		if copied.Buffer != nil {
			m.payload = copied
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

// largePayload is the size above which a payload is copied before the locks are taken.
const largePayload = 4 << 10

// wanted reports whether a message would be delivered or kept, as of now.
func (s *space) wanted(sh *shard, channel string, patterns []*audience) bool {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.topics[channel]
	return t != nil && (t.count.Load() > 0 || t.history != nil) || len(patterns) > 0 || s.ruleFor(channel) != nil
}

// countOwn is how many of an owner's subscriptions a message would reach. Foreign code: without locks.
func (s *space) countOwn(o Owner, channel string, patterns []*audience) (own int) {
	o.Subscriptions(func(sub *Subscription) {
		if !sub.live() { // else it may not have an audience yet
			return
		}
		a := sub.audience
		switch {
		case a.space != s:
		case a.isPat && slices.Contains(patterns, a), !a.isPat && a.name == channel:
			own++
		}
	})
	return own
}

// spread hands a message to hubs and history, all of them or none: if one has no room, it answers ErrBacklog. The
// payload is copied. With the shard's lock; the hubs that it returns have to be woken without it.
func (t *topic) spread(m *Message, to hubBits, payload []byte) (wakes hubBits, err error) {
	b := t.space.broker
	n := to.len()
	keep := t.history != nil
	if n > 1 || keep { // else the one hub looks by itself
		for i := range to.each {
			if !b.hubs[i].hasRoom(sizeOf(m.Channel, len(payload))) {
				return wakes, b.refuse(i)
			}
		}
	}
	if m.payload.Buffer != nil {
		m.payload.Buffer.Retain()
	} else if keep { // perhaps longer than its neighbours
		m.payload = reactor.CopyPiece(payload)
	}
	m.refs.Store(int32(n))
	if keep {
		m.Time = time.Now().UnixMilli()
		t.history.admit(b, m)
	}
	if m.refs.Load() == 0 { // there was no room in the history, and nobody else wants it
		m.payload.Buffer.Release()
		return wakes, nil
	}
	for i := range to.each {
		wake, ok := b.hubs[i].take(m, payload, n == 1 && !keep)
		if !ok {
			if m.payload.Buffer != nil {
				m.payload.Buffer.Release()
			}
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
