package pubsub

import (
	"fmt"
	"testing"
)

func kept(count int) Options { return Options{History: []HistoryRule{{Pattern: "*", Count: count}}} }

// TestGapTakesRoom: what a Patient said it has room for includes the Gap that comes first.
func TestGapTakesRoom(t *testing.T) {
	b, m := manualBroker(t, kept(5))
	publish(t, b, "c", "0")
	first := b.Channel("c", 0).Position
	for i := range 20 {
		publish(t, b, "c", fmt.Sprint(i+1))
	}
	var got []string
	s, err := b.Subscribe("c", func(m *Message) { got = append(got, text(m)) }, SubscribeOptions{After: &first, MaxWaiting: 1})
	if err != nil {
		t.Fatal(err)
	}
	m.Run()
	if want := "[gap of 15 16 17 18 19 20]"; fmt.Sprint(got) != want || s.Dropped() != 0 {
		t.Errorf("got %v, want %v, %d dropped", got, want, s.Dropped())
	}
}

// TestGapsOfRebirth: a channel has begun anew since the position asked for, and while the subscriber has no room some
// messages of its new life go as well. Every hole is told, by a Gap right before the first message after it.
func TestGapsOfRebirth(t *testing.T) {
	b, m := manualBroker(t, kept(3))
	for i := range 3 {
		publish(t, b, "c", fmt.Sprint(i+1))
	}
	p := &patient{listener: newListener(t, m.Group()), bytes: 1 << 20}
	p.attachAs(b, p, "c", SubscribeOptions{After: &Position{Epoch: 1, Sequence: 77}})
	m.Run()
	p.want()
	next, gaps := uint64(0), 0
	p.onRun = func(run *Run) {
		for _, m := range run.Messages() {
			switch {
			case m.Kind == Gap && gaps == 0 && m.Missed == 0: // that the channel was born again
			case m.Kind == Gap && m.Sequence == next-1+m.Missed && m.Missed > 0:
			case m.Kind == Data && m.Sequence == next && gaps > 0:
			default:
				t.Errorf("%v %d, missed %d, want %d", m.Kind, m.Sequence, m.Missed, next)
			}
			if m.Kind == Gap {
				gaps++
			}
			next = m.Sequence + 1
		}
	}
	for i := range 30 {
		publish(t, b, "c", fmt.Sprint(i+4))
		if i%7 == 0 {
			p.messages = 1 + i%3
			p.Ready()
			m.Run()
		}
	}
	for next < 34 {
		p.messages = 1
		p.Ready()
		m.Run()
	}
	publish(t, b, "c", "34")
	m.Run()
	if n := len(p.got); n == 0 || p.got[n-1] != "34" || gaps < 2 {
		t.Errorf("%d gaps, got %q", gaps, p.got)
	}
}

// TestAttachAgainAfterRefusal: a Subscription that was refused leaves nothing of its options behind.
func TestAttachAgainAfterRefusal(t *testing.T) {
	b, m := manualBroker(t, Options{MaxMembers: 1})
	ann := newListener(t, m.Group()).attach(b, "c", SubscribeOptions{Member: &Member{ID: "ann"}, Events: true})
	l := newListener(t, m.Group())
	bob := &Member{ID: "bob"}
	if err := b.Attach(&l.Subscription, "c", l, l.loop, SubscribeOptions{Member: bob, Events: true, Last: 3}); err == nil {
		t.Fatal("two members, and one allowed")
	}
	l.attach(b, "c", SubscribeOptions{})
	ann.Cancel()
	m.Run()
	l.want()
	l.Cancel()
	m.Run()
	watcher := newListener(t, m.Group()).attach(b, "c", SubscribeOptions{Events: true})
	newListener(t, m.Group()).attach(b, "c", SubscribeOptions{Member: bob})
	m.Run()
	watcher.want("+bob")
}

// TestForgottenChannelIsReborn: a position of a channel that was forgotten is of another life: that is told, and what the
// new life has comes.
func TestForgottenChannelIsReborn(t *testing.T) {
	b, m := manualBroker(t, Options{History: []HistoryRule{{Pattern: "*", Count: 10}}, MaxIdleChannels: -1})
	for range 5 {
		publish(t, b, "c", "old")
	}
	position := b.Channel("c", 0).Position
	if err := b.SetHistory(nil); err != nil { // the history was all that kept it
		t.Fatal(err)
	}
	if s := b.Stats(); s.Forgotten != 1 || s.IdleChannels != 0 {
		t.Errorf("%+v", s)
	}
	if err := b.SetHistory([]HistoryRule{{Pattern: "*", Count: 10}}); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"1", "2"} {
		publish(t, b, "c", text)
	}
	l := newListener(t, m.Group()).attach(b, "c", SubscribeOptions{After: &position})
	zero := newListener(t, m.Group()).attach(b, "c", SubscribeOptions{After: &Position{}})
	m.Run()
	l.want("gap of 0", "1", "2")
	zero.want("1", "2")
	if began := l.Began(); began.Epoch == position.Epoch || began.Sequence != 2 {
		t.Errorf("began at %v, after %v", began, position)
	}
}
