package pubsub

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
)

// watch lets an actor watch another, and returns when it does.
func watch(t *testing.T, pid *actor.PID) <-chan *actor.Terminated {
	t.Helper()
	root := testSystem().Root
	watching, over := make(chan struct{}), make(chan *actor.Terminated, 4)
	watcher := root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		switch m := c.Message().(type) {
		case *actor.Started:
			c.Watch(pid)
			close(watching)
		case *actor.Terminated:
			over <- m
		}
	}))
	t.Cleanup(func() { root.StopFuture(watcher).Wait() })
	await(t, watching, "the watcher")
	return over
}

// TestChannelPID: a channel is an actor while somebody is subscribed: it takes Publish and can be watched, and ends
// with the last subscription only.
func TestChannelPID(t *testing.T) {
	b, _ := startBroker(t, 1)
	if b.PID("a") != nil {
		t.Error("a channel without subscribers has a PID")
	}
	one, two := newListener(t), newListener(t)
	first, second := subscribe(t, b, "a", one), subscribe(t, b, "a", two)
	pid := b.PID("a")
	if pid == nil || !pid.Equal(b.PID("a")) {
		t.Fatal("no PID, or more than one")
	}
	over := watch(t, pid)
	root := testSystem().Root
	root.Send(pid, Publish{[]byte("sent")})
	root.Request(pid, Publish{[]byte("requested")})
	root.Send(pid, "nonsense")
	root.Send(pid, Publish{make([]byte, MaxPayload+1)})
	root.Poison(pid) // ignored: a channel ends with its subscriptions
	root.Stop(pid)
	publish(t, b, "a", "published")
	first.Cancel()
	await(t, one.gone, "Unsubscribed")
	select {
	case <-over:
		t.Error("terminated while somebody is subscribed")
	default:
	}
	second.Cancel()
	await(t, two.gone, "Unsubscribed")
	if m := await(t, over, "Terminated"); !m.Who.Equal(pid) {
		t.Errorf("%v has terminated", m.Who)
	}
	if !slices.Equal(two.got, []string{"sent", "requested", "published"}) {
		t.Errorf("got %q", two.got)
	}
	if b.PID("a") != nil {
		t.Error("the channel is over and has a PID")
	}
	await(t, watch(t, pid), "Terminated of who is over already")
	root.Send(pid, Publish{[]byte("late")}) // to nobody
}

// TestChannelPIDRace asks for the PID while the last subscriber leaves: whoever gets one and watches is told the end.
func TestChannelPIDRace(t *testing.T) {
	b, _ := startBroker(t, 2)
	for i := range 300 {
		name := fmt.Sprint(i % 3)
		l := newListener(t)
		s := subscribe(t, b, name, l)
		var running sync.WaitGroup
		var pid *actor.PID
		running.Go(func() { pid = b.PID(name) })
		running.Go(s.Cancel)
		running.Wait()
		if pid != nil {
			await(t, watch(t, pid), "Terminated")
		}
		await(t, l.gone, "Unsubscribed")
	}
}

// TestCloseThenStop: what was published before the loops stop is delivered, and nothing leaks.
func TestCloseThenStop(t *testing.T) {
	b, g := startBroker(t, 1)
	l := newListener(t)
	subscribe(t, b, "a", l)
	for range 500 {
		publish(t, b, "a", "x")
	}
	b.Close()
	if err := g.Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
	if len(l.got) != 500 {
		t.Errorf("%d delivered", len(l.got))
	}
}

// TestInsideCallbacks: subscribers may publish, subscribe and cancel from within their callbacks, on the same channel.
func TestInsideCallbacks(t *testing.T) {
	b, _ := startBroker(t, 1)
	first, second := newListener(t), newListener(t)
	var s, next *Subscription
	ready := make(chan struct{})
	first.onText = func(text string) {
		<-ready
		switch text {
		case "1":
			publish(t, b, "a", "2")
			next = subscribe(t, b, "a", second)
			publish(t, b, "a", "3")
		case "2":
			s.Cancel()
			s.Cancel()
		case "3":
			publish(t, b, "a", "4") // the cancellation is on its way: for the second only
		}
	}
	s = subscribe(t, b, "a", first)
	close(ready)
	publish(t, b, "a", "1")
	await(t, first.gone, "Unsubscribed")
	next.Cancel()
	await(t, second.gone, "Unsubscribed")
	if !slices.Equal(second.got, []string{"3", "4"}) {
		t.Errorf("the second got %q", second.got)
	}
}
