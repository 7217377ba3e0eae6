package actors

import (
	"time"

	"github.com/troupe-go/troupe/reactor"
	"golang.org/x/sys/unix"
)

// A turner is a Conn as its loop sees it. The methods are not Conn's, so that users do not see them.
type turner Conn

var (
	_ reactor.Turner  = (*turner)(nil)
	_ reactor.Expirer = (*turner)(nil)
)

// Turn implements reactor.Turner.
func (t *turner) Turn(w *reactor.Worker, events reactor.Events) reactor.Outcome {
	return (*Conn)(t).turn(w, events)
}

// Settle implements reactor.Turner: it applies to the loop what turns left to do.
func (t *turner) Settle(l *reactor.Loop) {
	c := (*Conn)(t)
	switch c.phase {
	case closed:
		c.release(l)
		return
	case lingering, gone:
		return
	case dialing:
		c.settleDial(l)
	}
	if want := c.wanted(); want != c.want && c.cell.FD() >= 0 {
		if err := l.Interest(&c.cell, want); err != nil {
			c.abort(Reason{Code: IOError, Err: ioErrorOf("epoll", err)})
		}
		c.want = want
	}
	switch {
	case !c.hung:
	case c.flags.Load()&flagSuspended != 0 || c.phase == backingOff:
		l.Pause(&c.cell)
	default:
		c.hung = l.Unpause(&c.cell) != nil
	}
	c.cell.Blocking(c.blocking)
	if c.flags.Load()&flagsTimers != 0 {
		c.settleTimers(l)
	}
}

// settleTimers starts and stops timers.
func (c *Conn) settleTimers(l *reactor.Loop) {
	x := c.lockedMore()
	if c.take(flagStart) {
		c.settleStarting(l)
	}
	if c.phase != dialing && c.take(flagIdleSet) { // before, the timer is settleDial's
		if idle := c.idle(); idle > 0 {
			c.touched = c.config.system.group.Clock()
			l.Arm(&x.idle, c.touched+idle)
		} else {
			l.Disarm(&x.idle)
		}
	}
	if c.take(flagDeadlineSet) {
		if at := x.deadlineAt(); at > 0 {
			l.Arm(&x.deadline, at)
		} else {
			l.Disarm(&x.deadline)
		}
	}
}

func (c *Conn) settleStarting(l *reactor.Loop) {
	c.cell.Lock()
	x := c.more()
	starting := x.starting
	x.starting = nil
	c.cell.Unlock()
	for _, t := range starting {
		t.settle(l)
	}
}

// Expire implements reactor.Expirer. The idle timeout is lazy: bytes that move only say when, and the timer looks that
// up when it runs out.
func (t *turner) Expire(l *reactor.Loop, timer *reactor.Timer) {
	c := (*Conn)(t)
	if timer == &c.extra.Load().deadline {
		c.raise(flagDeadline)
		return
	}
	idle := c.idle()
	switch {
	case c.cell.Detached(): // a callback is running: that is not idle
		l.Arm(timer, l.Now()+max(1, idle))
		return
	case c.phase == dialing: // settleDial's retry
		c.cell.Due()
		return
	case idle == 0 || c.phase >= concluding:
		return
	}
	if due := c.touched + idle; due > l.Now() {
		l.Arm(timer, due)
		return
	}
	c.touched = l.Now()
	l.Arm(timer, c.touched+idle)
	c.raise(flagIdle)
}

// release gives back what the loop has of a connection that is over. A connection that was closed from this side may
// linger before: the peer may be sending still, and the kernel answers bytes that nobody reads by a reset, which makes
// the peer forget what it has not read yet, such as a goodbye.
func (c *Conn) release(l *reactor.Loop) {
	x := c.extra.Load()
	if d := x.dial; d != nil && d.fresh { // closed before it was registered
		d.fresh = false
		reactor.CloseFD(d.fd)
	}
	c.flags.And(^uint32(flagsTimers | flagDeadline))
	l.Disarm(&x.idle)
	l.Disarm(&x.deadline)
	c.settleStarting(l)
	switch s := c.config.system; {
	case x.lingers:
		s.lingerers.Add(-1)
	case c.mayLinger(l):
		l.Arm(&x.deadline, l.Now()+int64(c.config.Linger/time.Millisecond))
		c.phase, x.lingers = lingering, true
		s.left(c)
		return
	default:
		s.left(c)
	}
	c.hangUp(l)
}

// hangUp closes the descriptor.
func (c *Conn) hangUp(l *reactor.Loop) {
	fd := l.Unregister(&c.cell)
	c.phase = gone
	if fd >= 0 && c.config.stream == nil {
		if err := reactor.CloseFD(fd); err != nil {
			c.config.system.counters.closeErrors.Add(1)
		}
	}
}

// mayLinger reports whether the connection shall linger, after telling the peer that nothing more will come.
func (c *Conn) mayLinger(l *reactor.Loop) bool {
	s := c.config.system
	if c.flags.Load()&flagForce != 0 || c.ended || c.blocked || c.config.Linger < 0 || c.config.stream != nil ||
		c.cell.FD() < 0 || !c.greeted {
		return false
	}
	c.want = reactor.Readable
	if s.lingerers.Add(1) > maxLingerers || l.Interest(&c.cell, c.want) != nil || reactor.ShutdownWrite(c.cell.FD()) != nil {
		s.lingerers.Add(-1)
		return false
	}
	return true
}

// maxLingerers bounds how many closed connections may wait for their peers at once.
const maxLingerers = 4096

// drainInput throws away what still comes, until the peer closes or the time is over.
func (c *Conn) drainInput(w *reactor.Worker, events reactor.Events) {
	if c.take(flagDeadline) {
		c.phase = closed
		return
	}
	if events == 0 {
		return
	}
	if n, errno := reactor.Read(c.cell.FD(), w.Buffer); n == 0 && errno != unix.EAGAIN || errno != 0 && errno != unix.EAGAIN {
		c.phase = closed
	}
}

// Stop implements reactor.Turner: the loop ends. Connections are closed before, so only lingering ones are left, and
// those with a callback that did not return in time.
func (t *turner) Stop(l *reactor.Loop) {
	c := (*Conn)(t)
	if c.phase == gone {
		return
	}
	if x := c.extra.Load(); x != nil && x.lingers {
		c.config.system.lingerers.Add(-1)
	} else {
		c.config.system.left(c)
	}
	c.hangUp(l)
}
