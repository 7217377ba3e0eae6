package pubsub

import "time"

// SubscribeOptions are options of a subscription. The zero value subscribes to the channel with the given name, from
// now on.
type SubscribeOptions struct {
	// Pattern says that the name is a glob pattern: the subscription gets the messages of every channel whose name
	// matches. See package glob. A subscriber that has subscribed to a channel and to a pattern that matches it gets
	// each message twice (feature S5), as with Redis.
	Pattern bool
	// Filter, if it is not zero, makes a namespace of its own: the subscription gets what is published with the same
	// filter only, and nothing else. Then the name may be empty. Filters stay on this node (feature S3).
	Filter int16
	// After asks for the messages after a position: those that the channel's history still has are replayed first, then
	// the subscription goes on with what is published, without a gap and without a duplicate. If some are gone, or the
	// channel began anew since, a Gap comes before. The zero Position means from the beginning of the history. After, From
	// and Last are not for patterns, and not with a Filter.
	After *Position
	// From asks for the messages that were published at or after this time, as the history has them.
	From time.Time
	// Last asks for the last messages of the history, so many.
	Last int
	// Member makes the subscription one of somebody who is present on the channel while it lasts: see
	// Broker.Members and Subscription.SetMember. Not for patterns, and not with a Filter.
	Member *Member
	// Events asks for messages of the kinds Joined and Left, from the moment of subscribing on. While a history is
	// replayed they come among its messages.
	Events bool

	// The following is for the subscriptions of functions and Go channels only.

	// OnUnsubscribed is called once, after the last message, where the messages are.
	OnUnsubscribed func(*Subscription)
	// MaxWaiting is how many messages may wait for the function or the reader, MaxWaitingBytes how many bytes they may
	// have together, 256 for each counted in. What comes above that is dropped: see Subscription.Dropped. Zero means
	// 10,000 and 16 MiB.
	MaxWaiting, MaxWaitingBytes int
	// Blocking says that the function blocks: it is called beside the loop at once, instead of when it was found to be
	// slow.
	Blocking bool
}

func (o *SubscribeOptions) validate(name string) error {
	fill(&o.MaxWaiting, 10_000)
	fill(&o.MaxWaitingBytes, 16<<20)
	if err := checkName(name, o.Filter); err != nil {
		return err
	}
	past := 0
	for _, asked := range []bool{o.After != nil, !o.From.IsZero(), o.Last != 0} {
		if asked {
			past++
		}
	}
	switch {
	case past > 1:
		return badOption("After, From and Last:", "more than one")
	case o.MaxWaiting < 1:
		return badOption("MaxWaiting", o.MaxWaiting)
	case o.MaxWaitingBytes < 1:
		return badOption("MaxWaitingBytes", o.MaxWaitingBytes)
	case o.Last < 0:
		return badOption("Last", o.Last)
	case past > 0 && (o.Pattern || o.Filter != 0):
		return badOption("After, From or Last", "with Pattern or Filter")
	case o.Member != nil && (o.Pattern || o.Filter != 0):
		return badOption("Member", "with Pattern or Filter")
	case o.Member != nil:
		return o.Member.validate()
	}
	return nil
}

// plain reports whether nothing but the name matters.
func (o *SubscribeOptions) plain() bool { return !o.past() && o.Member == nil && !o.Events }

// past reports whether something of the history is asked for.
func (o *SubscribeOptions) past() bool { return o.After != nil || !o.From.IsZero() || o.Last != 0 }
