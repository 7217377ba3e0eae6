package actors

import "fmt"

// A ReasonCode says why a connection is over.
type ReasonCode uint8

const (
	// PeerClosed: the peer closed the connection, or its sending side, and nothing was left to be written.
	PeerClosed ReasonCode = iota + 1
	// LocalClose: Close, ForceClose, or a protoactor Stop or Poison.
	LocalClose
	// HalfClosed: the peer shut its sending side while bytes to it were pending, and ConnOptions.HalfClose says to close
	// when they are written.
	HalfClosed
	// IdleTimeout: nothing moved for as long as SetTimeout says.
	IdleTimeout
	// SlowPeer: the peer did not take what was written to it, and the policy is Disconnect.
	SlowPeer
	// IOError: reading or writing failed; Err says how.
	IOError
	// Panicked: a callback panicked; Err is a *supervision.Failure.
	Panicked
	// Shutdown: the System, or the listener, shut down.
	Shutdown
	// DialFailed: the connection could not be established; Err says why.
	DialFailed
	// ProtocolError: the protocol gave up on what the peer sent (Conn.Fail); Err says why.
	ProtocolError
)

var reasonNames = [...]string{
	PeerClosed: "peer closed", LocalClose: "local close", HalfClosed: "half closed", IdleTimeout: "idle timeout",
	SlowPeer: "slow peer", IOError: "I/O error", Panicked: "panic", Shutdown: "shutdown", DialFailed: "dial failed",
	ProtocolError: "protocol error",
}

func (c ReasonCode) String() string {
	if int(c) < len(reasonNames) && reasonNames[c] != "" {
		return reasonNames[c]
	}
	return fmt.Sprintf("ReasonCode(%d)", uint8(c))
}

// A Reason says why a connection is over.
type Reason struct {
	Code ReasonCode
	Err  error // more about it, or nil; ErrCloseTimeout if the peer did not take the rest in time after a close
	Lost int   // bytes that were written by the protocol and never reached the socket
}

func (r Reason) String() string {
	text := r.Code.String()
	if r.Err != nil {
		text += ": " + r.Err.Error()
	}
	if r.Lost > 0 {
		text += fmt.Sprintf(" (%d bytes not sent)", r.Lost)
	}
	return text
}
