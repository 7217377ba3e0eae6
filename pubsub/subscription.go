package pubsub

import (
	"sync/atomic"
)

// A Subscriber gets what is published. Its methods are called in a turn of the broker on the subscription's loop, one at
// a time for each Subscription: they must not block, and leave work to the subscriber's own turn.
type Subscriber interface {
	// Deliver is called with messages, in order, and returns how many of them the subscriber could not take.
	Deliver(s *Subscription, run *Run) (dropped int)
	// Unsubscribed is called once, after the last Deliver.
	Unsubscribed(s *Subscription)
}

// A Patient is a Subscriber that takes a replayed history in parts, as it has room for it. Others get it all at once.
type Patient interface {
	Subscriber
	// Room is asked before each part of a replay: how many of the next messages, from the first on, the subscriber takes
	// now. If it has no room it answers 0, and calls Subscription.Ready once it has. next is valid during the call.
	Room(s *Subscription, next *Run) (messages int)
}

// A Subscription is one subscriber's interest in one channel or pattern. Its methods are safe from any goroutine, once it
// was attached.
type Subscription struct {
	audience   *audience
	hub        *hub
	subscriber Subscriber
	more       *subscriptionMore
	dropped    atomic.Uint64
	index      int32 // the hub's turn's: where it is in the list, or -1
	state      atomic.Uint32
}

// subscriptionMore is what only some subscriptions have.
type subscriptionMore struct {
	events     bool
	present    bool     // it began with a Member
	member     string   // guarded by the shard's lock: as which it is present, or empty
	began      Position // the channel's, when it subscribed
	replay     *replay  // the hub's turn's: from where it goes on; nil when it has caught up
	watchIndex int32    // the hub's turn's: where it is in the list of those that want events, or -1
	left       bool     // the hub's turn's: it was told Unsubscribed
}

// States of a Subscription. It is fresh, then attached, then cancelled, for good.
const (
	fresh uint32 = iota
	attached
	cancelled
)

// Name is the channel or pattern subscribed to.
func (s *Subscription) Name() string { return s.audience.name }

// IsPattern reports whether Name is a pattern.
func (s *Subscription) IsPattern() bool { return s.audience.isPat }

// Filter is the filter of the messages it gets, or 0.
func (s *Subscription) Filter() int16 { return s.audience.space.filter }

// Dropped is how many messages the subscriber could not take, and has not got therefore. Bytes that a connection drops
// later, because its peer is slow, are counted there.
func (s *Subscription) Dropped() uint64 { return s.dropped.Load() }

// Began is the position of the channel when the subscription asked for its history: what has a higher Sequence, or
// another Epoch, was published since. It is the zero Position for subscriptions that did not ask.
func (s *Subscription) Began() Position {
	if s.more == nil {
		return Position{}
	}
	return s.more.began
}

// live reports whether the subscription stands.
func (s *Subscription) live() bool { return s.state.Load() == attached }

func (s *Subscription) owner() OwnerID {
	if o, ok := s.subscriber.(Owned); ok {
		return o.OwnerID()
	}
	return 0
}

// Ready says that a Patient that had no room has room again.
func (s *Subscription) Ready() {
	if s.hub.post(s, catches) {
		s.hub.cell.Wake()
	}
}

// Cancel ends the subscription, soon: what was published before is delivered, then the subscriber is told. A history
// that is being replayed ends where it is, and a Go channel gets no more than it has room for. It may be called again.
func (s *Subscription) Cancel() {
	if !s.state.CompareAndSwap(attached, cancelled) {
		return
	}
	b := s.hub.broker
	var wakes hubBits
	if s.audience.isPat {
		wakes = s.leavePattern()
	} else {
		wakes = s.leaveTopic()
	}
	b.wake(wakes)
}
