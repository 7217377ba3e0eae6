package pubsub

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// A watch is an actor that tells when what it watches has ended.
func watch(t testing.TB, pid *actor.PID) <-chan *actor.PID {
	t.Helper()
	ended, watching := make(chan *actor.PID, 1), make(chan struct{})
	self := testSystem().Root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		switch m := c.Message().(type) {
		case *actor.Started:
			c.Watch(pid)
			close(watching)
		case *actor.Terminated:
			ended <- m.Who
		}
	}))
	t.Cleanup(func() { testSystem().Root.StopFuture(self).Wait() })
	await(t, watching, "the watcher")
	return ended
}

// TestPIDEndsWithLastSubscription: also if the channel has a history, which stays.
func TestPIDEndsWithLastSubscription(t *testing.T) {
	b, g := startBroker(t, 2, kept(5))
	l := newListener(t, g).attach(b, "c", SubscribeOptions{})
	publish(t, b, "c", "kept")
	pid := b.PID("c")
	ended := watch(t, pid)
	l.Cancel()
	if who := await(t, ended, "Terminated"); !who.Equal(pid) {
		t.Error(who)
	}
	if b.PID("c") != nil || b.Channel("c", 0).Address {
		t.Error("it still has an address")
	}
}

// TestPIDPublishes: Publications sent to a channel's PID are published there, in order, whatever channel they name; what is
// no Publication, and what is refused, is counted.
func TestPIDPublishes(t *testing.T) {
	b, g := startBroker(t, 2, Options{})
	if b.PID("c") != nil {
		t.Error("a channel without subscriptions has a PID")
	}
	pattern := newListener(t, g).attach(b, "*", SubscribeOptions{Pattern: true})
	if b.PID("c") != nil {
		t.Error("a channel with patterns only has a PID")
	}
	l := newListener(t, g)
	done := make(chan struct{})
	var got []string
	l.onText = func(text string) {
		if got = append(got, text); text == "end" {
			close(done)
		}
	}
	l.attach(b, "c", SubscribeOptions{})
	pid := b.PID("c")
	if again := b.PID("c"); again != pid || !b.Channel("c", 0).Address {
		t.Errorf("%v and %v", pid, again)
	}
	root := testSystem().Root
	var want []string
	for i := range 500 {
		want = append(want, fmt.Sprint(i))
		root.Send(pid, Publication{Channel: "elsewhere", Filter: 5, Payload: []byte(want[i])})
	}
	root.Send(pid, Publication{Payload: []byte("end")})
	await(t, done, "the last Publication")
	if want = append(want, "end"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
	me := &owner{id: NewOwnerID()}
	me.attach(b, newListener(t, g), "c", SubscribeOptions{})
	other := make(chan string, 1)
	s, err := b.Subscribe("c", func(m *Message) { other <- string(m.Payload()) }, SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	done = make(chan struct{})
	root.Send(pid, Publication{Payload: []byte("end"), Exclude: me})
	if text := await(t, other, "what excludes another"); text != "end" {
		t.Error(text)
	}
	s.Cancel()
	for _, l := range []*listener{l, pattern} {
		l.Cancel()
		await(t, l.gone, "Unsubscribed")
	}
	pattern.want(append(want, "end")...)
	me.own[0].Cancel()
	eventually(t, "the channel has no address", func() bool { return b.PID("c") == nil })
}

// TestPIDOfNextLife: who has subscribed after the end of an address gets another one, and the old one is dead.
func TestPIDOfNextLife(t *testing.T) {
	b, g := startBroker(t, 2, Options{})
	var last *actor.PID
	for range 20 {
		l := newListener(t, g).attach(b, "c", SubscribeOptions{})
		pid := b.PID("c")
		if pid.Equal(last) {
			t.Error("an address was used again")
		}
		ended := watch(t, pid)
		l.Cancel()
		await(t, ended, "Terminated")
		await(t, watch(t, pid), "Terminated for who watches it afterwards")
		last = pid
	}
}

// TestPIDRacesWithLastCancel: an address is that of a channel with subscriptions, and it ends, whatever the order of
// things.
func TestPIDRacesWithLastCancel(t *testing.T) {
	b, g := startBroker(t, 2, Options{MaxIdleChannels: -1})
	root := testSystem().Root
	for range 300 {
		l := newListener(t, g).attach(b, "c", SubscribeOptions{})
		var racing sync.WaitGroup
		var pid *actor.PID
		racing.Go(func() {
			if pid = b.PID("c"); pid != nil {
				root.Send(pid, Publication{Payload: []byte("x")})
			}
		})
		racing.Go(l.Cancel)
		racing.Wait()
		if pid != nil {
			await(t, watch(t, pid), "Terminated")
		}
		if b.PID("c") != nil {
			t.Fatal("an address without subscriptions")
		}
		await(t, l.gone, "Unsubscribed")
	}
}

// TestPIDIsNotStoppedByOthers: only the channel's end ends it.
func TestPIDIsNotStoppedByOthers(t *testing.T) {
	b, g := startBroker(t, 1, Options{})
	l := newListener(t, g)
	heard := make(chan string, 10)
	l.onText = func(text string) { heard <- text }
	l.attach(b, "c", SubscribeOptions{})
	root, pid := testSystem().Root, b.PID("c")
	root.Stop(pid)
	root.Poison(pid)
	root.Send(pid, "no Publication")
	root.Send(pid, nil)
	root.Send(pid, Publication{Payload: []byte("x")})
	if text := await(t, heard, "the Publication"); text != "x" {
		t.Error(text)
	}
	ended := watch(t, pid)
	l.Cancel()
	await(t, ended, "Terminated")
}
