package pubsub

import (
	"fmt"
	"slices"
	"testing"

	"github.com/troupe-go/troupe/reactor"
)

// A listener is a Subscriber of one subscription, which checks that it is told as promised and writes down what. Its
// fields have no lock: all calls come from turns of one hub.
type listener struct {
	Subscription
	t        testing.TB
	loop     *reactor.Loop
	sequence map[string]Position
	got      []string // see text
	over     bool
	onText   func(text string) // instead of got, or nil
	onRun    func(*Run)        // before the messages are looked at, or nil
	gone     chan struct{}
	most     int // the longest run
}

func newListener(t testing.TB, g *reactor.Group) *listener {
	return &listener{t: t, loop: g.Next(), sequence: map[string]Position{}, gone: make(chan struct{})}
}

// text is a message as tests compare it.
func text(m *Message) string {
	switch m.Kind {
	case Joined:
		return "+" + m.Member.ID
	case Left:
		return "-" + m.Member.ID
	case Gap:
		return fmt.Sprintf("gap of %d", m.Missed)
	}
	return string(m.Payload())
}

func (l *listener) Deliver(s *Subscription, run *Run) int {
	if l.over {
		l.t.Error("delivered after Unsubscribed")
	}
	if s != &l.Subscription {
		l.t.Error("another's Subscription")
	}
	if l.onRun != nil {
		l.onRun(run)
	}
	l.most = max(l.most, len(run.Messages()))
	for _, m := range run.Messages() {
		l.hear(m)
	}
	return 0
}

func (l *listener) hear(m *Message) {
	before := l.sequence[m.Channel]
	if m.Kind == Data && m.Epoch == before.Epoch && m.Sequence <= before.Sequence {
		l.t.Errorf("message %d of %s after %d", m.Sequence, m.Channel, before.Sequence)
	}
	if m.Kind == Data || m.Kind == Gap {
		l.sequence[m.Channel] = m.Position
	}
	if l.onText != nil {
		l.onText(text(m))
	} else {
		l.got = append(l.got, text(m))
	}
}

func (l *listener) Unsubscribed(*Subscription) {
	if l.over {
		l.t.Error("unsubscribed twice")
		return
	}
	l.over = true
	close(l.gone)
}

func (l *listener) attach(b *Broker, name string, o SubscribeOptions) *listener {
	l.t.Helper()
	return l.attachAs(b, l, name, o)
}

// attachAs subscribes to, which is made of the listener.
func (l *listener) attachAs(b *Broker, to Subscriber, name string, o SubscribeOptions) *listener {
	l.t.Helper()
	if err := b.Attach(&l.Subscription, name, to, l.loop, o); err != nil {
		l.t.Fatalf("Attach: %v", err)
	}
	return l
}

// want compares what was heard, and forgets it. It is for manual brokers.
func (l *listener) want(texts ...string) {
	l.t.Helper()
	if !slices.Equal(l.got, texts) {
		l.t.Errorf("heard %.200q, want %.200q", l.got, texts)
	}
	l.got = nil
}

// A patient is a listener with little room for a replay: as much as is set, until it is used.
type patient struct {
	*listener
	messages, bytes int
	asked           int
}

func (p *patient) Room(_ *Subscription, next *Run) (messages int) {
	p.asked++
	most, bytes := p.messages, p.bytes
	p.messages = 0
	if len(next.Messages()) == 0 {
		p.t.Error("asked about nothing")
	}
	for _, m := range next.Messages() {
		if bytes -= m.size(); messages == most || bytes < 0 && messages > 0 {
			break
		}
		messages++
	}
	return messages
}

// A thing of an owner's.
type ownedListener struct {
	*listener
	of *owner
}

func (o *ownedListener) OwnerID() OwnerID { return o.of.id }

// An owner is what publishes without hearing itself.
type owner struct {
	id   OwnerID
	own  []*Subscription
	then func() // at the end of Subscriptions, or nil
}

func (o *owner) OwnerID() OwnerID { return o.id }

func (o *owner) Subscriptions(f func(*Subscription)) {
	for _, s := range o.own {
		f(s)
	}
	if o.then != nil {
		o.then()
	}
}

// attach subscribes a listener of the owner's.
func (o *owner) attach(b *Broker, l *listener, name string, options SubscribeOptions) *listener {
	l.t.Helper()
	l.attachAs(b, &ownedListener{l, o}, name, options)
	o.own = append(o.own, &l.Subscription)
	return l
}
