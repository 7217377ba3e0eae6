package actors

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/pubsub"
	"github.com/troupe-go/troupe/reactor"
	"github.com/troupe-go/troupe/supervision"
)

// A Conn is a connection and the actor that it is. Its methods are safe from any goroutine, in callbacks and outside.
//
// To keep a connection for later, keep its [Ref]: a Ref is small, can be compared and printed, and never reaches
// another connection.
type Conn struct {
	// The cell's mutex guards what is said to be guarded below. What is said to be the turn's belongs to the goroutine
	// that runs the connection's turn, and to Settle, which never runs beside a turn.
	cell     reactor.Cell
	config   *connConfig
	protocol Protocol                // the turn's; others may look at it with the mutex
	out      *reactor.Outbound       // guarded; nil while there is nothing to write and no turn is under way
	tail     *reactor.Buffer         // the turn's: what OnData left
	address  atomic.Pointer[mailbox] // set once, when it is first asked for
	extra    atomic.Pointer[extra]   // set with the mutex; what only some connections need
	peer     reactor.Peer
	flags    atomic.Uint32
	touched  int64          // the turn's: when something moved last, in the loop's milliseconds
	tailFrom int32          // the turn's: where in tail the unconsumed bytes begin
	phase    phase          // the turn's
	callback callback       // the turn's: which one is running
	blocked  bool           // the turn's: the socket takes no more; Writable is awaited
	moved    bool           // guarded: bytes were written directly
	waited   bool           // the turn's: it was blocked since OnDrained was last due
	choked   bool           // the turn's: too much is pending to read on
	refused  bool           // guarded: a message did not fit: OnDrained is due, though nothing may have waited
	ended    bool           // the turn's: the peer has shut its sending side
	hung     bool           // the turn's: the peer has hung up, and nothing is read: the poller must not tell for ever
	blocking bool           // the turn's: the protocol declares that it blocks
	greeted  bool           // the turn's: OnOpen was called
	want     reactor.Events // the loop's: what the poller watches for
}

// A phase is where in its life a connection is.
type phase uint8

const (
	dialing    phase = iota // not connected yet
	fresh                   // connected; the protocol object is to be made
	ready                   // OnOpen is due
	opened                  // the usual
	backingOff              // waiting for a restart by supervision
	concluding              // OnClose was called
	closed                  // over; the descriptor is to be closed
	lingering               // over; what the peer still sends is thrown away
	gone                    // all is released
)

// Flags are requests to the connection's turn, set by anybody.
const (
	flagClose       = 1 << iota // close when all is written; writes are refused
	flagForce                   // close now
	flagSwap                    // extra.next waits
	flagSuspended               // read nothing
	flagStart                   // timers of the user are to be started or stopped
	flagIdleSet                 // the idle timeout was set
	flagDeadlineSet             // the deadline was set
	flagData                    // call OnData with what it has left
	flagDrained                 // call OnDrained
	flagIdle                    // call OnTimeout
	flagShutdown                // call OnShutdown
	flagDeadline                // the deadline timer has run out
	flagShut                    // OnShutdown was called
	flagNamed                   // the connection has a Ref
	flagReplay                  // extra.patient is not empty

	flagsTimers  = flagStart | flagIdleSet | flagDeadlineSet
	flagsEnd     = flagClose | flagForce
	flagsServe   = flagSwap | flagData | flagDrained | flagIdle | flagShutdown
	flagsStrange = ^uint32(flagSuspended | flagShut | flagNamed) // need attention at the end of a turn
)

// A callback is one of user code that runs in a turn.
type callback uint8

const (
	none callback = iota
	inFactory
	inOpen
	inData
	inMessage
	inDrained
	inTimeout
	inShutdown
	inHalfClose
	inSwap
	inTask
	inFallback
	inTimer
	inFinish
	inDelivery
	inUnsubscribed
	inClose
)

var callbackNames = [...]string{
	inFactory: "Factory", inOpen: "OnOpen", inData: "OnData", inMessage: "OnMessage", inDrained: "OnDrained",
	inTimeout: "OnTimeout", inShutdown: "OnShutdown", inHalfClose: "OnHalfClose", inSwap: "OnSwap", inTask: "task",
	inFallback: "fallback", inTimer: "timer", inFinish: "timer's finish", inDelivery: "subscription's handler",
	inUnsubscribed: "unsubscribed hook", inClose: "OnClose",
}

// connConfig is what the connections of a listener share.
type connConfig struct {
	ConnOptions
	system   *System
	listener *Listener // nil for dialled connections
	factory  Factory
	stream   reactor.Stream // instead of a socket, to drive a connection in memory; or nil
	apart    bool           // messages are kept apart in the outbound queue
	takeMost int            // bytes put in flight at once, where messages may be dropped; or 0
}

// extra is what only some connections need, so that the others need not have room for it.
type extra struct {
	reason   Reason       // guarded; the first one given wins
	next     []Protocol   // guarded: what Swap was given
	idleMS   atomic.Int64 // the idle timeout
	tags     []string     // guarded by the System's registry of tags
	dropped  Dropped      // guarded
	starting []*Timer     // guarded: to be started or stopped by Settle

	timers        map[*Timer]struct{}            // guarded: those that were started and have not finished
	subscriptions *subscription                  // guarded: the newest of a list
	encoder       atomic.Pointer[pubsub.Encoder] // stored with the mutex: the protocol's
	framed        bool                           // guarded: encoder was stored
	ownerID       atomic.Uint64                  // stored with the mutex: a pubsub.OwnerID, or 0
	handed        atomic.Int64                   // deliveries in the mailbox
	handedBytes   atomic.Int64                   // the same in bytes
	patient       []*subscription                // guarded: those that wait to be sent more of a history
	history       supervision.History            // the turn's
	dial          *dialState                     // the turn's
	unserved      []any                          // the turn's: mail that nobody will read
	lingers       bool                           // the turn's: the connection is or was lingering
	farewell      bool                           // the turn's: OnClose was called
	idle          reactor.Timer                  // the loop's
	deadline      reactor.Timer                  // the loop's: for the earliest of these:
	phaseUntil    int64                          // the turn's: when dialling or backing off ends; 0 for none
	graceUntil    int64                          // the turn's: when the time that OnShutdown asked for ends; or 0
	closeBy       int64                          // the turn's: when a closing connection is closed by force; or 0
}

// Dropped counts messages that were dropped because the peer is slow.
type Dropped struct {
	Messages uint64
	Bytes    uint64
}

func newConn(config *connConfig, l *reactor.Loop, p phase) *Conn {
	c := &Conn{config: config, phase: p}
	c.cell.Init((*turner)(c), l)
	if config.IdleTimeout > 0 {
		c.more().idleMS.Store(int64(max(1, config.IdleTimeout/time.Millisecond)))
		c.flags.Store(flagIdleSet)
	}
	config.system.live.Add(1)
	if config.listener != nil {
		config.listener.live.Add(1)
	}
	return c
}

// more is extra, made where it is missing. The mutex must be held.
func (c *Conn) more() *extra {
	x := c.extra.Load()
	if x == nil {
		x = new(extra)
		x.idle.Owner, x.deadline.Owner = (*turner)(c), (*turner)(c)
		c.extra.Store(x)
	}
	return x
}

// lockedMore is more for the turn, which may read extra without the mutex once it is there.
func (c *Conn) lockedMore() *extra {
	c.cell.Lock()
	defer c.cell.Unlock()
	return c.more()
}

// raise sets flags and sees to it that a turn takes note.
func (c *Conn) raise(flags uint32) {
	c.flags.Or(flags)
	c.cell.Due()
}

// take clears flags and reports whether any was set.
func (c *Conn) take(flags uint32) bool {
	return c.flags.Load()&flags != 0 && c.flags.And(^flags)&flags != 0
}

// System is the System the connection belongs to.
func (c *Conn) System() *System { return c.config.system }

// Listener is the listener that accepted the connection, or nil if it was dialled.
func (c *Conn) Listener() *Listener { return c.config.listener }

// RemoteAddr is the peer's address. It is known as long as the Conn is. For unix sockets its name is empty.
func (c *Conn) RemoteAddr() net.Addr {
	c.cell.Lock()
	defer c.cell.Unlock()
	return c.peer.Addr()
}

// LocalAddr is our address of the connection, asked of the kernel, or nil when the connection is over.
func (c *Conn) LocalAddr() net.Addr {
	c.cell.Lock()
	defer c.cell.Unlock()
	if c.cell.Closed() || c.cell.FD() < 0 || c.config.stream != nil {
		return nil
	}
	return reactor.LocalAddr(c.cell.FD())
}

// Buffered is how many bytes wait to be written to the peer, the kernel's buffer not counted.
func (c *Conn) Buffered() int {
	c.cell.Lock()
	defer c.cell.Unlock()
	return c.out.Bytes()
}

// Dropped counts what the slow-peer policy dropped on this connection.
func (c *Conn) Dropped() Dropped {
	c.cell.Lock()
	defer c.cell.Unlock()
	if x := c.extra.Load(); x != nil {
		return x.dropped
	}
	return Dropped{}
}

// Closed reports whether the connection is closed or closing, so that writes are refused.
func (c *Conn) Closed() bool { return c.flags.Load()&flagsEnd != 0 }

// Interrupted reports whether the connection is closed or closing, suspended, or about to be taken over after Swap. A
// protocol that finds several messages in what OnData got asks this after each, and if it is so leaves the rest
// unconsumed: for nobody, for itself after Resume, or for the next protocol.
func (c *Conn) Interrupted() bool { return c.flags.Load()&(flagsEnd|flagSuspended|flagSwap) != 0 }

// SetTimeout sets how long nothing may move on the connection until OnTimeout is called, and every time so long again;
// zero means for ever. It counts from now. Negative values and those above 40 days are clipped.
func (c *Conn) SetTimeout(d time.Duration) {
	d = min(max(d, 0), maxTimeout)
	if d > 0 {
		d = max(d, time.Millisecond)
	}
	c.lockedMore().idleMS.Store(int64(d / time.Millisecond))
	c.raise(flagIdleSet)
}

// idle is the idle timeout in milliseconds; zero is for ever.
func (c *Conn) idle() int64 {
	if x := c.extra.Load(); x != nil {
		return x.idleMS.Load()
	}
	return 0
}

// Suspend stops reading from the peer until Resume. What OnData has not consumed waits. Timers and messages go on; so
// does the idle timeout, which reads no longer touch.
func (c *Conn) Suspend() {
	c.flags.Or(flagSuspended)
	c.cell.Due()
}

// Resume reads on after Suspend. If bytes wait that OnData left unconsumed, it is called with them.
func (c *Conn) Resume() {
	c.flags.And(^uint32(flagSuspended))
	c.raise(flagData)
}

// An Event is a callback that can be asked for: see Trigger.
type Event uint8

const (
	// EventData calls OnData with what it left unconsumed, if that is anything.
	EventData Event = iota
	// EventDrained calls OnDrained.
	EventDrained
	// EventTimeout calls OnTimeout.
	EventTimeout
)

// Trigger has a callback called soon, in a turn of its own, as if there were a reason. Several calls may become one.
func (c *Conn) Trigger(e Event) {
	switch e {
	case EventData:
		c.raise(flagData)
	case EventDrained:
		c.raise(flagDrained)
	case EventTimeout:
		c.raise(flagIdle)
	}
}

// Swap lets another protocol object take the connection over. The current callback ends first. Then the old protocol's
// OnSwap is called if it is a Swapper, then next's OnOpen, and from then on every callback goes to next: bytes that were
// received but not consumed first. Subscriptions, timers and tags stay. The old protocol's OnClose is not called. A nil
// next is refused with ErrNilFactory.
func (c *Conn) Swap(next Protocol) error {
	if next == nil {
		return ErrNilFactory
	}
	c.cell.Lock()
	if c.flags.Load()&flagsEnd != 0 {
		c.cell.Unlock()
		return ErrClosed
	}
	x := c.more()
	x.next = append(x.next, next)
	c.flags.Or(flagSwap)
	wake := c.cell.NeedsWake()
	c.cell.Unlock()
	if wake {
		c.cell.Wake()
	}
	return nil
}
