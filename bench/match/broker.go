package match

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/pubsub"
	"github.com/troupe-go/troupe/reactor"
)

// brokerPublish is the name of the row of all of troupe's pub/sub.
const brokerPublish = "pubsub.Broker.Publish and delivery"

// broker is troupe's pub/sub with a set's patterns on one loop. Subscribers
// count what they get, where a connection would write it.
type broker struct {
	system *actor.ActorSystem
	group  *reactor.Group
	broker *pubsub.Broker
	// due is how many deliveries are still to come of what was published; it is
	// negative while that is not known yet.
	due  atomic.Int64
	done chan struct{}
}

func startBroker(s *standing) (*broker, error) {
	quiet := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.DiscardHandler) }
	b := &broker{system: actor.NewActorSystem(actor.WithLoggerFactory(quiet)), done: make(chan struct{}, 1)}
	var err error
	if b.group, err = reactor.Start(reactor.Options{Loops: 1, System: b.system}); err != nil {
		b.system.Shutdown()
		return nil, err
	}
	b.broker, err = pubsub.New(b.group, pubsub.Options{})
	for i := 0; err == nil && i < len(s.patterns); i++ {
		err = b.broker.Attach(new(pubsub.Subscription), s.patterns[i].glob, b, b.group.Next(), pubsub.SubscribeOptions{Pattern: true})
	}
	if err != nil {
		b.stop()
		return nil, err
	}
	return b, nil
}

func (b *broker) stop() {
	if b.broker != nil {
		b.broker.Close()
	}
	_ = b.group.Stop(context.Background())
	b.system.Shutdown()
}

// Deliver implements pubsub.Subscriber.
func (b *broker) Deliver(_ *pubsub.Subscription, run *pubsub.Run) (dropped int) {
	b.settle(-len(run.Messages()))
	return 0
}

// Unsubscribed implements pubsub.Subscriber.
func (b *broker) Unsubscribed(*pubsub.Subscription) {}

func (b *broker) settle(deliveries int) {
	if deliveries != 0 && b.due.Add(int64(deliveries)) == 0 {
		b.done <- struct{}{}
	}
}

// publish publishes to each name and waits until all is delivered.
func (b *broker) publish(names []string) error {
	payload := []byte("x")
	deliveries := 0
	for _, name := range names {
		receivers, err := b.broker.Publish(name, payload)
		if err != nil {
			return err
		}
		deliveries += receivers
	}
	if deliveries > 0 {
		b.settle(deliveries)
		<-b.done
	}
	return nil
}

// contender measures one who publishes, and the loop, which work at the same
// time.
func (b *broker) contender(s *standing) contender {
	return contender{brokerPublish, func(d time.Duration) (float64, error) {
		before := processTime()
		n := 0
		for ; processTime()-before < d; n += len(s.names) {
			if err := b.publish(s.names); err != nil {
				return 0, err
			}
		}
		return mean(processTime()-before, n), nil
	}}
}

func (b *broker) verify(s *standing) error {
	for _, name := range s.checked() {
		got, err := b.broker.Publish(name, []byte("x"))
		if err != nil {
			return err
		}
		if want := s.count(name); got != want {
			return fmt.Errorf("pubsub.Broker, %d patterns: %q matches %d, not %d", len(s.patterns), name, got, want)
		}
		if got > 0 {
			b.settle(got)
			<-b.done
		}
	}
	return nil
}
