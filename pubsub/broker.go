package pubsub

import (
	"hash/maphash"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/pubsub/glob"
	"github.com/troupe-go/troupe/reactor"
)

// A Broker is the publish/subscribe of one process. Its methods are safe from any goroutine.
type Broker struct {
	group   *reactor.Group
	options Options
	seed    maphash.Seed
	hubs    []*hub // one per loop
	janitor *janitor
	second  atomic.Int64 // the janitor's clock

	plain    *space   // filter 0
	filtered sync.Map // int16 -> *space
	rules    atomic.Pointer[rules]
	rulesMu  sync.Mutex

	engineMu  sync.Mutex
	engines   atomic.Pointer[[]*Inlet] // changed with engineMu
	preferred atomic.Pointer[Inlet]    // changed with engineMu

	freeMu sync.Mutex
	free   map[*callback]struct{} // guarded by freeMu

	closed       atomic.Bool
	patternCount atomic.Int64
	historyBytes atomic.Int64
	unkept       atomic.Uint64
	unheard      atomic.Uint64 // published with a filter that nobody has used
	forgotten    atomic.Uint64
	carried      atomic.Uint64
	uncarried    atomic.Uint64
	deadLetters  atomic.Uint64
}

// rules are Options.History, compiled.
type rules struct {
	list  []HistoryRule
	index glob.Index[int] // pattern -> the first rule with it
}

// New makes a Broker that delivers on the loops of a group. Bad options answer ErrBadOption.
func New(g *reactor.Group, o Options) (*Broker, error) {
	o, err := o.validate()
	if err != nil {
		return nil, err
	}
	b := &Broker{group: g, options: o, seed: maphash.MakeSeed(), free: make(map[*callback]struct{})}
	b.plain = newSpace(b, 0)
	for _, l := range g.Loops() {
		b.hubs = append(b.hubs, newHub(b, l))
	}
	b.janitor = newJanitor(b)
	b.rules.Store(compile(o.History))
	return b, nil
}

func compile(list []HistoryRule) *rules {
	if len(list) == 0 {
		return nil
	}
	r := &rules{list: slices.Clone(list)}
	for i := len(list) - 1; i >= 0; i-- {
		r.index.Set(list[i].Pattern, i)
	}
	return r
}

// SetHistory replaces Options.History. Channels keep of what they have as much as the new rules allow.
func (b *Broker) SetHistory(list []HistoryRule) error {
	if err := validateRules(list); err != nil {
		return err
	}
	b.rulesMu.Lock()
	defer b.rulesMu.Unlock()
	b.rules.Store(compile(list))
	b.eachShard(func(s *space, sh *shard) {
		for _, t := range sh.topics {
			t.reconsider()
			sh.watchAge(t)
			s.settle(sh, t)
		}
	})
	b.janitor.rouse()
	return nil
}

// ruleFor is the rule for a channel's history, or nil. With a filter there is none.
func (s *space) ruleFor(name string) *HistoryRule {
	r := s.broker.rules.Load()
	if r == nil || s.filter != 0 {
		return nil
	}
	first := -1
	for _, i := range r.index.Match(name) {
		if first < 0 || i < first {
			first = i
		}
	}
	if first < 0 {
		return nil
	}
	return &r.list[first]
}

// report tells of a panic.
func (b *Broker) report(where string, value any) {
	if b.options.OnFailure == nil {
		return
	}
	defer func() { recover() }() // it is the last resort
	b.options.OnFailure(where, value, debug.Stack())
}

// wake gives turns to hubs for which post said so.
func (b *Broker) wake(hubs hubBits) {
	for i := range hubs.each {
		b.hubs[i].cell.Wake()
	}
}

// Close ends the Broker: publishing and subscribing are refused from now on, engines are detached, and the
// subscriptions of functions and Go channels are cancelled. What was published is delivered, except that a Go channel gets
// no more than it has room for. Connections cancel theirs when they end.
func (b *Broker) Close() {
	if b.closed.Swap(true) {
		return
	}
	b.engineMu.Lock() // an engine that is being attached meanwhile is there then
	for _, in := range b.inlets() {
		b.detach(in)
	}
	b.engineMu.Unlock()
	b.freeMu.Lock()
	var free []*callback
	for c := range b.free {
		free = append(free, c)
	}
	b.freeMu.Unlock()
	for _, c := range free {
		c.subscription.Cancel()
	}
	b.eachShard(func(_ *space, sh *shard) {
		for _, t := range sh.topics {
			if t.history != nil {
				t.history.empty(b)
			}
		}
	})
}
