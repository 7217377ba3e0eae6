package pubsub

import (
	"fmt"
	"slices"
	"sync"
)

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
	// Publish carries a message to the other nodes. It must neither block nor call the broker. payload is valid during the call. The calls of
	// one publisher on one channel come in order; others may come at the same time. An error is counted: the message is
	// lost to the other nodes.
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

// AttachEngine attaches an engine: it is told of all subscriptions that there are, and of every change from then on. Several
// engines may be attached; until SetDefault says otherwise, every message goes to all of them.
func (b *Broker) AttachEngine(e Engine) error {
	b.engineMu.Lock()
	defer b.engineMu.Unlock()
	inlets := b.inlets()
	if e == nil || slices.ContainsFunc(inlets, func(in *Inlet) bool { return in.engine == e }) {
		return fmt.Errorf("%w is nil or attached already", ErrEngine)
	}
	if b.closed.Load() {
		return ErrClosed
	}
	in := &Inlet{broker: b, engine: e}
	if err := e.Attached(in); err != nil {
		return fmt.Errorf("pubsub: attach engine: %w", err)
	}
	b.plain.eachTopic(in.subscribe, func(engines *[]*Inlet) { *engines = append(*engines, in) })
	inlets = append(slices.Clone(inlets), in)
	b.engines.Store(&inlets)
	return nil
}

// DetachEngine ends what AttachEngine began. It must not be called by the engine itself.
func (b *Broker) DetachEngine(e Engine) error {
	b.engineMu.Lock()
	defer b.engineMu.Unlock()
	for _, in := range b.inlets() {
		if in.engine == e {
			b.detach(in)
			return nil
		}
	}
	return fmt.Errorf("%w is not attached", ErrEngine)
}

// detach is DetachEngine with engineMu.
func (b *Broker) detach(in *Inlet) {
	without := func(list []*Inlet) []*Inlet {
		return slices.DeleteFunc(slices.Clone(list), func(other *Inlet) bool { return other == in })
	}
	inlets := without(b.inlets())
	b.engines.Store(&inlets)
	b.preferred.CompareAndSwap(in, nil)
	b.plain.eachTopic(func(Topic) {}, func(engines *[]*Inlet) { *engines = without(*engines) })
	in.carrying.Lock()
	in.detached = true
	in.carrying.Unlock()
	defer in.broker.hubs[0].recovered("Engine.Detached")
	in.engine.Detached()
}

// SetDefault says which of the attached engines carries what is published; nil means all of them. All still deliver.
func (b *Broker) SetDefault(e Engine) error {
	b.engineMu.Lock()
	defer b.engineMu.Unlock()
	if e == nil {
		b.preferred.Store(nil)
		return nil
	}
	for _, in := range b.inlets() {
		if in.engine == e {
			b.preferred.Store(in)
			return nil
		}
	}
	return fmt.Errorf("%w is not attached", ErrEngine)
}

func (b *Broker) inlets() []*Inlet {
	if list := b.engines.Load(); list != nil {
		return *list
	}
	return nil
}

// forward hands a message to the engines.
func (b *Broker) forward(p *Publication) {
	if in := b.preferred.Load(); in != nil {
		in.carry(p)
		return
	}
	for _, in := range b.inlets() {
		in.carry(p)
	}
}

func (in *Inlet) carry(p *Publication) {
	in.carrying.RLock()
	defer in.carrying.RUnlock()
	if in.detached {
		return
	}
	taken := false
	defer func() {
		if taken {
			in.broker.carried.Add(1)
		} else {
			in.broker.uncarried.Add(1)
		}
	}()
	defer in.broker.hubs[0].recovered("Engine.Publish")
	taken = in.engine.Publish(p.Channel, p.Payload) == nil
}
