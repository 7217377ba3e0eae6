package actors

import (
	"github.com/troupe-go/troupe/reactor"
	"golang.org/x/sys/unix"
)

const (
	// acceptMost is how many connections one turn accepts at most.
	acceptMost = 64
	// acceptPause is how long, in milliseconds, accepting rests when descriptors or memory have run out.
	acceptPause = 50
)

// An acceptor is a listener's presence on one loop. The kernel wakes few loops for each connection (EPOLLEXCLUSIVE), and
// whoever accepts one keeps it.
type acceptor struct {
	cell     reactor.Cell
	listener *Listener
	fresh    []arrival     // the turn's: accepted, and not yet on the loop
	batch    int           // the turn's: how many to try to accept
	starved  bool          // the turn's: no descriptors are left
	paused   bool          // the loop's
	joined   bool          // the loop's: the cell is registered
	left     bool          // the loop's: the acceptor has gone
	retry    reactor.Timer // the loop's
}

type arrival struct {
	fd   int
	peer reactor.Peer
}

var (
	_ reactor.Turner  = (*acceptor)(nil)
	_ reactor.Expirer = (*acceptor)(nil)
)

// Turn implements reactor.Turner. It tries to accept one connection, and twice as many after each time that got all it
// tried for: so a single arrival costs no second call to be told that there is no other.
func (a *acceptor) Turn(_ *reactor.Worker, events reactor.Events) reactor.Outcome {
	a.cell.Lock()
	a.cell.Begin(events)
	a.cell.Unlock()
	if !a.listener.closing.Load() && (events != 0 || a.starved) {
		a.accept()
	}
	a.cell.Lock()
	defer a.cell.Unlock()
	out := a.cell.End(false, false)
	if len(a.fresh) > 0 || events == 0 || a.starved || a.listener.closing.Load() {
		out |= reactor.NeedSettle
	}
	return out
}

func (a *acceptor) accept() {
	a.starved = false
	a.batch = min(max(1, 2*a.batch), acceptMost)
	counters := &a.listener.config.system.counters
	for range a.batch {
		var peer reactor.Peer
		fd, errno := reactor.Accept(a.listener.fd, &peer)
		switch errno {
		case 0:
			a.fresh = append(a.fresh, arrival{fd, peer})
		case unix.EAGAIN:
			a.batch = 0
			return
		case unix.EMFILE, unix.ENFILE, unix.ENOBUFS, unix.ENOMEM:
			counters.acceptPauses.Add(1)
			a.starved = true
			return
		default: // the connection went before it was accepted: accept(2) tells network errors here
			counters.acceptErrors.Add(1)
		}
	}
}

// Settle implements reactor.Turner.
func (a *acceptor) Settle(l *reactor.Loop) {
	for i := range a.fresh {
		a.listener.admit(l, a.fresh[i])
		a.fresh[i] = arrival{}
	}
	a.fresh = a.fresh[:0]
	switch {
	case a.left:
	case a.listener.closing.Load():
		a.leave(l)
	case !a.joined:
		a.joined = true
		if err := l.Register(&a.cell, a.listener.fd, reactor.Readable|reactor.Exclusive); err != nil {
			a.listener.config.system.log.Error("troupe: listening", "addr", a.listener.bound, "error", err)
			a.leave(l)
		}
	case a.starved:
		if !a.paused {
			a.listener.config.system.log.Warn("troupe: accepting pauses: no descriptors or memory", "addr", a.listener.bound)
			a.paused = l.Pause(&a.cell) == nil
		}
		l.Arm(&a.retry, l.Now()+acceptPause)
	case a.paused:
		if l.Unpause(&a.cell) == nil {
			a.paused = false
		} else {
			l.Arm(&a.retry, l.Now()+acceptPause)
		}
	}
}

// Expire implements reactor.Expirer: the pause is over.
func (a *acceptor) Expire(*reactor.Loop, *reactor.Timer) { a.cell.Due() }

// Stop implements reactor.Turner.
func (a *acceptor) Stop(l *reactor.Loop) { a.leave(l) }

// leave takes the acceptor off its loop. The last one closes the socket.
func (a *acceptor) leave(l *reactor.Loop) {
	if a.left {
		return
	}
	a.left = true
	l.Disarm(&a.retry)
	l.Forget(&a.cell) // the descriptor stays open for the other loops
	if ln := a.listener; ln.remaining.Add(-1) == 0 {
		reactor.UnlinkSocket(ln.bound) // while it is open: its inode cannot be another's yet
		reactor.CloseFD(ln.fd)
		ln.left()
	}
}

// admit puts an accepted connection on the loop.
func (ln *Listener) admit(l *reactor.Loop, a arrival) {
	ln.accepted.Add(1)
	c := newConn(ln.config, l, fresh)
	c.peer = a.peer
	c.want = reactor.Readable
	if err := l.Register(&c.cell, a.fd, c.want); err != nil {
		reactor.CloseFD(a.fd)
		ln.config.system.counters.acceptErrors.Add(1)
		ln.config.system.left(c)
		return
	}
	c.flags.Or(flagNamed)
	c.cell.Due()
}
