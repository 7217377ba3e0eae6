package pubsub

import "testing"

// TestExclude: a publisher that names an owner reaches everybody but the owner's subscriptions, whatever they are to, and
// is told how many that were.
func TestExclude(t *testing.T) {
	b, m := manualBroker(t, Options{})
	g := m.Group()
	me := &owner{id: NewOwnerID()}
	mine, pattern := newListener(t, g), newListener(t, g)
	me.attach(b, mine, "a", SubscribeOptions{})
	me.attach(b, pattern, "?", SubscribeOptions{Pattern: true})
	other := newListener(t, g).attach(b, "a", SubscribeOptions{})
	stranger := &owner{id: NewOwnerID()}
	for who, want := range map[Owner]int{nil: 3, me: 1, stranger: 3} {
		if n, err := b.Send(Publication{Channel: "a", Payload: []byte("x"), Exclude: who}); n != want || err != nil {
			t.Errorf("Send without %v = %d, %v, want %d", who, n, err, want)
		}
	}
	m.Run()
	mine.want("x", "x")
	pattern.want("x", "x")
	other.want("x", "x", "x")
	mine.Cancel()
	if n, _ := b.Send(Publication{Channel: "a", Payload: []byte("x"), Exclude: me}); n != 1 {
		t.Errorf("%d receivers after a Cancel", n)
	}
	m.Run()
	other.want("x")
	if s := b.Stats(); s.Delivered != 8 || s.Dropped != 0 {
		t.Errorf("%+v", s)
	}
}

// TestExcludeRacesWithPattern: a pattern's subscriptions come and go without the lock of the channel, also between the
// counting of those whom a message reaches and of those who are excluded. Nobody else may miss the message for it. The
// moment is brought about from inside Owner.Subscriptions, in place of another goroutine.
func TestExcludeRacesWithPattern(t *testing.T) {
	b, m := manualBroker(t, Options{})
	other := newListener(t, m.Group()).attach(b, "*", SubscribeOptions{Pattern: true})
	late := newListener(t, m.Group())
	racing := &racingOwner{owner: owner{id: NewOwnerID()}, race: func(o *racingOwner) {
		o.attach(b, late, "*", SubscribeOptions{Pattern: true})
	}}
	n, err := b.Send(Publication{Channel: "a", Payload: []byte("x"), Exclude: racing})
	if n < 0 || n > 1 || err != nil { // what changes while it is counted may be counted or not
		t.Errorf("Send = %d, %v", n, err)
	}
	m.Run()
	other.want("x")
	late.want()
}

// A racingOwner subscribes once more while it is asked for its subscriptions.
type racingOwner struct {
	owner
	race func(*racingOwner)
}

func (o *racingOwner) Subscriptions(f func(*Subscription)) {
	o.race(o)
	o.owner.Subscriptions(f)
}

// TestExcludeFromHistory: a message from which an owner is excluded is kept for the others, also if there are none. The
// owner does not get it from the history either, unless it subscribed later: then it asks for the past, and has said it
// itself.
func TestExcludeFromHistory(t *testing.T) {
	b, m := manualBroker(t, kept(10))
	me := &owner{id: NewOwnerID()}
	send := func(text string) {
		t.Helper()
		if _, err := b.Send(Publication{Channel: "c", Payload: []byte(text), Exclude: me}); err != nil {
			t.Fatal(err)
		}
	}
	send("a")
	send("b")
	publish(t, b, "c", "for all")
	mine := me.attach(b, newListener(t, m.Group()), "c", SubscribeOptions{Last: 10})
	other := newListener(t, m.Group()).attach(b, "c", SubscribeOptions{Last: 10})
	send("c") // in the history already when the replay begins
	publish(t, b, "c", "for all")
	m.Run()
	send("d")
	publish(t, b, "c", "for all")
	m.Run()
	other.want("a", "b", "for all", "c", "for all", "d", "for all")
	mine.want("a", "b", "for all", "for all", "for all")
}
