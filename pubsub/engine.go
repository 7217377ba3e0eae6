package pubsub

import "sync"

// An Engine carries messages between the brokers of several nodes (feature S8). It is told to which channels and
// patterns this node has subscriptions, once for each however many they are, carries what is published here to the other
// nodes, and hands what is published there to its Inlet. Filters other than 0 never reach it.
//
// Subscribe and Unsubscribe are called with locks of the broker held: they must return at once, not call the broker, and
// leave the work to the engine's own goroutines. For one Topic they are called in turn.
type Engine interface {
	// Attached is called once, before all other methods, with what the engine delivers to. An error keeps it from being
	// attached.
	Attached(in *Inlet) error
	// Subscribe says that this node wants the messages of a channel or pattern from now on.
	Subscribe(t Topic)
	// Unsubscribe says that it does not any more.
	Unsubscribe(t Topic)
	// Publish carries a message to the other nodes. It must neither block nor call the broker. payload is valid during
	// the call. The calls of one publisher on one channel come in order; others may come at the same time. An error is
	// counted: the message is lost to the other nodes.
	Publish(channel string, payload []byte) error
	// Detached is called once, at the end, when no other call is under way. The engine must not deliver any more after it
	// has returned.
	Detached()
}

// A Topic is what an Engine subscribes to.
type Topic struct {
	Name    string
	Pattern bool
}

// An Inlet is where an engine delivers what was published on other nodes.
type Inlet struct {
	broker *Broker
	engine Engine

	carrying sync.RWMutex // held while the engine publishes
	detached bool         // guarded by carrying
}

// Deliver publishes a message to the subscriptions of this node only. The order of calls is that of deliveries; so an
// engine that keeps the order of publishers keeps it to the end. It answers like Broker.Publish. Safe from any
// goroutine.
func (in *Inlet) Deliver(channel string, payload []byte) (receivers int, err error) {
	return in.broker.Send(Publication{Channel: channel, Payload: payload, Scope: Here})
}

// Topics calls f for everything this node has subscribed to: for an engine that has lost its connection and starts
// over. Subscribe and Unsubscribe may be called meanwhile for what f was not or was called for.
func (in *Inlet) Topics(f func(Topic)) {
	in.broker.plain.eachTopic(f, nil)
}

// eachTopic calls f for every topic and pattern with subscriptions. locked, if it is not nil, is called with the engines
// of each part before, with its lock; f is called with the lock too.
func (s *space) eachTopic(f func(Topic), locked func(*[]*Inlet)) {
	for i := range s.shards {
		s.shards[i].eachTopic(f, locked)
	}
	p := &s.patterns
	p.mu.Lock()
	defer p.mu.Unlock()
	if locked != nil {
		locked(&p.engines)
	}
	for name := range p.byName {
		f(Topic{Name: name, Pattern: true})
	}
}

func (sh *shard) eachTopic(f func(Topic), locked func(*[]*Inlet)) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	if locked != nil {
		locked(&sh.engines)
	}
	for _, t := range sh.topics {
		if t.count.Load() > 0 {
			f(Topic{Name: t.name})
		}
	}
}

// subscribe tells the engine. One that panics must not leave a lock behind.
func (in *Inlet) subscribe(t Topic) {
	defer in.broker.hubs[0].recovered("Engine.Subscribe")
	in.engine.Subscribe(t)
}

func (in *Inlet) unsubscribe(t Topic) {
	defer in.broker.hubs[0].recovered("Engine.Unsubscribe")
	in.engine.Unsubscribe(t)
}
