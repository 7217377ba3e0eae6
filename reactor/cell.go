package reactor

import (
	"errors"
	"slices"
	"sync"
	"sync/atomic"
)

// Outcome is what a turn leaves to be done by the loop.
type Outcome uint8

const (
	// NeedSettle asks for a call of Turner.Settle.
	NeedSettle Outcome = 1 << iota
	// NeedTurn asks for another turn: there is more to do than one turn may take. Set by Cell.End.
	NeedTurn
)

// A Turner is what a loop gives turns to. Its methods are called by the loop only.
type Turner interface {
	// Turn does what there is to do: ready says what the descriptor is ready for; with none the turn is for the
	// mailbox. It begins with Cell.Begin and ends with Cell.End. Turns of one Turner never overlap, but they run on
	// different goroutines. A turn may block; it must recover from panics of user code itself.
	Turn(w *Worker, ready Events) Outcome
	// Settle applies to the loop what the turn left to do. It runs on the goroutine that owns the loop, never
	// beside a turn of the same Turner, and must neither block nor run user code.
	Settle(l *Loop)
	// Stop releases the Turner's descriptor because the loop ends. Called like Settle, at most once.
	Stop(l *Loop)
}

// Errors of a Cell's mailbox.
var (
	// ErrCellClosed: the cell takes no more mail.
	ErrCellClosed = errors.New("reactor: cell is closed")
	// ErrMailboxFull: as much mail waits as the sender allowed.
	ErrMailboxFull = errors.New("reactor: mailbox is full")
)

// A Cell is an actor's place on a loop: its mailbox, its descriptor, and its right to turns. It is embedded as a
// field of a Turner and must be initialised by Init before use.
//
// Its mutex guards the mailbox and the schedule. The Turner may guard its own fields with it as well; it must not be
// held while user code runs.
type Cell struct {
	sync.Mutex

	turner Turner
	loop   *Loop
	mail   *mailbox // guarded by the mutex; nil when empty
	served *mailbox // the turn's own: mail as Begin found it
	gen    uint64
	slot   atomic.Uint32 // index in the loop's table, kept when the cell has left it. Written by the loop.
	fd     int32         // -1 while unregistered. Written by the loop.

	// guarded by the mutex
	queued  bool // in the loop's inbox or run queue
	running bool // a turn is under way and will look at the mailbox before it ends
	closed  bool // no more user mail

	// the loop's own
	registered bool
	detached   bool   // a turn is under way on another goroutine
	requeue    bool   // a turn is due when the detached one has ended
	silenced   bool   // the poller was told to forget fd while detached
	paused     bool   // the poller was told to forget fd until Unpause
	broken     bool   // the poller would not watch fd again
	blocking   bool   // give turns on another goroutine always
	sticky     uint8  // give so many more turns on another goroutine
	interest   Events // what the poller watches for
}

// Init binds a cell to its Turner and its loop, for good.
func (c *Cell) Init(t Turner, l *Loop) {
	c.turner, c.loop, c.fd = t, l, -1
	c.gen = l.generation.Add(1)
}

// Loop is the loop the cell lives on.
func (c *Cell) Loop() *Loop { return c.loop }

// Generation tells the cell from every other that ever lived on its loop.
func (c *Cell) Generation() uint64 { return c.gen }

// FD is the registered descriptor, or -1. For the cell's own turn, for Settle, and with the mutex.
func (c *Cell) FD() int { return int(c.fd) }

// Index is the cell's place in its loop's table, from when it was registered: with the generation it names the cell for
// ever. Safe from any goroutine.
func (c *Cell) Index() uint32 { return c.slot.Load() }

// Post appends v to the mailbox and sees to it that a turn serves it. limit bounds how many messages may wait; zero
// means no limit. Safe from any goroutine. It fails with ErrCellClosed or ErrMailboxFull.
func (c *Cell) Post(v any, limit int) error {
	c.Lock()
	err := c.Push(v, limit)
	wake := err == nil && c.NeedsWake()
	c.Unlock()
	if wake {
		c.Wake()
	}
	return err
}

// Push is Post without seeing to a turn: call NeedsWake after it. The mutex must be held.
func (c *Cell) Push(v any, limit int) error {
	if c.closed {
		return ErrCellClosed
	}
	if limit > 0 && c.mail != nil && c.mail.len() >= limit {
		return ErrMailboxFull
	}
	m := c.mailbox()
	m.in = append(m.in, v)
	return nil
}

// PostSystem appends to the system queue, which is served first and even after Close. Safe from any goroutine.
func (c *Cell) PostSystem(v any) {
	c.Lock()
	m := c.mailbox()
	m.system = append(m.system, v)
	wake := c.NeedsWake()
	c.Unlock()
	if wake {
		c.Wake()
	}
}

func (c *Cell) mailbox() *mailbox {
	if c.mail == nil {
		c.mail = mailboxPool.Get().(*mailbox)
	}
	return c.mail
}

// NeedsWake marks the cell as due for a turn and reports whether the caller must call Wake after unlocking. The mutex
// must be held.
func (c *Cell) NeedsWake() bool {
	if c.queued || c.running {
		return false
	}
	c.queued = true
	return true
}

// Wake puts the cell into its loop's inbox, after NeedsWake said so. The mutex must not be held.
func (c *Cell) Wake() { c.loop.enqueue(c) }

// Due sees to it that the cell gets a turn, without mail. Safe from any goroutine.
func (c *Cell) Due() {
	c.Lock()
	wake := c.NeedsWake()
	c.Unlock()
	if wake {
		c.Wake()
	}
}

// Running reports whether a turn is under way. The mutex must be held.
func (c *Cell) Running() bool { return c.running }

// Begin starts a turn. The mutex must be held.
func (c *Cell) Begin(ready Events) {
	c.running = true
	if ready == 0 {
		c.queued = false
	}
	if c.served = c.mail; c.served != nil {
		c.served.refill()
	}
}

// HasSystem reports whether system messages wait. The mutex must be held.
func (c *Cell) HasSystem() bool { return c.mail != nil && len(c.mail.system) > 0 }

// End ends a turn. If more is set, the outcome holds NeedTurn; also if there is mail to serve, unless hold says that it
// has to wait for another reason to have a turn. The mutex must be held.
func (c *Cell) End(more, hold bool) Outcome {
	c.running, c.served = false, nil
	if m := c.mail; m != nil {
		if m.empty() {
			c.mail = nil
			m.recycle()
		} else {
			m.held = len(m.batch) - m.next
			more = more || !hold || len(m.system) > 0
		}
	}
	if !more || c.queued {
		return 0
	}
	c.queued = true
	return NeedTurn
}

// Next takes the oldest message of the batch that Begin took. For the turn only, without the mutex.
func (c *Cell) Next() (any, bool) {
	m := c.served
	if m == nil || m.next == len(m.batch) {
		return nil, false
	}
	v := m.batch[m.next]
	m.batch[m.next] = nil
	m.next++
	return v, true
}

// NextSystem takes the oldest system message. For the turn only; the mutex must be held.
func (c *Cell) NextSystem() (any, bool) {
	m := c.mail
	if m == nil || len(m.system) == 0 {
		return nil, false
	}
	v := m.system[0]
	m.system = slices.Delete(m.system, 0, 1)
	return v, true
}

// Mail is how many user messages wait. Safe from any goroutine.
func (c *Cell) Mail() int {
	c.Lock()
	defer c.Unlock()
	if c.mail == nil {
		return 0
	}
	return c.mail.len()
}

// Close ends the taking of user mail and returns what was not served, oldest first. For the turn only; the mutex must
// be held.
func (c *Cell) Close() (unserved []any) {
	c.closed = true
	m := c.mail
	if m == nil {
		return nil
	}
	unserved = append(unserved, m.batch[m.next:]...)
	unserved = append(unserved, m.in...)
	clear(m.batch)
	clear(m.in)
	m.in, m.batch, m.next, m.held = m.in[:0], m.batch[:0], 0, 0
	return unserved
}

// Closed reports whether Close was called. The mutex must be held.
func (c *Cell) Closed() bool { return c.closed }
