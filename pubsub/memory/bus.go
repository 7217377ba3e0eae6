// Package memory joins several brokers of one process, as the nodes of a cluster are joined by a server: for tests, and
// for programs that run several Systems. Messages are handed over at once, in the publisher's goroutine, so that the
// order of a publisher's messages on a channel is kept everywhere.
//
// Nothing is lost unless a broker refuses it, because it is behind: see [Stats].
package memory

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/pubsub"
	"github.com/troupe-go/troupe/pubsub/glob"
)

// ErrRefused: not every broker that wanted a message took it.
var ErrRefused = errors.New("memory: a broker refused a message")

// A Bus joins the brokers to which its engines are attached. The zero value joins none yet. Its methods are safe from
// any goroutine.
type Bus struct {
	mu      sync.RWMutex
	engines []*Engine // guarded by mu
}

// NewEngine makes an engine for one more broker.
func (b *Bus) NewEngine() *Engine {
	return &Engine{bus: b, names: make(map[string]struct{}), patterns: make(map[string]struct{})}
}

// An Engine is one broker's way to the bus. It can be attached to one broker, once.
type Engine struct {
	bus   *Bus
	inlet *pubsub.Inlet

	mu       sync.RWMutex
	names    map[string]struct{} // guarded by mu
	patterns map[string]struct{} // guarded by mu

	carried, delivered, refused atomic.Uint64
}

var _ pubsub.Engine = (*Engine)(nil)

// Stats describe an Engine.
type Stats struct {
	Channels, Patterns int    // that its broker has subscribed to, of the moment
	Carried            uint64 // messages that its broker has published
	Delivered          uint64 // messages of other brokers that its broker took
	Refused            uint64 // messages of other brokers that its broker refused
}

// Stats gathers the Engine's statistics.
func (e *Engine) Stats() Stats {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return Stats{len(e.names), len(e.patterns), e.carried.Load(), e.delivered.Load(), e.refused.Load()}
}

// Attached implements pubsub.Engine.
func (e *Engine) Attached(in *pubsub.Inlet) error {
	e.bus.mu.Lock()
	defer e.bus.mu.Unlock()
	if e.inlet != nil {
		return errors.New("memory: an Engine is for one broker")
	}
	e.inlet = in
	e.bus.engines = append(e.bus.engines, e)
	return nil
}

// Subscribe implements pubsub.Engine.
func (e *Engine) Subscribe(t pubsub.Topic) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.topics(t)[t.Name] = struct{}{}
}

// Unsubscribe implements pubsub.Engine.
func (e *Engine) Unsubscribe(t pubsub.Topic) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.topics(t), t.Name)
}

func (e *Engine) topics(t pubsub.Topic) map[string]struct{} {
	if t.Pattern {
		return e.patterns
	}
	return e.names
}

// Publish implements pubsub.Engine. It answers ErrRefused if a broker was behind.
func (e *Engine) Publish(channel string, payload []byte) error {
	e.carried.Add(1)
	e.bus.mu.RLock()
	defer e.bus.mu.RUnlock()
	var err error
	for _, other := range e.bus.engines {
		if other == e || !other.wants(channel) {
			continue
		}
		if _, refused := other.inlet.Deliver(channel, payload); refused != nil {
			other.refused.Add(1)
			err = ErrRefused
			continue
		}
		other.delivered.Add(1)
	}
	return err
}

// wants reports whether the engine's broker has subscribed to a channel, by name or pattern.
func (e *Engine) wants(channel string) bool {
	e.mu.RLock()
	defer e.mu.RUnlock()
	if _, ok := e.names[channel]; ok {
		return true
	}
	for pattern := range e.patterns {
		if glob.Match(pattern, channel) {
			return true
		}
	}
	return false
}

// Detached implements pubsub.Engine. It waits for deliveries that are under way.
func (e *Engine) Detached() {
	e.bus.mu.Lock()
	defer e.bus.mu.Unlock()
	for i, other := range e.bus.engines {
		if other == e {
			e.bus.engines = append(e.bus.engines[:i:i], e.bus.engines[i+1:]...)
		}
	}
}
