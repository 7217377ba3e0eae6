package pubsub

import (
	"sort"
	"time"
)

// A replay is where in the past a subscription is. The first of its messages are held from the beginning, so that they
// do not grow old before the subscriber's turn.
type replay struct {
	next   uint64     // the sequence number of the next message that is not held
	reborn bool       // the channel began anew since the position that was asked for
	held   []*Message // retained; a Gap may be among them
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

// A part is what a subscriber is told at once of a replay.
type part struct {
	subscription [1]*Subscription
	messages     []*Message // that are left of it
	caught       bool       // nothing of the replay is left after it
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
	r := s.more.replay
	if len(r.held) == 0 && !s.holdMore() {
		return
	}
	n := len(r.held)
	if p, ok := s.subscriber.(Patient); ok && n > 0 {
		if n = min(h.room(p, s, r.held), n); n <= 0 {
			return // Ready comes
		}
	}
	h.replay = &part{subscription: [1]*Subscription{s}, messages: r.held[:n:n]}
	r.held = r.held[n:]
	if len(r.held) == 0 {
		h.replay.caught = s.catchUp()
	}
}

// room asks a Patient for how many of the messages there is room. One that panics has none, and gets no more.
func (h *hub) room(p Patient, s *Subscription, held []*Message) (n int) {
	next := Run{hub: h, messages: held}
	defer next.forget()
	defer h.recovered("Room")
	return p.Room(s, &next)
}

// holdMore takes more messages from the history. It reports false if the subscription was cancelled.
func (s *Subscription) holdMore() bool {
	owner := s.hub.ownerOf(s)
	sh := s.audience.space.shard(s.audience.name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if !s.live() { // leaving is on its way
		return false
	}
	sh.topics[s.audience.name].hold(s.more.replay, s, owner)
	return true
}

func (h *hub) ownerOf(s *Subscription) OwnerID {
	defer h.recovered("OwnerID")
	return s.owner()
}

// catchUp ends the replay if nothing was published that it has not had. Then the subscription joins: that is posted under
// the lock, so that what is published next comes after it, and what was published before does not.
func (s *Subscription) catchUp() bool {
	sh := s.audience.space.shard(s.audience.name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if s.live() && s.more.replay.next <= sh.topics[s.audience.name].sequence {
		return false
	}
	s.more.replay = nil
	if s.live() {
		s.hub.post(s, joins) // the hub is in its turn
	}
	return true
}

// hold takes messages for s from the history, at least one if there is one. Those that exclude its owner are left out if
// they were published since it began: what is older is the past, whoever said it. With the shard's lock.
func (t *topic) hold(r *replay, s *Subscription, owner OwnerID) {
	if first := t.first(); r.reborn || r.next < first {
		missed := uint64(0)
		if !r.reborn {
			missed = first - r.next
		}
		r.next, r.reborn = max(r.next, first), false
		r.held = append(r.held, t.gap(missed, r.next))
	}
	if t.history == nil {
		return
	}
	bytes := partBytes
	for i := t.history.find(r.next); i < t.history.len() && len(r.held) < partMessages; i++ {
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

// gap is the message that some are missing before the one with the number next.
func (t *topic) gap(missed, next uint64) *Message {
	m := &Message{Channel: t.name, Filter: t.space.filter, Kind: Gap, Position: Position{t.epoch, next - 1}, Missed: missed}
	m.refs.Store(1)
	return m
}

// goOnReplaying makes a run of what comes next of a part: a Gap, or messages.
func (h *hub) goOnReplaying() {
	p := h.replay
	n := 0
	for n < len(p.messages) && p.messages[n].Kind == Data {
		n++
	}
	switch {
	case n > 0:
		h.replayed.Add(uint64(n))
	case len(p.messages) > 0:
		n = 1
		h.gaps.Add(1)
	default:
		h.replay = nil
		if s := p.subscription[0]; !p.caught {
			h.post(s, catches)
		}
		return
	}
	h.run.messages = append(h.run.messages, p.messages[:n]...)
	p.messages = p.messages[n:]
	h.targets = append(h.targets, p.subscription[:])
}
