package pubsub_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
)

// reader is a Subscriber that is no connection. Its methods run in the channel's turn, so it leaves the work to another
// goroutine: the one that receives from the channels.
type reader struct {
	texts chan string
	gone  chan struct{}
}

func newReader() *reader { return &reader{texts: make(chan string, 16), gone: make(chan struct{})} }

func (r *reader) Deliver(_ *pubsub.Subscription, m *pubsub.Message) {
	r.texts <- fmt.Sprintf("%s %d: %s", m.Channel, m.Sequence, m.Payload()) // a copy: the bytes are shared
}

func (r *reader) Unsubscribed(*pubsub.Subscription) { close(r.gone) }

// exampleSystem starts a System for its Broker.
func exampleSystem() *actors.System {
	system, err := actors.Start(actors.Options{Loops: 2, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	return system
}

// Messages of one publisher on one channel arrive in order; after Cancel what was published before still comes.
func ExampleBroker() {
	system := exampleSystem()
	defer system.Shutdown(context.Background())
	broker := system.Broker()

	r := newReader()
	subscription, err := broker.Subscribe("news", r)
	if err != nil {
		panic(err)
	}
	fmt.Println(broker.Publish("news", []byte("one")))
	fmt.Println(broker.Publish("news", []byte("two")))
	fmt.Println(broker.Publish("sports", []byte("nobody has subscribed")))
	subscription.Cancel()
	fmt.Println(<-r.texts)
	fmt.Println(<-r.texts)
	<-r.gone

	_, err = broker.Publish("", nil)
	fmt.Println(errors.Is(err, pubsub.ErrName))
	// Output:
	// 1 <nil>
	// 1 <nil>
	// 0 <nil>
	// news 1: one
	// news 2: two
	// true
}

// A channel is an actor: what any protoactor actor sends to its PID is published.
func ExampleBroker_PID() {
	system := exampleSystem()
	defer system.Shutdown(context.Background())
	r := newReader()
	subscription, err := system.Broker().Subscribe("news", r)
	if err != nil {
		panic(err)
	}
	system.Root().Send(system.Broker().PID("news"), pubsub.Publish{Payload: []byte("from an actor")})
	fmt.Println(<-r.texts)
	subscription.Cancel()
	<-r.gone
	fmt.Println(system.Broker().PID("sports") == nil) // nobody has subscribed
	// Output:
	// news 1: from an actor
	// true
}
