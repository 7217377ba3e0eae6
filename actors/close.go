package actors

import (
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/troupe-go/troupe/reactor"
)

// Close closes the connection when everything written before has gone to the socket, at most ConnOptions.CloseTimeout
// later. Writes are refused from now on, and no callback but OnClose is called any more; it gets the reason LocalClose.
// Messages, tasks and timers that still wait are given up, each with its fallback or finish hook.
func (c *Conn) Close() { c.closeFor(Reason{Code: LocalClose}) }

// ForceClose closes the connection now. What was not written is lost, and counted in the Reason of OnClose.
func (c *Conn) ForceClose() { c.abort(Reason{Code: LocalClose}) }

// Fail closes the connection like Close, with the reason ProtocolError and err. It is for protocols that cannot go on
// with what the peer sends.
func (c *Conn) Fail(err error) { c.closeFor(Reason{Code: ProtocolError, Err: err}) }

// closeFor asks for a close after everything is written.
func (c *Conn) closeFor(r Reason) { c.endFor(r, flagClose) }

// abort asks for a close now.
func (c *Conn) abort(r Reason) { c.endFor(r, flagsEnd) }

func (c *Conn) endFor(r Reason, flags uint32) {
	c.cell.Lock()
	c.demandEnd(r, flags)
	wake := c.cell.NeedsWake()
	c.cell.Unlock()
	if wake {
		c.cell.Wake()
	}
}

// demandEnd is endFor with the mutex held. The first reason stays.
func (c *Conn) demandEnd(r Reason, flags uint32) {
	if x := c.more(); x.reason.Code == 0 {
		x.reason = r
	}
	c.flags.Or(flags)
}

// linger is the state of a connection that is closing and has bytes left to write: it has a deadline.
func (c *Conn) linger() {
	c.cell.Lock()
	x := c.more()
	if x.reason.Code == PeerClosed {
		x.reason.Code = HalfClosed
	}
	c.cell.Unlock()
	if x.closeBy == 0 {
		c.setDeadline(&x.closeBy, c.config.CloseTimeout)
	}
}

// setDeadline sets one of extra's instants, and has flagDeadline raised when it has come.
func (c *Conn) setDeadline(at *int64, d time.Duration) {
	*at = c.config.system.group.Later(d)
	c.flags.Or(flagDeadlineSet)
}

// deadlineAt is the instant that comes first, or 0. A connection that is closing waits for nothing else.
func (x *extra) deadlineAt() int64 {
	switch {
	case x.closeBy > 0:
		return x.closeBy
	case x.phaseUntil > 0 && x.graceUntil > 0:
		return min(x.phaseUntil, x.graceUntil)
	}
	return max(x.phaseUntil, x.graceUntil)
}

// passed reports whether one of extra's instants has come.
func (c *Conn) passed(at int64) bool { return at > 0 && c.config.system.group.Clock() >= at }

// overdue is what happens when the deadline timer has run out: for a close, or for the time that OnShutdown asked for.
// What else it may have run out for is looked at in establish; the timer is set anew in any case.
func (c *Conn) overdue() {
	x := c.extra.Load()
	c.flags.Or(flagDeadlineSet)
	switch {
	case c.passed(x.closeBy):
		x.closeBy = 0
		c.config.system.counters.closeTimeouts.Add(1)
		c.cell.Lock()
		if x.reason.Err == nil {
			x.reason.Err = ErrCloseTimeout
		}
		c.flags.Or(flagForce)
		c.cell.Unlock()
	case c.passed(x.graceUntil):
		x.graceUntil = 0
		c.closeFor(Reason{Code: Shutdown})
	}
}

// shutdown lets the protocol say goodbye and closes the connection.
func (c *Conn) shutdown() {
	if c.flags.Or(flagShut)&flagShut != 0 {
		return
	}
	c.callback = inShutdown
	grace := c.protocol.OnShutdown(c)
	c.callback = none
	if grace > 0 {
		c.setDeadline(&c.lockedMore().graceUntil, grace)
		return
	}
	c.closeFor(Reason{Code: Shutdown})
}

// conclude ends the connection's life as an actor. In a turn.
func (c *Conn) conclude() {
	c.phase = concluding
	c.cell.Lock()
	c.flags.Or(flagClose)
	x := c.more()
	var lost *reactor.Outbound
	if !c.out.Empty() {
		lost, c.out = c.out, nil
	}
	x.unserved = c.cell.Close()
	c.cell.Unlock()
	if lost != nil {
		n := lost.Discard()
		c.cell.Lock()
		x.reason.Lost = n
		c.cell.Unlock()
		c.config.system.counters.lostBytes.Add(uint64(n))
	}
	c.config.system.counters.closed[x.reason.Code].Add(1)
	c.bury()
}

// bury runs what is due at the end: fallbacks, finish and unsubscribed hooks, and OnClose last. If one of them panics
// it is called again, in the next turn, and goes on after it.
func (c *Conn) bury() {
	x := c.extra.Load()
	for len(x.unserved) > 0 {
		item := x.unserved[0]
		x.unserved = x.unserved[1:]
		c.reject(item)
	}
	for t := c.anyTimer(); t != nil; t = c.anyTimer() {
		t.finish()
	}
	c.unsubscribeAll()
	if c.phase == concluding {
		c.farewell(x)
	}
	c.config.system.tags.forget(c)
	if c.tail != nil {
		c.tail.Release()
		c.tail = nil
	}
	c.phase = closed
	if m := c.address.Load(); m != nil {
		m.invoker.InvokeSystemMessage(&actor.Stop{}) // watchers get Terminated
	}
}

// farewell calls OnClose: once, and if OnOpen was called or the connection was dialled.
func (c *Conn) farewell(x *extra) {
	if c.protocol == nil && x.dial != nil && !x.dial.reported {
		x.dial.reported = true
		c.callback = inFactory
		p := c.config.factory()
		c.callback = none
		c.cell.Lock()
		c.protocol = p
		c.cell.Unlock()
	}
	dialled := x.dial != nil
	if c.protocol == nil || x.farewell || !c.greeted && !dialled {
		return
	}
	x.farewell = true
	c.callback = inClose
	c.protocol.OnClose(c, x.reason)
	c.callback = none
}

// reject gives up a message that will not be served.
func (c *Conn) reject(item any) {
	switch item := item.(type) {
	case *task:
		c.callback = inFallback
		item.giveUp()
		c.callback = none
	case *Timer, *subscription: // their hooks are called for every timer and subscription
	case *delivery:
		item.release()
		c.config.system.counters.undelivered.Add(1)
	case *actor.PoisonPill:
	default:
		c.config.system.deadLetter(c, item)
	}
}
