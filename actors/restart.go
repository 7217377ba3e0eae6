package actors

import (
	"maps"
	"slices"
	"time"

	"github.com/troupe-go/troupe/reactor"
	"github.com/troupe-go/troupe/supervision"
)

// failed asks supervision what to do about a failure.
func (c *Conn) failed(in callback, f *supervision.Failure) {
	s := c.config.system
	s.counters.failures.Add(1)
	if in == inData && c.tail != nil { // what it was given is lost
		c.tail.Release()
		c.tail = nil
	}
	c.report(f, func() {
		if c.phase >= concluding { // there is nothing left to decide
			return
		}
		x := c.lockedMore()
		d, wait := c.config.Supervision.Judge(&x.history, f, time.Duration(s.group.Clock())*time.Millisecond)
		switch {
		case d == supervision.Resume && in != inFactory && c.phase == opened:
			s.counters.resumes.Add(1)
		case d == supervision.Restart:
			s.counters.restarts.Add(1)
			c.phase = backingOff
			c.setDeadline(&x.phaseUntil, wait)
		default:
			c.abort(Reason{Code: Panicked, Err: f})
			if d == supervision.Escalate && c.config.listener != nil {
				c.config.listener.fail(f)
			}
		}
		if in == inShutdown { // it asks for no time
			c.closeFor(Reason{Code: Shutdown})
		}
	})
}

// report decides, and tells the hook or the log. A hook that panics is not asked again.
func (c *Conn) report(f *supervision.Failure, decide func()) {
	defer func() {
		if v := recover(); v != nil {
			c.config.system.log.Error("troupe: OnFailure panicked", "conn", c.Ref(), "panic", v)
		}
	}()
	decide()
	if hook := c.config.OnFailure; hook != nil {
		hook(c.Ref(), f)
		return
	}
	c.config.system.log.Error("troupe: callback failed", "conn", c.Ref(), "callback", f.Callback, "panic", f.Value,
		"directive", f.Directive, "stack", string(f.Stack))
}

// restart is a turn between a failure and the restart. It reports whether that is due. A shutdown does not wait for it.
func (c *Conn) restart(events reactor.Events) bool {
	x := c.extra.Load()
	switch {
	case events&reactor.Broken != 0: // the poller tells it whatever is asked for, again and again
		c.broken()
		return false
	case c.take(flagShutdown) && c.flags.Load()&flagShut == 0:
		c.closeFor(Reason{Code: Shutdown})
		return false
	case c.flags.Load()&flagsEnd != 0 || !c.passed(x.phaseUntil):
		return false
	}
	c.disown(x)
	c.phase, x.phaseUntil = fresh, 0
	return true
}

// disown ends the timers and subscriptions of the protocol object that failed: the next one begins without. What their
// hooks begin is not ended. If one of them panics, that is another failure, and the next restart goes on after it.
func (c *Conn) disown(x *extra) {
	c.cell.Lock()
	timers := slices.Collect(maps.Keys(x.timers))
	var subscriptions []*subscription
	for s := x.subscriptions; s != nil; s = s.next {
		subscriptions = append(subscriptions, s)
	}
	c.cell.Unlock()
	for _, t := range timers {
		t.finish()
	}
	for _, s := range subscriptions {
		c.cell.Lock()
		s.unlink()
		c.cell.Unlock()
		s.Cancel()
		s.unsubscribed()
		s.hooked = true // with or without a hook: what waits for it in the mailbox is dropped
	}
}
