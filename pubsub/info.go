package pubsub

import (
	"iter"

	"github.com/troupe-go/troupe/pubsub/glob"
)

// Stats describe a Broker. Numbers are since its start unless they are said to be of the moment.
type Stats struct {
	Channels      int // with subscriptions or history, of the moment
	IdleChannels  int // remembered for their sequence numbers, of the moment
	Patterns      int // with subscriptions, of the moment
	Subscriptions int // of the moment
	Members       int // present, of the moment
	Waiting       int // messages for the loops' turns, of the moment; one that waits for two loops counts twice
	WaitingBytes  int
	HistoryBytes  int // of the moment

	Published uint64 // accepted by Publish
	Runs      uint64 // deliveries to loops; each has one message or more
	Delivered uint64 // messages that subscribers took, each counted as often as it was taken
	Replayed  uint64 // of these: from histories
	Carried   uint64 // messages handed to engines

	Refused   uint64 // by Publish with ErrBacklog
	Dropped   uint64 // not taken by a subscriber, because it is slow or over: see Subscription.Dropped
	Gaps      uint64 // replays that found something missing
	Unkept    uint64 // published, but not kept in the channel's history, for want of room
	Forgotten uint64 // idle channels given up, whose sequence numbers begin anew
	Uncarried uint64 // refused by engines
	Failures  uint64 // functions, encoders and subscribers that panicked
	Lost      uint64 // messages to the PIDs of channels that were not published

	Glob glob.Stats // of the patterns without filter
}

// Stats gathers the Broker's statistics. It takes the locks of all channels, one after the other.
func (b *Broker) Stats() Stats {
	out := Stats{
		HistoryBytes: int(b.historyBytes.Load()),
		Carried:      b.carried.Load(),
		Unkept:       b.unkept.Load(),
		Forgotten:    b.forgotten.Load(),
		Uncarried:    b.uncarried.Load(),
		Lost:         b.deadLetters.Load(),
		Published:    b.unheard.Load(),
		Glob:         b.plain.patterns.index.Stats(),
	}
	for _, h := range b.hubs {
		messages, bytes := h.waiting()
		out.Waiting += messages
		out.WaitingBytes += bytes
		out.Runs += h.runs.Load()
		out.Delivered += h.delivered.Load()
		out.Replayed += h.replayed.Load()
		out.Refused += h.refused.Load()
		out.Dropped += h.dropped.Load()
		out.Gaps += h.gaps.Load()
		out.Failures += h.failures.Load()
	}
	b.eachShard(func(_ *space, sh *shard) {
		out.Published += sh.published
		out.IdleChannels += sh.idle.len
		out.Channels += len(sh.topics) - sh.idle.len
		for _, t := range sh.topics {
			out.Subscriptions += int(t.count.Load())
			out.Members += len(t.members)
		}
	})
	b.spaces(func(s *space) {
		s.patterns.mu.Lock()
		defer s.patterns.mu.Unlock()
		out.Patterns += len(s.patterns.byName)
		for _, a := range s.patterns.byName {
			out.Subscriptions += int(a.count.Load())
		}
	})
	return out
}

// A ChannelInfo describes a channel.
type ChannelInfo struct {
	Name          string
	Filter        int16
	Subscriptions int      // by name; patterns that match are not counted
	Members       int      // present
	Position      Position // of the last message
	Rate          int      // messages in the last full second
	Kept          int      // messages in the history
	KeptBytes     int
	Address       bool // it has a PID
}

// Channels are the channels that have subscriptions by name, or a history, in no particular order. Channels come and go
// meanwhile; the loop's body may call the Broker.
func (b *Broker) Channels() iter.Seq[ChannelInfo] {
	return func(yield func(ChannelInfo) bool) {
		more := true
		b.spaces(func(s *space) {
			for i := 0; i < len(s.shards) && more; i++ {
				for _, info := range s.shards[i].infos(b.second.Load()) {
					if more = yield(info); !more {
						return
					}
				}
			}
		})
	}
}

func (sh *shard) infos(second int64) (list []ChannelInfo) {
	sh.mu.Lock()
	defer sh.mu.Unlock()
	for _, t := range sh.topics {
		if t.list != &sh.idle {
			list = append(list, t.info(second))
		}
	}
	return list
}

// Channel describes one channel. It is the zero value, but for the name, if there is nothing to know.
func (b *Broker) Channel(name string, filter int16) ChannelInfo {
	if s := b.spaceIf(filter); s != nil {
		sh := s.shard(name)
		sh.mu.Lock()
		defer sh.mu.Unlock()
		if t := sh.topics[name]; t != nil {
			return t.info(b.second.Load())
		}
	}
	return ChannelInfo{Name: name, Filter: filter}
}

func (t *topic) info(second int64) ChannelInfo {
	info := ChannelInfo{
		Name: t.name, Filter: t.space.filter, Subscriptions: int(t.count.Load()), Members: len(t.members),
		Position: Position{t.epoch, t.sequence}, Rate: t.rate.read(second), Address: t.address != nil,
	}
	if t.history != nil {
		info.Kept, info.KeptBytes = t.history.len(), t.history.bytes
	}
	return info
}

// A PatternInfo describes a pattern.
type PatternInfo struct {
	Pattern       string
	Filter        int16
	Subscriptions int
}

// Patterns are the patterns that have subscriptions, in no particular order.
func (b *Broker) Patterns() iter.Seq[PatternInfo] {
	return func(yield func(PatternInfo) bool) {
		var list []PatternInfo
		b.spaces(func(s *space) {
			s.patterns.mu.Lock()
			defer s.patterns.mu.Unlock()
			for name, a := range s.patterns.byName {
				list = append(list, PatternInfo{name, s.filter, int(a.count.Load())})
			}
		})
		for _, info := range list {
			if !yield(info) {
				return
			}
		}
	}
}

// Subscribers is how many subscriptions a channel has by its name.
func (b *Broker) Subscribers(channel string) int { return b.Channel(channel, 0).Subscriptions }

// Receivers is how many subscriptions a message to the channel would reach on this node, patterns included.
func (b *Broker) Receivers(channel string) (n int) {
	n = b.Subscribers(channel)
	for _, a := range b.plain.patterns.index.Match(channel) {
		n += int(a.count.Load())
	}
	return n
}
