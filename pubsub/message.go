package pubsub

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/reactor"
)

// A Kind says what a Message is.
type Kind uint8

const (
	// Data is what somebody has published.
	Data Kind = iota
	// Joined says that Message.Member is now present. Only subscriptions that ask for events get it.
	Joined
	// Left says that Message.Member is gone. Only subscriptions that ask for events get it.
	Left
	// Gap says that messages before the next one could not be replayed: Message.Missed tells how many. Only
	// subscriptions that begin in the past get it.
	Gap
)

func (k Kind) String() string {
	if names := [...]string{"data", "joined", "left", "gap"}; int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// A Position is a place in the stream of a channel's messages.
type Position struct {
	// Epoch tells one life of the channel from another: if it has changed, sequence numbers began anew.
	Epoch uint64
	// Sequence counts the messages of an epoch, from 1.
	Sequence uint64
}

// String is like "5f3c09aa17b3c2d1:1007": epoch and sequence. ParsePosition reads it.
func (p Position) String() string { return fmt.Sprintf("%016x:%d", p.Epoch, p.Sequence) }

// ParsePosition reads what Position.String wrote. Anything else answers ErrBadOption.
func ParsePosition(text string) (p Position, err error) {
	if _, err := fmt.Sscanf(text, "%016x:%d", &p.Epoch, &p.Sequence); err != nil || p.String() != text {
		return Position{}, badOption("Position", text)
	}
	return p, nil
}

// A Message is what subscribers get. It is shared: nobody may change it or its bytes. It is valid while it is being
// delivered, and as long as a reference is held: see Retain.
type Message struct {
	// Channel is the name it was published to.
	Channel string
	// Filter is that with which it was published.
	Filter int16
	// Kind is Data, unless the subscription asked for more.
	Kind Kind
	// Position is the message's place among those of its channel on this node. A Gap has that of the last message that is
	// missing; Joined and Left have none.
	Position
	// Time is when it was published, in milliseconds since 1970, if the channel has a history, and else 0.
	Time int64
	// Member is who joined or left.
	Member *Member
	// Missed is how many messages a Gap stands for; 0 means that it is unknown, because the channel began anew.
	Missed uint64

	audience *topic
	patterns []*audience // beside audience
	exclude  OwnerID
	payload  reactor.Piece // its Buffer is nil if the garbage collector has the bytes
	frames   atomic.Pointer[frames]
	keeper   *Broker // whose budget for histories pays for the frames, or nil
	refs     atomic.Int32
}

// Payload is the message's bytes. They must not be changed.
func (m *Message) Payload() []byte { return m.payload.Bytes }

// Published is Time as a time.Time; the zero Time if it is not known.
func (m *Message) Published() time.Time {
	if m.Time == 0 {
		return time.Time{}
	}
	return time.UnixMilli(m.Time)
}

// Retain keeps the message valid until Release, and returns it. The caller must be within a delivery of the message, or
// hold a reference already.
func (m *Message) Retain() *Message {
	m.refs.Add(1)
	return m
}

// Release gives up a reference. The last one gives the memory of payload and frames back.
func (m *Message) Release() {
	switch refs := m.refs.Add(-1); {
	case refs > 0:
	case refs == 0:
		if m.payload.Buffer != nil {
			m.payload.Buffer.Release()
		}
		m.frames.Load().release(m.keeper)
	default:
		panic("pubsub: Release of a Message more often than it was retained")
	}
}

// owned is a copy that nobody needs to release, for those who keep it: see Broker.SubscribeChan.
func (m *Message) owned() *Message {
	o := &Message{Channel: m.Channel, Filter: m.Filter, Kind: m.Kind, Position: m.Position, Time: m.Time, Member: m.Member, Missed: m.Missed}
	o.payload.Bytes = append([]byte{}, m.Payload()...)
	o.refs.Store(1)
	return o
}

// size is what the message is charged where bytes are bounded.
func (m *Message) size() int { return sizeOf(m.Channel, len(m.Payload())) }

func sizeOf(channel string, payload int) int { return payload + len(channel) + messageCost }

// messageCost is what a message costs beyond its payload and its channel's name, about.
const messageCost = 256
