package pubsub

import (
	"fmt"
	"time"
)

// Options configure a Broker. The zero value is a good choice: no history.
type Options struct {
	// MaxBacklog is how many messages may wait for one loop's turn, MaxBacklogBytes how many bytes they may have
	// together, 256 for each counted in. What exceeds them is refused with ErrBacklog; one message alone is never too
	// large. Zero means 100,000 and 64 MiB.
	MaxBacklog, MaxBacklogBytes int
	// History says which channels keep what was published: the first rule whose pattern matches counts. None means that
	// no channel does; nor do channels with a Filter.
	History []HistoryRule
	// MaxHistoryBytes bounds the histories of all channels together: payloads, names, 256 bytes for each message, and the
	// frames that Encoders have made of them, which may exceed it for a moment. Zero means 64 MiB. At the bound
	// channels without subscriptions give theirs up, 1/256 of all channels being looked at, then a channel that is
	// published to its own oldest messages, and then it keeps nothing.
	MaxHistoryBytes int
	// MaxIdleChannels is how many channels without subscriptions are remembered, so that their sequence numbers go on. A
	// channel counts once more for every 256 bytes of its name; those with a Filter are not remembered. Zero means 65,536;
	// negative means none.
	MaxIdleChannels int
	// MaxPattern is how many bytes a pattern may have, and MaxPatterns how many patterns may stand at once, however many
	// have subscribed to each: the time to match a name grows with its length and, at worst, with the bytes of all
	// patterns. Zero means 1,024 and 1,000,000.
	MaxPattern, MaxPatterns int
	// MaxMembers is how many members one channel may have present. Zero means 100,000.
	MaxMembers int
	// OnFailure is told when a function, an Encoder, a Subscriber or an Engine panics, with the value of the panic and
	// the stack. It must not block. A System logs by default.
	OnFailure func(where string, value any, stack []byte)
}

// A HistoryRule says how much the channels with certain names keep. At least one of Count, Bytes and Age must be given;
// what is zero has no bound of its own.
type HistoryRule struct {
	// Pattern is a glob pattern of channel names.
	Pattern string
	// Count is how many messages are kept, Bytes how many bytes, with the channel's name and 256 for each message counted
	// in, and Age for how long: a millisecond at least.
	Count int
	Bytes int
	Age   time.Duration
}

// Validate answers ErrBadOption if New would.
func (o Options) Validate() error {
	_, err := o.validate()
	return err
}

func (o Options) validate() (Options, error) {
	fill(&o.MaxBacklog, 100_000)
	fill(&o.MaxBacklogBytes, 64<<20)
	fill(&o.MaxHistoryBytes, 64<<20)
	fill(&o.MaxIdleChannels, 65_536)
	fill(&o.MaxPattern, 1024)
	fill(&o.MaxPatterns, 1_000_000)
	fill(&o.MaxMembers, 100_000)
	switch {
	case o.MaxBacklog < 1:
		return o, badOption("MaxBacklog", o.MaxBacklog)
	case o.MaxBacklogBytes < 1:
		return o, badOption("MaxBacklogBytes", o.MaxBacklogBytes)
	case o.MaxHistoryBytes < 1:
		return o, badOption("MaxHistoryBytes", o.MaxHistoryBytes)
	case o.MaxPattern < 1 || o.MaxPattern > MaxName:
		return o, badOption("MaxPattern", o.MaxPattern)
	case o.MaxPatterns < 1:
		return o, badOption("MaxPatterns", o.MaxPatterns)
	case o.MaxMembers < 1:
		return o, badOption("MaxMembers", o.MaxMembers)
	}
	return o, validateRules(o.History)
}

func validateRules(rules []HistoryRule) error {
	for _, r := range rules {
		switch {
		case len(r.Pattern) > MaxName:
			return badOption("HistoryRule.Pattern of length", len(r.Pattern))
		case r.Age > 0 && r.Age < time.Millisecond:
			return badOption("HistoryRule.Age", r.Age)
		case r.Count < 0 || r.Bytes < 0 || r.Age < 0 || r.Count == 0 && r.Bytes == 0 && r.Age == 0:
			return badOption("HistoryRule.Pattern", fmt.Sprintf("%q without a bound, or with a negative one", r.Pattern))
		}
	}
	return nil
}

func fill(field *int, value int) {
	if *field == 0 {
		*field = value
	}
}
