package pubsub

import (
	"fmt"
	"strings"

	"github.com/troupe-go/troupe/reactor"
)

// Attach subscribes a Subscription that is part of the subscriber's own memory, for those who have many: see Subscribe
// for others. It lives on the given loop, where deliveries are made. Once a Subscription was attached it cannot be
// attached again.
//
// A bad name answers ErrName, bad options ErrBadOption, a channel with too many members ErrMembers.
func (b *Broker) Attach(s *Subscription, name string, to Subscriber, l *reactor.Loop, o SubscribeOptions) error {
	if to == nil {
		return ErrNilSubscriber
	}
	if err := o.validate(name); err != nil {
		return err
	}
	if l.Group() != b.group {
		return badOption("loop of", "another group")
	}
	if s.state.Load() != fresh {
		return ErrSubscribed
	}
	s.subscriber, s.hub, s.index = to, b.hubs[l.Index()], -1
	s.more = nil // a refused attempt may have left it
	if !o.plain() {
		s.more = &subscriptionMore{events: o.Events, present: o.Member != nil, watchIndex: -1}
	}
	space := b.space(o.Filter)
	if o.Pattern {
		if len(name) > b.options.MaxPattern {
			return fmt.Errorf("%w: pattern of %d bytes", ErrName, len(name))
		}
		return space.attachPattern(s, name, &o)
	}
	return space.attachTopic(s, name, &o)
}

func (s *space) attachTopic(sub *Subscription, name string, o *SubscribeOptions) error {
	owner := sub.owner()
	var watchers []*audience // found before the lock: it may take a while
	if o.Member != nil {
		watchers = s.patterns.index.Match(name)
	}
	sh := s.shard(name)
	sh.mu.Lock()
	if s.broker.closed.Load() {
		sh.mu.Unlock()
		return ErrClosed
	}
	t := s.obtain(sh, name)
	if o.Member != nil && !t.mayJoin(o.Member) {
		s.settle(sh, t)
		sh.mu.Unlock()
		return ErrMembers
	}
	t.hubs.set(sub.hub.cell.Loop().Index())
	if t.count.Add(1) == 1 && s.filter == 0 {
		for _, in := range sh.engines {
			in.subscribe(Topic{Name: t.name})
		}
	}
	if o.Events {
		t.watch.Add(1)
	}
	sub.audience = &t.audience
	sub.state.Store(attached)
	begins := joins
	if o.past() {
		sub.more.began = Position{t.epoch, t.sequence}
	}
	if r := t.plan(o); r != nil {
		t.hold(r, sub, owner)
		sub.more.replay, begins = r, catches
	}
	var wakes hubBits
	if sub.hub.post(sub, begins) {
		wakes.set(sub.hub.cell.Loop().Index())
	}
	if o.Member != nil {
		sub.more.member = o.Member.ID
		wakes.merge(t.join(o.Member, watchers))
	}
	s.settle(sh, t)
	sh.mu.Unlock()
	s.broker.wake(wakes)
	return nil
}

func (s *Subscription) leaveTopic() (wakes hubBits) {
	space := s.audience.space
	var watchers []*audience
	if s.more != nil && s.more.present {
		watchers = space.patterns.index.Match(s.audience.name)
	}
	sh := space.shard(s.audience.name)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.topics[s.audience.name] // it is there as long as it has subscriptions
	if s.hub.post(s, leaves) {
		wakes.set(s.hub.cell.Loop().Index())
	}
	last := t.count.Add(-1) == 0
	if s.more != nil && s.more.events {
		t.watch.Add(-1)
	}
	if s.more != nil && s.more.member != "" {
		wakes.merge(t.leave(s.more.member, watchers))
	}
	if last {
		t.hubs.clear()
		if t.address != nil {
			t.address.end()
			t.address = nil
		}
		if space.filter == 0 {
			for _, in := range sh.engines {
				in.unsubscribe(Topic{Name: t.name})
			}
		}
		space.settle(sh, t)
	}
	return wakes
}

func (s *space) attachPattern(sub *Subscription, pattern string, o *SubscribeOptions) error {
	p := &s.patterns
	p.mu.Lock()
	if s.broker.closed.Load() {
		p.mu.Unlock()
		return ErrClosed
	}
	a := p.byName[pattern]
	if a == nil {
		if s.broker.patternCount.Add(1) > int64(s.broker.options.MaxPatterns) {
			s.broker.patternCount.Add(-1)
			p.mu.Unlock()
			return ErrPatterns
		}
		pattern = strings.Clone(pattern)
		a = &audience{space: s, name: pattern, isPat: true}
		p.byName[pattern] = a
	}
	hub := sub.hub
	a.hubs.set(hub.cell.Loop().Index())
	sub.audience = a
	sub.state.Store(attached)
	if o.Events {
		a.watch.Add(1)
	}
	first := a.count.Add(1) == 1
	wake := hub.post(sub, joins)
	if first { // after the post: who finds it in the index finds the subscription in the hub's queue before its message
		p.index.Set(pattern, a)
		if s.filter == 0 {
			for _, in := range p.engines {
				in.subscribe(Topic{Name: a.name, Pattern: true})
			}
		}
	}
	p.mu.Unlock()
	if wake {
		hub.cell.Wake()
	}
	return nil
}

func (s *Subscription) leavePattern() (wakes hubBits) {
	a := s.audience
	p := &a.space.patterns
	p.mu.Lock()
	defer p.mu.Unlock()
	if s.hub.post(s, leaves) {
		wakes.set(s.hub.cell.Loop().Index())
	}
	if s.more != nil && s.more.events {
		a.watch.Add(-1)
	}
	if a.count.Add(-1) == 0 {
		delete(p.byName, a.name)
		a.space.broker.patternCount.Add(-1)
		p.index.Delete(a.name)
		if a.space.filter == 0 {
			for _, in := range p.engines {
				in.unsubscribe(Topic{Name: a.name, Pattern: true})
			}
		}
	}
	return wakes
}
