package pubsub

import (
	"fmt"
	"slices"
)

// AttachEngine attaches an engine: it is told of all subscriptions that there are, and of every change from then on. Several
// engines may be attached; until SetDefault says otherwise, every message goes to all of them.
func (b *Broker) AttachEngine(e Engine) error {
	b.engineMu.Lock()
	defer b.engineMu.Unlock()
	if e == nil || b.inletOf(e) != nil {
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
	inlets := append(slices.Clone(b.inlets()), in)
	b.engines.Store(&inlets)
	return nil
}

// DetachEngine ends what AttachEngine began. It must not be called by the engine itself.
func (b *Broker) DetachEngine(e Engine) error {
	b.engineMu.Lock()
	defer b.engineMu.Unlock()
	in := b.inletOf(e)
	if in == nil {
		return fmt.Errorf("%w is not attached", ErrEngine)
	}
	b.detach(in)
	return nil
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
	var in *Inlet
	if e != nil {
		if in = b.inletOf(e); in == nil {
			return fmt.Errorf("%w is not attached", ErrEngine)
		}
	}
	b.preferred.Store(in)
	return nil
}

func (b *Broker) inlets() []*Inlet {
	if list := b.engines.Load(); list != nil {
		return *list
	}
	return nil
}

// inletOf is the inlet of an attached engine, or nil.
func (b *Broker) inletOf(e Engine) *Inlet {
	for _, in := range b.inlets() {
		if in.engine == e {
			return in
		}
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
