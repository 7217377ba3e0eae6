package pubsub

import "time"

// A Member is somebody who is present on a channel, by one subscription or several: see SubscribeOptions.Member. Nobody
// may change it or its Info.
type Member struct {
	// ID tells members apart: 1 to MaxMember bytes.
	ID string
	// Info is what is to be known about the member, at most MaxInfo bytes. That of the first subscription counts.
	Info []byte
}

// A Presence is a Member while it is present.
type Presence struct {
	*Member
	// Since is when its first subscription began.
	Since time.Time
	// Subscriptions is how many it has, by several connections perhaps.
	Subscriptions int
}

// Members are who is present on a channel, in no particular order. A member is present while it has a subscription as
// such on this node: when its connection ends, however that may be, it leaves.
func (b *Broker) Members(channel string) []Presence {
	sh := b.plain.shard(channel)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.topics[channel]
	if t == nil {
		return nil
	}
	all := make([]Presence, 0, len(t.members))
	for _, p := range t.members {
		all = append(all, *p)
	}
	return all
}

// SetMember makes the subscription one of another member, or of nobody if m is nil. Those who want events are told, with
// nothing of the channel between them, that m has joined, if it was not there, and then that the member before has left,
// if this was its last subscription. The same ID once more changes the member's Info, and nobody is told.
//
// It is for subscriptions that began with a Member; others and bad members answer ErrBadOption, channels without room
// ErrMembers, and a subscription that was cancelled ErrClosed.
func (s *Subscription) SetMember(m *Member) error {
	if s.more == nil || !s.more.present {
		return badOption("SetMember of a subscription without", "Member")
	}
	if m != nil {
		if err := m.validate(); err != nil {
			return err
		}
	}
	watchers := s.audience.space.patterns.index.Match(s.audience.name)
	sh := s.audience.space.shard(s.audience.name)
	sh.mu.Lock()
	if !s.live() {
		sh.mu.Unlock()
		return ErrClosed
	}
	wakes, err := sh.topics[s.audience.name].replace(s.more, m, watchers)
	sh.mu.Unlock()
	s.hub.broker.wake(wakes)
	return err
}

// replace is SetMember with the shard's lock.
func (t *topic) replace(who *subscriptionMore, m *Member, watchers []*audience) (wakes hubBits, err error) {
	old := t.members[who.member]
	switch {
	case m == nil:
	case m.ID == who.member:
		old.Member = m
		return wakes, nil
	case !t.mayJoin(m) && (old == nil || old.Subscriptions > 1):
		return wakes, ErrMembers
	default:
		wakes = t.join(m, watchers)
	}
	if old != nil {
		wakes.merge(t.leave(who.member, watchers))
	}
	if who.member = ""; m != nil {
		who.member = m.ID
	}
	return wakes, nil
}

func (m *Member) validate() error {
	switch {
	case m.ID == "" || len(m.ID) > MaxMember:
		return badOption("Member.ID of length", len(m.ID))
	case len(m.Info) > MaxInfo:
		return badOption("Member.Info of length", len(m.Info))
	}
	return nil
}

// mayJoin reports whether there is room for a member. With the shard's lock.
func (t *topic) mayJoin(m *Member) bool {
	return t.members[m.ID] != nil || len(t.members) < t.space.broker.options.MaxMembers
}

// join makes somebody present by one more subscription. watchers are the patterns that match the channel. With the
// shard's lock; so is leave.
func (t *topic) join(m *Member, watchers []*audience) (wakes hubBits) {
	if p := t.members[m.ID]; p != nil {
		p.Subscriptions++
		return wakes
	}
	if t.members == nil {
		t.members = make(map[string]*Presence)
	}
	t.members[m.ID] = &Presence{Member: m, Since: time.Now(), Subscriptions: 1}
	return t.tell(Joined, m, watchers)
}

func (t *topic) leave(id string, watchers []*audience) (wakes hubBits) {
	p := t.members[id]
	if p.Subscriptions--; p.Subscriptions > 0 {
		return wakes
	}
	delete(t.members, id)
	if len(t.members) == 0 {
		t.members = nil
	}
	return t.tell(Left, p.Member, watchers)
}

// tell sends an event to those who want to know. It is never refused: else somebody would seem to be there for ever.
func (t *topic) tell(kind Kind, who *Member, patterns []*audience) (wakes hubBits) {
	var to hubBits
	if t.watch.Load() > 0 {
		to.add(&t.hubs)
	}
	for _, a := range patterns {
		if a.watch.Load() > 0 {
			to.add(&a.hubs)
		}
	}
	if to.len() == 0 {
		return wakes
	}
	m := &Message{
		Channel: t.name, Filter: t.space.filter, Kind: kind, Member: who,
		audience: t, patterns: patterns,
	}
	m.refs.Store(int32(to.len()))
	for i := range to.each {
		if wake, _ := t.space.broker.hubs[i].take(m, nil, false); wake {
			wakes.set(i)
		}
	}
	return wakes
}
