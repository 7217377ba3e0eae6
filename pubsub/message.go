// Package pubsub carries messages from publishers to subscribers by the names of channels.
//
// Each channel is an actor: it gives its messages their order. Messages of one publisher on one channel reach each
// subscriber in the order in which they were published. Bytes are shared by all who get them and never copied.
//
// The package knows subscribers by a small interface, not connections: see [Subscriber].
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
	maxBacklog = 100_000    // messages that wait for one channel's turn
)

// Errors of Publish and Subscribe.
var (
	// ErrName: the channel's name is empty or longer than MaxName.
	ErrName = errors.New("pubsub: bad channel name")
	// ErrPayload: the payload is longer than MaxPayload.
	ErrPayload = errors.New("pubsub: payload is too large")
	// ErrBacklog: too many messages wait for the channel's turn; this one was not published.
	ErrBacklog = errors.New("pubsub: channel is behind")
	// ErrClosed: the broker is closed.
	ErrClosed = errors.New("pubsub: broker is closed")
	// ErrNilSubscriber: there is no subscriber.
	ErrNilSubscriber = errors.New("pubsub: no subscriber")
)

func checkName(channel string) error {
	if channel == "" || len(channel) > MaxName {
		return fmt.Errorf("%w: of %d bytes", ErrName, len(channel))
	}
	return nil
}

// A Message is what was published.
type Message struct {
	// Channel is the name it was published to.
	Channel string
	// Sequence counts the messages of the channel, from 1, since the channel last had no subscriber.
	Sequence uint64

	buffer *reactor.Buffer
}

// Payload is the message's bytes, which others share: they must not be changed. They are valid while the message is
// being delivered, and as long as a reference to Buffer is held.
func (m *Message) Payload() []byte { return m.buffer.Bytes() }

// Buffer is the memory of the payload. Retain it to keep it.
func (m *Message) Buffer() *reactor.Buffer { return m.buffer }
