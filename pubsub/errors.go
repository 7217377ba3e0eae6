package pubsub

import (
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/reactor"
)

// Limits (feature S2).
const (
	MaxName    = 65_536     // bytes in a channel's name
	MaxPayload = 16_777_216 // bytes in a message
	MaxMember  = 1_024      // bytes in the ID of a Member
	MaxInfo    = 65_536     // bytes in the Info of a Member
)

// Errors of publishing and subscribing.
var (
	// ErrName: the name is longer than MaxName, or a pattern than Options.MaxPattern; or empty without a filter.
	ErrName = errors.New("pubsub: bad channel name")
	// ErrPayload: the payload is longer than MaxPayload.
	ErrPayload = errors.New("pubsub: payload is too large")
	// ErrEmpty: there is neither filter, nor channel, nor payload (feature S4).
	ErrEmpty = errors.New("pubsub: empty message")
	// ErrBacklog: too much waits for a loop's turn; the message was not published.
	ErrBacklog = errors.New("pubsub: delivery is behind")
	// ErrClosed: the broker is closed.
	ErrClosed = errors.New("pubsub: broker is closed")
	// ErrNilSubscriber: there is nobody to deliver to.
	ErrNilSubscriber = errors.New("pubsub: no subscriber")
	// ErrSubscribed: the Subscription is in use already.
	ErrSubscribed = errors.New("pubsub: Subscription is in use")
	// ErrPatterns: there are Options.MaxPatterns patterns.
	ErrPatterns = errors.New("pubsub: too many patterns")
	// ErrMembers: the channel has Options.MaxMembers members.
	ErrMembers = errors.New("pubsub: channel has too many members")
	// ErrBadOption: an option is out of its range, or does not go with another one.
	ErrBadOption = reactor.ErrBadOption
	// ErrEngine: the engine is attached already, or is not.
	ErrEngine = errors.New("pubsub: engine")
)

var errGoexit = errors.New("runtime.Goexit was called")

func checkName(name string, filter int16) error {
	if len(name) > MaxName || name == "" && filter == 0 {
		return fmt.Errorf("%w: of %d bytes", ErrName, len(name))
	}
	return nil
}

func badOption(name string, value any) error {
	return fmt.Errorf("pubsub: %s %v: %w", name, value, ErrBadOption)
}
