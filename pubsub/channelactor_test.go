package pubsub

import (
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
