package pubsub

import (
	"math/rand/v2"
	"strings"
	"sync/atomic"
)

// An audience is who has subscribed to one name or to one pattern. It knows how many they are and on which loops;
// the lists are the hubs'.
type audience struct {
	space *space
	name  string
	count atomic.Int64 // subscriptions; changed with the lock of the shard or the pattern table
	watch atomic.Int64 // those that want events; changed with the same lock
	hubs  hubSet       // those that have or had some of them; changed with the same lock
	isPat bool
}

// A topic is a channel: what gives its messages their order. It exists while it has subscriptions or a history, and
// then a while longer, as long as Options.MaxIdleChannels allows. Its shard's lock guards it.
type topic struct {
	audience
	epoch    uint64
	sequence uint64 // of the last message
	history  *history
	members  map[string]*Presence
	address  *channelActor
	rate     rate

	list         *topicList // of the shard, in which it is; nil while it is needed
	older, newer *topic
}

func newTopic(s *space, name string) *topic {
	t := &topic{audience: audience{space: s, name: strings.Clone(name)}, epoch: newEpoch()}
	if rule := s.ruleFor(name); rule != nil {
		t.history = &history{rule: *rule}
	}
	return t
}

func newEpoch() uint64 {
	for {
		if e := rand.Uint64(); e != 0 {
			return e
		}
	}
}

// weight is how many idle topics it counts as: one, and one more for every 256 bytes of its name.
func (t *topic) weight() int { return 1 + len(t.name)/256 }

// A rate counts messages by the second. With the shard's lock.
type rate struct {
	second    int64 // of the broker's clock
	now, last uint32
}

func (r *rate) count(second int64) {
	if second != r.second {
		r.turn(second)
	}
	r.now++
}

func (r *rate) turn(second int64) {
	if r.last = 0; second == r.second+1 {
		r.last = r.now
	}
	r.second, r.now = second, 0
}

// read is how many messages came in the last full second.
func (r rate) read(second int64) int {
	if second != r.second {
		r.turn(second)
	}
	return int(r.last)
}
