package pubsub_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
	"github.com/troupe-go/troupe/pubsub/memory"
)

// exampleSystem starts a System for its Broker.
func exampleSystem(o pubsub.Options) (*actors.System, *pubsub.Broker) {
	system, err := actors.Start(actors.Options{Loops: 2, Logger: slog.New(slog.DiscardHandler), PubSub: o})
	if err != nil {
		panic(err)
	}
	return system, system.Broker()
}

// A function is called with the messages of a channel, or of all channels that match a pattern.
func ExampleBroker_Subscribe() {
	system, broker := exampleSystem(pubsub.Options{})
	defer system.Shutdown(context.Background())

	gone := make(chan struct{})
	subscription, err := broker.Subscribe("news.*", func(m *pubsub.Message) {
		fmt.Printf("%s %d: %s\n", m.Channel, m.Sequence, m.Payload())
	}, pubsub.SubscribeOptions{Pattern: true, OnUnsubscribed: func(*pubsub.Subscription) { close(gone) }})
	if err != nil {
		panic(err)
	}
	broker.Publish("news.sport", []byte("one"))
	broker.Publish("news.sport", []byte("two"))
	broker.Publish("news.music", []byte("three"))
	subscription.Cancel() // what was published before still comes
	<-gone
	// Output:
	// news.sport 1: one
	// news.sport 2: two
	// news.music 1: three
}

// Messages from a Go channel own their bytes. Publish says how many subscriptions it reaches.
func ExampleBroker_SubscribeChan() {
	system, broker := exampleSystem(pubsub.Options{})
	defer system.Shutdown(context.Background())

	subscription, messages, err := broker.SubscribeChan("news", 16, pubsub.SubscribeOptions{})
	if err != nil {
		panic(err)
	}
	fmt.Println(broker.Publish("news", []byte("hello")))
	fmt.Println(broker.Publish("sport", []byte("nobody has subscribed")))
	fmt.Printf("%s\n", (<-messages).Payload())
	subscription.Cancel()
	_, open := <-messages
	fmt.Println(open)

	_, err = broker.Publish("", []byte("no name"))
	fmt.Println(errors.Is(err, pubsub.ErrName))
	// Output:
	// 1 <nil>
	// 0 <nil>
	// hello
	// false
	// true
}

// A reader that comes back goes on where it was.
func ExampleSubscribeOptions_after() {
	system, broker := exampleSystem(pubsub.Options{History: []pubsub.HistoryRule{{Pattern: "room.*", Count: 3}}})
	defer system.Shutdown(context.Background())

	read := func(after pubsub.Position) (last pubsub.Position) {
		subscription, messages, err := broker.SubscribeChan("room.1", 16, pubsub.SubscribeOptions{After: &after})
		if err != nil {
			panic(err)
		}
		for m := range messages {
			if m.Kind == pubsub.Gap {
				fmt.Println(m.Missed, "are missing")
			} else {
				fmt.Printf("%d: %s\n", m.Sequence, m.Payload())
			}
			last = m.Position
			if m.Position.Sequence == broker.Channel("room.1", 0).Position.Sequence {
				subscription.Cancel()
			}
		}
		return last
	}
	broker.Publish("room.1", []byte("a"))
	broker.Publish("room.1", []byte("b"))
	position := read(pubsub.Position{}) // the zero Position is before everything that there is
	for _, text := range []string{"c", "d", "e", "f"} {
		broker.Publish("room.1", []byte(text))
	}
	read(position)
	// Output:
	// 1: a
	// 2: b
	// 1 are missing
	// 4: d
	// 5: e
	// 6: f
}

// Who is present is known by the subscriptions that say so.
func ExampleBroker_Members() {
	system, broker := exampleSystem(pubsub.Options{})
	defer system.Shutdown(context.Background())

	gone := make(chan struct{})
	watcher, _ := broker.Subscribe("room.1", func(m *pubsub.Message) {
		if m.Member != nil {
			fmt.Println(m.Member.ID, m.Kind)
		}
	}, pubsub.SubscribeOptions{Events: true, OnUnsubscribed: func(*pubsub.Subscription) { close(gone) }})

	ann, _ := broker.Subscribe("room.1", func(*pubsub.Message) {}, pubsub.SubscribeOptions{Member: &pubsub.Member{ID: "ann"}})
	there := broker.Members("room.1")
	ann.Cancel()
	watcher.Cancel()
	<-gone
	for _, member := range there {
		fmt.Println(member.ID, "was there")
	}
	// Output:
	// ann joined
	// ann left
	// ann was there
}

// A channel is an actor: what any protoactor actor sends to its PID is published.
func ExampleBroker_PID() {
	system, broker := exampleSystem(pubsub.Options{})
	defer system.Shutdown(context.Background())

	_, messages, err := broker.SubscribeChan("news", 1, pubsub.SubscribeOptions{})
	if err != nil {
		panic(err)
	}
	system.Root().Send(broker.PID("news"), pubsub.Publication{Payload: []byte("from an actor")})
	fmt.Printf("%s\n", (<-messages).Payload())
	fmt.Println(broker.PID("sports") == nil) // nobody has subscribed
	// Output:
	// from an actor
	// true
}

// An engine carries messages between brokers.
func ExampleBroker_AttachEngine() {
	here, one := exampleSystem(pubsub.Options{})
	defer here.Shutdown(context.Background())
	there, two := exampleSystem(pubsub.Options{})
	defer there.Shutdown(context.Background())

	var bus memory.Bus
	for _, broker := range []*pubsub.Broker{one, two} {
		if err := broker.AttachEngine(bus.NewEngine()); err != nil {
			panic(err)
		}
	}
	_, messages, err := two.SubscribeChan("news", 1, pubsub.SubscribeOptions{})
	if err != nil {
		panic(err)
	}
	fmt.Println(one.Publish("news", []byte("hello"))) // nobody here
	fmt.Printf("%s\n", (<-messages).Payload())
	// Output:
	// 0 <nil>
	// hello
}
