package actors

import (
	"fmt"
	"log/slog"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/troupe-go/troupe/pubsub"
	"github.com/troupe-go/troupe/reactor"
	"github.com/troupe-go/troupe/supervision"
)

// Options configure a System. The zero value is a good choice.
type Options struct {
	// Loops is how many loops there are. Zero means one per core, or what the environment variable THREADS says; -n
	// means cores/n.
	Loops int
	// TakeoverAfter is how long a callback may keep its loop before the others go on without it. Zero means 1 ms;
	// negative means for ever.
	TakeoverAfter time.Duration
	// MaxDetached bounds how many callbacks may block at once beside the loops. Zero means 10,000.
	MaxDetached int
	// ReadBuffer is how many bytes one OnData gets at most, unconsumed ones aside. Zero means 64 KiB.
	ReadBuffer int
	// MaxTimers bounds the System's own timers (After, Every). Zero means 1,000,000.
	MaxTimers int
	// MaxTasks bounds how many tasks of Defer may wait. Zero means 1,000,000.
	MaxTasks int
	// ActorSystem is the protoactor system to live in. Nil means a new one, which logs to Logger and leaves out what is
	// below Warn.
	ActorSystem *actor.ActorSystem
	// Logger gets what nobody else is told: failures without a hook, errors of pollers and accepting. Nil means
	// slog.Default. It is never used on hot ways.
	Logger *slog.Logger
	// PubSub has the options of the System's Broker.
	PubSub pubsub.Options
	// OnStart are called one after the other when the System has started, as tasks (see System.Defer).
	OnStart []func(*System)
	// Node names this System in Refs. Zero means a random number.
	Node uint32
}

// A HalfClose says what to do when the peer shuts its sending side.
type HalfClose uint8

const (
	// CloseOnHalfClose closes the connection when what is pending has been written. The default.
	CloseOnHalfClose HalfClose = iota
	// KeepOnHalfClose leaves the connection open for writing; a HalfCloser is told.
	KeepOnHalfClose
)

// A SlowPolicy says what to do when bytes written to a connection do not fit into its budget.
type SlowPolicy uint8

const (
	// Disconnect closes the connection at once, with the reason SlowPeer. The default.
	Disconnect SlowPolicy = iota
	// DropOldest drops the oldest pending messages to make room. A message is what one Write was given.
	DropOldest
	// DropNewest drops the message that does not fit.
	DropNewest
	// Conflate replaces a pending message by a newer one with the same key (WriteKeyed) at any time, and drops the oldest
	// when that does not make room enough.
	Conflate
	// SuspendReads reads no more than what replies there is room for, until the peer has taken half of what is pending.
	// Messages that do not fit all the same, because they are no replies, are refused with ErrOutboundFull.
	SuspendReads
)

func (p SlowPolicy) String() string {
	names := [...]string{"disconnect", "drop-oldest", "drop-newest", "conflate", "suspend-reads"}
	if int(p) < len(names) {
		return names[p]
	}
	return fmt.Sprintf("SlowPolicy(%d)", uint8(p))
}

// ConnOptions are options of a connection, accepted or dialled. The zero value is a good choice.
type ConnOptions struct {
	// MaxOutbound is the budget of bytes that may wait to be written to the peer; the kernel's socket buffer comes on
	// top. Where messages are kept apart (drop policies, Conflate, shared buffers) each is charged 64 bytes more. Zero
	// means 1 MiB; at least 1 KiB, at most 1 GiB. Reading pauses while more than half of it is used.
	MaxOutbound int
	// SlowPolicy is what happens to what exceeds MaxOutbound.
	SlowPolicy SlowPolicy
	// MaxUnconsumed is how many bytes OnData may leave unconsumed. Zero means 1 MiB; at most 1 GiB.
	MaxUnconsumed int
	// MaxMailbox is how many messages may wait for the connection, and how many published ones for the handlers of its
	// subscriptions. Zero means 10,000.
	MaxMailbox int
	// MaxMailboxBytes is how many bytes the published messages may have, 256 for each counted in; one alone may be larger.
	// What comes above MaxMailbox or MaxMailboxBytes is dropped, and counted by pubsub.Subscription.Dropped. Zero means
	// 16 MiB.
	MaxMailboxBytes int
	// IdleTimeout is the initial value of Conn.SetTimeout. Zero means never.
	IdleTimeout time.Duration
	// CloseTimeout is how long a closing connection may take to write what is pending. Zero means 10 s.
	CloseTimeout time.Duration
	// Linger is how long, after a local close, bytes that the peer still sends are read and thrown away, so that the
	// kernel does not answer them by a reset that destroys what the peer has not read yet. It ends when the peer closes.
	// Zero means 1 s; negative means not at all.
	Linger time.Duration
	// HalfClose is what happens when the peer shuts its sending side.
	HalfClose HalfClose
	// Supervision decides what a panic does. The zero value closes the connection.
	Supervision supervision.Strategy
	// OnFailure is told of each failed callback, with the value and stack of the panic and what was decided. Nil means
	// that the System's Logger is. It runs in the connection's turn and must not block.
	OnFailure func(Ref, *supervision.Failure)
}

// Defaults of ConnOptions.
const (
	DefaultMaxOutbound   = 1 << 20
	DefaultMaxUnconsumed = 1 << 20
	DefaultMaxMailbox    = 10_000
	DefaultMailboxBytes  = 16 << 20
	DefaultCloseTimeout  = 10 * time.Second
	DefaultLinger        = time.Second
	DefaultDialTimeout   = 30 * time.Second

	maxBytes   = 1 << 30
	maxTimeout = 40 * 24 * time.Hour // fits a uint32 of milliseconds
)

func (o ConnOptions) validate() (ConnOptions, error) {
	fill(&o.MaxOutbound, DefaultMaxOutbound)
	fill(&o.MaxUnconsumed, DefaultMaxUnconsumed)
	fill(&o.MaxMailbox, DefaultMaxMailbox)
	fill(&o.MaxMailboxBytes, DefaultMailboxBytes)
	fill(&o.CloseTimeout, DefaultCloseTimeout)
	fill(&o.Linger, DefaultLinger)
	switch {
	case o.MaxOutbound < 1<<10 || o.MaxOutbound > maxBytes:
		return o, badOption("MaxOutbound", o.MaxOutbound)
	case o.SlowPolicy > SuspendReads:
		return o, badOption("SlowPolicy", o.SlowPolicy)
	case o.MaxUnconsumed < 1 || o.MaxUnconsumed > maxBytes:
		return o, badOption("MaxUnconsumed", o.MaxUnconsumed)
	case o.MaxMailbox < 1:
		return o, badOption("MaxMailbox", o.MaxMailbox)
	case o.MaxMailboxBytes < 1:
		return o, badOption("MaxMailboxBytes", o.MaxMailboxBytes)
	case o.IdleTimeout < 0 || o.IdleTimeout > maxTimeout:
		return o, badOption("IdleTimeout", o.IdleTimeout)
	case o.CloseTimeout < time.Millisecond || o.CloseTimeout > maxTimeout:
		return o, badOption("CloseTimeout", o.CloseTimeout)
	case o.Linger > maxTimeout:
		return o, badOption("Linger", o.Linger)
	case o.HalfClose > KeepOnHalfClose:
		return o, badOption("HalfClose", o.HalfClose)
	}
	var err error
	o.Supervision, err = o.Supervision.Validate()
	if err != nil {
		return o, fmt.Errorf("actors: %w: %w", err, ErrBadOption)
	}
	return o, nil
}

func fill[T int | time.Duration](field *T, value T) {
	if *field == 0 {
		*field = value
	}
}

func badOption(name string, value any) error {
	return fmt.Errorf("actors: %s %v: %w", name, value, ErrBadOption)
}

// ListenOptions are options of a listener. The zero value is a good choice.
type ListenOptions struct {
	ConnOptions
	// Socket has the options of the listening socket; accepted ones inherit them.
	Socket reactor.SocketOptions
	// OnStart and OnFinish are called when the listener begins to accept, and when it has ended and the last of its
	// connections is over. Either may be nil.
	OnStart, OnFinish func(*Listener)
}

// DialOptions are options of a dialled connection. The zero value is a good choice.
type DialOptions struct {
	ConnOptions
	// Socket has the options of the socket.
	Socket reactor.SocketOptions
	// Timeout bounds the looking up of the name and the connecting, all addresses of the name together. Zero means 30 s.
	Timeout time.Duration
}
