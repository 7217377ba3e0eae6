package pubsub

import (
	"fmt"
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

// An Owner has subscriptions: a connection, say. It must be comparable.
type Owner interface {
	// Subscriptions calls f for each.
	Subscriptions(f func(*Subscription))
}

// Owned is a Subscriber that belongs to an Owner.
type Owned interface {
	Subscriber
	Owner() Owner
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
	receivers, to, err := b.reach(t, patterns, len(p.Payload))
	if err != nil {
		s.settle(sh, t)
		sh.mu.Unlock()
		return 0, err
	}
	if p.Exclude != nil {
		receivers -= t.owned(p.Exclude, patterns)
	}
	sh.published++
	t.sequence++
	t.rate.count(b.second.Load())
	var wakes hubBits
	if receivers > 0 || t.history != nil {
		m := &Message{
			Channel: t.name, Filter: s.filter, Position: Position{t.epoch, t.sequence},
			audience: t, patterns: patterns, exclude: p.Exclude, buffer: reactor.CopyBuffer(p.Payload),
		}
		wakes = t.spread(m, to)
	}
	s.settle(sh, t)
	sh.mu.Unlock()
	b.wake(wakes)
	b.janitor.rouse()
	return receivers, nil
}

// reach is how many subscriptions a message has, and where, if there is room for it there.
func (b *Broker) reach(t *topic, patterns []*audience, size int) (receivers int, to hubBits, err error) {
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
	for i := range to.each {
		if h := b.hubs[i]; h.full(size) {
			h.refused.Add(1)
			return 0, to, fmt.Errorf("%w: %d messages wait for loop %d", ErrBacklog, h.waiting.Load(), i)
		}
	}
	return receivers, to, nil
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

// spread hands a message, whose only reference is the caller's, to hubs and history. With the shard's lock. The hubs
// that it returns have to be woken without it.
func (t *topic) spread(m *Message, to hubBits) (wakes hubBits) {
	b := t.space.broker
	refs := to.len()
	keep := t.history != nil && m.Kind == Data
	if keep {
		m.Time = time.Now().UnixMilli()
		if keep = t.history.admit(b, m); keep {
			refs++
		}
	}
	if refs == 0 {
		m.refs.Store(1)
		m.Release()
		return wakes
	}
	m.refs.Store(int32(refs))
	if keep {
		t.history.add(b, m)
	}
	size := m.size()
	for i := range to.each {
		if b.hubs[i].post(entry{message: m}, size) {
			wakes.set(i)
		}
	}
	return wakes
}
