package actors

import (
	"errors"

	"github.com/troupe-go/troupe/reactor"
)

// Errors of calls with bad input.
var (
	// ErrBadOption: an option is out of its range. The message names it.
	ErrBadOption = reactor.ErrBadOption
	// ErrNilFactory: there is no Factory, or no Protocol.
	ErrNilFactory = errors.New("actors: no protocol")
	// ErrUnknownNetwork: the network is none of tcp, tcp4, tcp6, unix.
	ErrUnknownNetwork = reactor.ErrUnknownNetwork
	// ErrBadAddress: the address cannot be understood.
	ErrBadAddress = reactor.ErrBadAddress
	// ErrAddressInUse: somebody listens there already.
	ErrAddressInUse = reactor.ErrAddressInUse
)

// Errors of calls that come too late or ask too much.
var (
	// ErrClosed: the connection is closed or closing, or is none of this System's.
	ErrClosed = errors.New("actors: connection is closed")
	// ErrOutboundFull: the bytes do not fit into the connection's budget, and the policy refuses them. They are dropped.
	ErrOutboundFull = errors.New("actors: outbound budget is exhausted")
	// ErrTooLarge: the message is larger than the whole budget and can never be sent. It is dropped.
	ErrTooLarge = errors.New("actors: message is larger than the outbound budget")
	// ErrMailboxFull: as many messages wait as ConnOptions.MaxMailbox allows. The message is dropped.
	ErrMailboxFull = errors.New("actors: mailbox is full")
	// ErrShutdown: the System has shut down or is about to.
	ErrShutdown = errors.New("actors: system has shut down")
	// ErrTagTaken: another connection has the tag.
	ErrTagTaken = errors.New("actors: tag is taken")
	// ErrNoSuchTag: no connection has the tag.
	ErrNoSuchTag = errors.New("actors: no such tag")
)

// Errors in Reasons.
var (
	// ErrUnconsumed: the protocol left more bytes unconsumed than ConnOptions.MaxUnconsumed.
	ErrUnconsumed = errors.New("actors: too many unconsumed bytes")
	// ErrBadConsumed: OnData returned less than nothing or more than it got.
	ErrBadConsumed = errors.New("actors: OnData returned an impossible number of consumed bytes")
	// ErrDialTimeout: the connection was not established within DialOptions.Timeout.
	ErrDialTimeout = errors.New("actors: dial timed out")
	// ErrCloseTimeout: the peer did not take the rest within ConnOptions.CloseTimeout.
	ErrCloseTimeout = errors.New("actors: pending bytes were not taken in time")
	// ErrTagTakenOver is the Reason's error of a connection that lost its tag to another and was closed for it.
	ErrTagTakenOver = errors.New("actors: tag was taken over")
)
