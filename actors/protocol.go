package actors

import (
	"time"
)

// A Protocol is what a connection does. One object may serve one connection, and keep its state, or be shared by many
// ([Shared]), if it keeps none or guards it.
//
// The callbacks of one connection never run at the same time, whatever starts them: the peer, a timer, another actor, a
// publication. OnOpen comes first, OnClose last and exactly once. Callbacks of different connections run at the same
// time if there are several loops, or if one of them blocks. A callback may block, and nobody but its own connection
// waits for it; a protocol whose callbacks block as a rule should say so, see [Blocker].
//
// A panic in a callback concerns this connection alone: see package supervision.
//
// Embed [Base] to implement only what you need.
type Protocol interface {
	// OnOpen is called when the connection is established, and for a protocol that takes a connection over by
	// [Conn.Swap].
	OnOpen(c *Conn)

	// OnData is called with bytes that arrived. It returns how many it has consumed; the rest is kept, and comes again
	// in front of what arrives later, or goes to the next protocol after Swap. p is valid during the call only, and must
	// not be changed. Keeping more than ConnOptions.MaxUnconsumed closes the connection.
	OnData(c *Conn, p []byte) (consumed int)

	// OnMessage is called with what other actors sent to the connection, by Ref, PID or tag, unwrapped from
	// protoactor's envelope. [Conn.Context] has the sender.
	OnMessage(c *Conn, msg any)

	// OnDrained is called when everything written has gone to the socket, after some of it had to wait.
	OnDrained(c *Conn)

	// OnTimeout is called when nothing was read and nothing could be written for as long as [Conn.SetTimeout] says.
	// Base closes the connection with IdleTimeout; write a ping to keep it.
	OnTimeout(c *Conn)

	// OnShutdown is called when the System, or the listener, shuts down. It may write a goodbye. The connection is
	// closed when that is written, after waiting as long as OnShutdown returns, at most until the deadline of the
	// shutdown.
	OnShutdown(c *Conn) time.Duration

	// OnClose is called once, when the connection is over. Nothing can be written any more. It also tells that a dialled
	// connection was not established: that failed (DialFailed), or it was closed before. Only then OnOpen was not called.
	OnClose(c *Conn, reason Reason)
}

// Base implements every callback of Protocol by doing nothing, except that OnData consumes everything and OnTimeout
// closes the connection. It is meant to be embedded.
type Base struct{}

// OnOpen does nothing.
func (Base) OnOpen(*Conn) {}

// OnData consumes everything.
func (Base) OnData(_ *Conn, p []byte) int { return len(p) }

// OnMessage does nothing.
func (Base) OnMessage(*Conn, any) {}

// OnDrained does nothing.
func (Base) OnDrained(*Conn) {}

// OnTimeout closes the connection, with the reason IdleTimeout.
func (Base) OnTimeout(c *Conn) { c.closeFor(Reason{Code: IdleTimeout}) }

// OnShutdown does nothing: the connection is closed at once.
func (Base) OnShutdown(*Conn) time.Duration { return 0 }

// OnClose does nothing.
func (Base) OnClose(*Conn, Reason) {}

// A Blocker is a Protocol that may declare that its callbacks block: on disks, databases, locks, long computations.
// Its callbacks run on goroutines beside the loop always. That costs about half as much again per message, and saves
// the loop from noticing by itself, a millisecond each time.
type Blocker interface {
	Blocking() bool
}

// A HalfCloser is a Protocol that wants to know that the peer has shut its sending side (half-close), where
// ConnOptions.HalfClose keeps the connection open then. What the peer still reads can be written; OnData will not be
// called again.
type HalfCloser interface {
	OnHalfClose(c *Conn)
}

// A Swapper is a Protocol that wants to know that another one took its connection over. It is called before the next
// one's OnOpen. That is no close: OnClose goes to the protocol that is there at the end.
type Swapper interface {
	OnSwap(c *Conn, next Protocol)
}

// A Factory makes the protocol object of a connection. It is called in the connection's first turn, before OnOpen, and
// again at each restart by supervision. A nil result counts as a failure.
type Factory func() Protocol

// Shared is the Factory of a protocol object that serves every connection.
func Shared(p Protocol) Factory { return func() Protocol { return p } }
