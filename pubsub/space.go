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
	maxIdle  int     // topics that a shard remembers
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
	oldest    *topic              // of the idle ones
	newest    *topic
	idle      int
	published uint64
	_         [16]byte // two cache lines each
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
	s.maxIdle = (max(0, b.options.MaxIdleChannels) + n - 1) / n
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
		sh.topics[name] = t
		sh.watchAge(t)
	}
	return t
}

// settle puts a topic that is not needed into the list of idle ones, as the newest, takes one that is out of it, and
// forgets those for which there is no room. With the shard's lock.
func (s *space) settle(sh *shard, t *topic) {
	needed := t.needed()
	if t.idle && (needed || sh.newest != t) {
		sh.unlink(t)
	}
	if needed || t.idle {
		return
	}
	sh.link(t)
	for sh.idle > s.maxIdle {
		old := sh.oldest
		sh.unlink(old)
		delete(sh.topics, old.name)
		delete(sh.aging, old)
		s.broker.forgotten.Add(1)
	}
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

func (sh *shard) link(t *topic) {
	t.idle = true
	sh.idle++
	t.older = sh.newest
	if sh.newest != nil {
		sh.newest.newer = t
	} else {
		sh.oldest = t
	}
	sh.newest = t
}

func (sh *shard) unlink(t *topic) {
	t.idle = false
	sh.idle--
	if t.older != nil {
		t.older.newer = t.newer
	} else {
		sh.oldest = t.newer
	}
	if t.newer != nil {
		t.newer.older = t.older
	} else {
		sh.newest = t.older
	}
	t.older, t.newer = nil, nil
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

// spaces calls f for each space.
func (b *Broker) spaces(f func(*space)) {
	f(b.plain)
	b.filtered.Range(func(_, s any) bool {
		f(s.(*space))
		return true
	})
}
