package pubsub

import (
	"hash/maphash"
	"sync"

	"github.com/troupe-go/troupe/pubsub/glob"
)

// A space holds the channels and patterns of one filter (feature S3). Nearly everything lives in that of filter 0.
type space struct {
	broker   *Broker
	filter   int16
	shards   []shard // a power of two
	maxIdle  int     // how much a shard remembers: see topic.weight
	patterns patternTable
}

// A shard is a part of a space's channels, by the hash of their names. Its lock gives the order: of the messages of a
// channel, and of who comes and goes among them. It is held for moments only, and never while foreign code runs,
// engines excepted, which must not block.
type shard struct {
	mu        sync.Mutex
	topics    map[string]*topic
	aging     map[*topic]struct{} // those whose messages grow too old
	engines   []*Inlet            // that are told of the shard's subscriptions
	kept      topicList           // without subscriptions, but with a history
	idle      topicList           // with neither, remembered for their sequence numbers
	published uint64
	_         [64]byte // a cache line at least between two
}

// A patternTable is the patterns of a space.
type patternTable struct {
	mu      sync.Mutex
	byName  map[string]*audience
	engines []*Inlet // that are told of the patterns
	index   glob.Index[*audience]
}

const (
	plainShards    = 256 // of the space of filter 0
	filteredShards = 4   // of each other
)

func newSpace(b *Broker, filter int16) *space {
	n := plainShards
	if filter != 0 {
		n = filteredShards
	}
	s := &space{broker: b, filter: filter, shards: make([]shard, n)}
	if filter == 0 {
		s.maxIdle = (max(0, b.options.MaxIdleChannels) + n - 1) / n
	}
	s.patterns.byName = make(map[string]*audience)
	for i := range s.shards {
		s.shards[i].topics = make(map[string]*topic)
	}
	return s
}

func (s *space) shard(name string) *shard {
	return &s.shards[maphash.String(s.broker.seed, name)&uint64(len(s.shards)-1)]
}

// obtain is the topic with the name, made if there is none. With the shard's lock.
func (s *space) obtain(sh *shard, name string) *topic {
	t := sh.topics[name]
	if t == nil {
		t = newTopic(s, name)
		sh.topics[t.name] = t
		sh.watchAge(t)
	}
	return t
}

// settle puts a topic into the list where it belongs, as the newest: needed ones into none, those that nobody has
// subscribed to but that have a history into kept, the others into idle, of which it forgets those for which there is no
// room. With the shard's lock.
func (s *space) settle(sh *shard, t *topic) {
	var list *topicList
	switch {
	case t.count.Load() > 0 || len(t.members) > 0:
	case t.history != nil && t.history.len() > 0:
		list = &sh.kept
	default:
		list = &sh.idle
	}
	if t.list != list || list != nil && list.newest != t {
		t.list.remove(t)
		list.add(t)
	}
	for list == &sh.idle && sh.idle.weight > s.maxIdle {
		old := sh.idle.oldest
		sh.idle.remove(old)
		delete(sh.topics, old.name)
		delete(sh.aging, old)
		s.broker.forgotten.Add(1)
	}
}

// giveUp empties the history of the channel that has gone longest without a message and a subscription. It reports false
// if there is none. With the shard's lock.
func (s *space) giveUp(sh *shard, but *topic) bool {
	t := sh.kept.oldest
	if t == but && t != nil {
		t = t.newer
	}
	if t == nil {
		return false
	}
	t.history.empty(s.broker)
	s.settle(sh, t)
	return true
}

// watchAge notes whether the janitor has to look after a topic. With the shard's lock.
func (sh *shard) watchAge(t *topic) {
	if t.history == nil || t.history.rule.Age == 0 {
		delete(sh.aging, t)
		return
	}
	if sh.aging == nil {
		sh.aging = make(map[*topic]struct{})
	}
	sh.aging[t] = struct{}{}
}

// space is the space of a filter, made if there is none.
func (b *Broker) space(filter int16) *space {
	if filter == 0 {
		return b.plain
	}
	if s, ok := b.filtered.Load(filter); ok {
		return s.(*space)
	}
	s, _ := b.filtered.LoadOrStore(filter, newSpace(b, filter))
	return s.(*space)
}

// spaceIf is the space of a filter, or nil if there is none.
func (b *Broker) spaceIf(filter int16) *space {
	if filter == 0 {
		return b.plain
	}
	s, _ := b.filtered.Load(filter)
	if s == nil {
		return nil
	}
	return s.(*space)
}

// spaces calls f for each space.
func (b *Broker) spaces(f func(*space)) {
	f(b.plain)
	b.filtered.Range(func(_, s any) bool {
		f(s.(*space))
		return true
	})
}

// eachShard calls f for each shard of each space, with its lock.
func (b *Broker) eachShard(f func(*space, *shard)) {
	b.spaces(func(s *space) {
		for i := range s.shards {
			sh := &s.shards[i]
			sh.mu.Lock()
			f(s, sh)
			sh.mu.Unlock()
		}
	})
}
