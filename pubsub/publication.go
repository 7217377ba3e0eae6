package pubsub

import "sync/atomic"

// A Publication is a message to be published, with all that can be said about it. Sent to the PID of a channel it is
// published there, whatever its Channel.
type Publication struct {
	Channel string
	Payload []byte
	// Filter restricts the message to subscriptions with the same filter. Then Channel may be empty, and the message
	// stays on this node (feature S3).
	Filter int16
	// Exclude leaves the subscriptions of this owner out (feature S7).
	Exclude Owner
	// Scope says how far the message goes.
	Scope Scope
}

// A Scope says how far a message goes (feature S9).
type Scope uint8

const (
	// Everywhere is to this broker's subscribers, and to its default engine. The default.
	Everywhere Scope = iota
	// Here is to this broker's subscribers only.
	Here
)

// An Owner has subscriptions: a connection, say.
type Owner interface {
	OwnerID() OwnerID
	// Subscriptions calls f, which returns at once, for each of its subscriptions.
	Subscriptions(f func(*Subscription))
}

// An OwnerID names an Owner, without keeping it. Zero names none.
type OwnerID uint64

var ownerIDs atomic.Uint64

// NewOwnerID is an OwnerID that no other Owner of the process has.
func NewOwnerID() OwnerID { return OwnerID(ownerIDs.Add(1)) }

// Owned is a Subscriber that belongs to an Owner.
type Owned interface {
	Subscriber
	OwnerID() OwnerID
}
