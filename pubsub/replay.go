package pubsub

import (
	"sort"
	"time"
)

// A replay is where in the past a subscription is. The first of its messages are held from the beginning, so that they
// do not grow old before the subscriber's turn.
type replay struct {
	next   uint64     // the sequence number of the next message that is not held
	missed uint64     // how many are missing before those that are held
	reborn bool       // the channel began anew since the position that was asked for
	held   []*Message // retained
}

func (r *replay) release() {
	for _, m := range r.held {
		m.Release()
	}
	r.held = nil
}

// plan says where a subscription begins, nil for the present. With the shard's lock.
func (t *topic) plan(o *SubscribeOptions) *replay {
	if t.history != nil {
		t.history.expire(t.space.broker, time.Now().UnixMilli())
	}
	switch {
	case o.After != nil:
		r := &replay{next: o.After.Sequence + 1}
		if o.After.Epoch != t.epoch || o.After.Sequence > t.sequence {
			// The zero Position is before everything: nobody misses what nobody has.
			r.next, r.reborn = t.first(), *o.After != Position{}
		}
		if r.next > t.sequence && !r.reborn {
			return nil
		}
		return r
	case !o.From.IsZero() && t.history != nil:
		from := o.From.UnixMilli()
		h := t.history
		return t.since(sort.Search(h.len(), func(i int) bool { return h.at(i).Time >= from }))
	case o.Last > 0 && t.history != nil:
		return t.since(max(0, t.history.len()-o.Last))
	}
	return nil
}

// since begins with the i-th message of the history.
func (t *topic) since(i int) *replay {
	if i >= t.history.len() {
		return nil
	}
	return &replay{next: t.history.at(i).Sequence}
}

// first is the sequence number of the oldest message that there is, or will be.
func (t *topic) first() uint64 {
	if t.history != nil && t.history.len() > 0 {
		return t.history.at(0).Sequence
	}
	return t.sequence + 1
}

// A part is what a Patient takes of a replay at once.
type part struct {
	subscription [1]*Subscription
	gap          *Message // comes first, unless it is nil
	messages     []*Message
	caught       bool // nothing is left after it
}

// Bounds of a part, beside the subscriber's own.
const (
	partMessages = maxRun
	partBytes    = 256 << 10
)

// startReplay begins the next part of a replay, if the subscriber has room.
func (h *hub) startReplay(s *Subscription) {
	if s.more == nil || s.more.replay == nil {
		return // it has caught up, or was cancelled
	}
	messages, bytes := partMessages, partBytes
	if p, ok := s.subscriber.(Patient); ok {
		m, n := h.ask(p, s)
		if m <= 0 {
			return // Ready comes
		}
		messages, bytes = min(m, messages), min(n, bytes)
	}
	h.replay = s.part(messages, bytes)
}

// ask asks a Patient. One that panics has no room, and gets no more.
func (h *hub) ask(p Patient, s *Subscription) (messages, bytes int) {
	defer func() {
		if recover() != nil {
			h.failures.Add(1)
		}
	}()
	return p.Room(s)
}

// part takes the next messages from the history, at least one. With the last one the subscription joins: that is
// posted under the lock, so that what is published next comes after it, and what was published before does not.
func (s *Subscription) part(messages, bytes int) *part {
	owner := s.owner()
	sh := s.audience.space.shard(s.audience.name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if !s.live() { // leaving is on its way
		return nil
	}
	t, r := sh.topics[s.audience.name], s.more.replay
	p := &part{subscription: [1]*Subscription{s}}
	if len(r.held) == 0 {
		t.hold(r, s, owner, messages, bytes)
	}
	if r.reborn || r.missed > 0 {
		next := r.next
		if len(r.held) > 0 {
			next = r.held[0].Sequence
		}
		p.gap = t.gap(r.missed, next)
		r.reborn, r.missed = false, 0
		messages--
	}
	p.messages, r.held = fit(r.held, messages, bytes)
	if p.caught = len(r.held) == 0 && r.next > t.sequence; p.caught {
		s.more.replay = nil
		s.hub.post(s, joins) // the hub is in its turn
	}
	return p
}

// hold takes messages for s from the history, at least one if there is one. Those that exclude its owner are left out if
// they were published since it began: what is older is the past, whoever said it. With the shard's lock.
func (t *topic) hold(r *replay, s *Subscription, owner OwnerID, messages, bytes int) {
	if first := t.first(); r.next < first {
		if !r.reborn {
			r.missed += first - r.next
		}
		r.next = first
	}
	if t.history == nil {
		return
	}
	for i := t.history.find(r.next); i < t.history.len() && len(r.held) < max(1, messages); i++ {
		m := t.history.at(i)
		if m.exclude == 0 || m.exclude != owner || m.Sequence <= s.more.began.Sequence {
			if bytes -= m.size(); bytes < 0 && len(r.held) > 0 {
				return
			}
			r.held = append(r.held, m.Retain())
		}
		r.next = m.Sequence + 1
	}
}

// fit splits messages after those for which there is room. One always fits into the bytes.
func fit(all []*Message, messages, bytes int) (now, later []*Message) {
	n := 0
	for n < len(all) && n < messages {
		if bytes -= all[n].size(); bytes < 0 && n > 0 {
			break
		}
		n++
	}
	return all[:n:n], all[n:]
}

// gap is the message that some are missing before the one with the number next.
func (t *topic) gap(missed, next uint64) *Message {
	m := &Message{Channel: t.name, Filter: t.space.filter, Kind: Gap, Position: Position{t.epoch, next - 1}, Missed: missed}
	m.refs.Store(1)
	return m
}

// goOnReplaying makes a run of what comes next of a part.
func (h *hub) goOnReplaying() {
	p := h.replay
	switch {
	case p.gap != nil:
		h.gaps.Add(1)
		h.run.messages = append(h.run.messages, p.gap)
		p.gap = nil
	case len(p.messages) > 0:
		h.replayed.Add(uint64(len(p.messages)))
		h.run.messages = append(h.run.messages, p.messages...)
		p.messages = nil
	default:
		h.replay = nil
		if s := p.subscription[0]; !p.caught {
			h.post(s, catches)
		}
		return
	}
	h.targets = append(h.targets, p.subscription[:])
}
