package actors

import (
	"runtime/debug"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/troupe-go/troupe/reactor"
	"github.com/troupe-go/troupe/supervision"
	"golang.org/x/sys/unix"
)

const (
	// mailTurn is how many messages one turn serves.
	mailTurn = 256
	// flushRounds is how often one turn writes what came meanwhile.
	flushRounds = 4
)

// turn is one turn of the connection. Mail first, then bytes, then everything written goes out.
func (c *Conn) turn(w *reactor.Worker, events reactor.Events) (out reactor.Outcome) {
	defer c.rescue(w, &out)
	c.begin(w, events)
	switch c.phase {
	case opened:
		c.serve(w, events)
	case lingering:
		c.drainInput(w, events)
	case closed, gone: // only system messages still come
	case concluding: // OnClose or something after it failed
		c.bury()
	default:
		c.establish(w, events)
	}
	return c.end(w)
}

func (c *Conn) begin(w *reactor.Worker, events reactor.Events) {
	c.cell.Lock()
	c.cell.Begin(events)
	if c.out == nil {
		c.out = w.Lend()
	}
	system := c.cell.HasSystem()
	c.cell.Unlock()
	if events&reactor.Writable != 0 {
		c.blocked = false
	}
	if system {
		c.serveSystem()
	}
}

// serve is the turn of an open connection.
func (c *Conn) serve(w *reactor.Worker, events reactor.Events) {
	if c.flags.Load()&flagsServe != 0 {
		c.serveFlags()
	}
	c.serveMail(w)
	switch {
	case events&(reactor.Readable|reactor.Broken) == 0:
	case c.mayRead():
		c.read(w)
	case events&reactor.Broken != 0:
		c.broken()
	}
}

// mayRead reports whether the connection reads, if there is something.
func (c *Conn) mayRead() bool {
	return c.phase == opened && c.flags.Load()&(flagsEnd|flagSuspended) == 0 && !c.ended && !c.choked
}

// live reports whether callbacks may still be called.
func (c *Conn) live() bool { return c.phase == opened && c.flags.Load()&flagsEnd == 0 }

// serveFlags does what was asked for by Swap, Trigger, Resume, or a timer.
func (c *Conn) serveFlags() {
	if c.take(flagShutdown) && c.live() {
		c.shutdown()
	}
	if c.flags.Load()&flagSwap != 0 {
		c.swap()
	}
	if c.take(flagData) && c.tail != nil {
		c.deliver(nil)
	}
	if c.take(flagDrained) && c.live() {
		c.callback = inDrained
		c.protocol.OnDrained(c)
		c.callback = none
	}
	if c.take(flagIdle) && c.live() {
		c.callback = inTimeout
		c.protocol.OnTimeout(c)
		c.callback = none
	}
	if c.flags.Load()&flagSwap != 0 {
		c.swap()
	}
}

// serveMail serves messages, tasks, timers and deliveries, oldest first.
func (c *Conn) serveMail(w *reactor.Worker) {
	for range mailTurn {
		if !c.live() {
			return
		}
		item, ok := c.cell.Next()
		if !ok {
			return
		}
		w.Counters.Messages++
		c.serveItem(item)
		if c.flags.Load()&flagSwap != 0 {
			c.swap()
		}
	}
}

func (c *Conn) serveItem(item any) {
	switch item := item.(type) {
	case *task:
		c.callback = inTask
		item.run(c)
	case *Timer:
		item.fire()
		return
	case *delivery:
		if item.hooked { // a restart has ended its subscription
			c.reject(item)
			return
		}
		c.serveDelivery(item)
		return
	case *subscription:
		c.serveEnding(item)
		return
	case *actor.PoisonPill:
		c.closeFor(Reason{Code: LocalClose})
		return
	default:
		c.callback = inMessage
		if m := c.address.Load(); m != nil {
			m.invoker.InvokeUserMessage(item)
		} else {
			c.protocol.OnMessage(c, actor.UnwrapEnvelopeMessage(item))
		}
	}
	c.callback = none
}

// swap lets the protocols that wait take over, one after the other.
func (c *Conn) swap() {
	for c.live() {
		c.cell.Lock()
		x := c.extra.Load()
		if len(x.next) == 0 {
			c.flags.And(^uint32(flagSwap))
			c.cell.Unlock()
			return
		}
		next := x.next[0]
		x.next = append(x.next[:0], x.next[1:]...)
		c.cell.Unlock()
		if old, ok := c.protocol.(Swapper); ok {
			c.callback = inSwap
			old.OnSwap(c, next)
			c.callback = none
		}
		c.callback = inOpen
		c.adopt(next)
		next.OnOpen(c)
		c.callback = none
		if c.tail != nil { // bytes the old protocol left are the new one's
			c.flags.Or(flagData)
		}
	}
}

// adopt makes p the connection's protocol.
func (c *Conn) adopt(p Protocol) {
	b, ok := p.(Blocker)
	c.blocking = ok && b.Blocking()
	encoder := encoderOf(p)
	c.cell.Lock()
	c.protocol = p
	if x := c.extra.Load(); x != nil {
		x.encoder.Store(encoder)
		x.framed = true
	}
	c.cell.Unlock()
}

// establish takes a connection from its beginning to OnOpen.
func (c *Conn) establish(w *reactor.Worker, events reactor.Events) {
	switch c.phase {
	case dialing:
		if !c.connect(events) {
			return
		}
	case backingOff:
		if !c.restart(events) {
			return
		}
	}
	if c.flags.Load()&flagsEnd != 0 {
		return
	}
	if c.phase == fresh {
		c.callback = inFactory
		p := c.config.factory()
		if p == nil {
			panic(ErrNilFactory)
		}
		c.adopt(p)
		c.callback = none
		c.phase = ready
		if c.blocking && !c.cell.IsBlocking() {
			return // the next turn, after Settle, is beside the loop
		}
	}
	if x := c.extra.Load(); x != nil && x.dial != nil && !c.greeted {
		c.established()
	}
	c.phase, c.greeted = opened, true
	c.touched = w.Now
	c.callback = inOpen
	c.protocol.OnOpen(c)
	c.callback = none
	if ln := c.config.listener; c.config.system.stopping.Load() || ln != nil && ln.shutting.Load() {
		c.flags.Or(flagShutdown)
	}
	if c.tail != nil { // a restarted protocol gets what its predecessor left
		c.flags.Or(flagData)
	}
	c.serve(w, events)
}

// end writes what waits, closes what is over, and says what is left to do.
func (c *Conn) end(w *reactor.Worker) reactor.Outcome {
	c.cell.Lock()
	for range flushRounds {
		if !c.mayWrite() || !c.out.TakeMost(c.config.takeMost) {
			break
		}
		c.cell.Unlock()
		bytes, charge, errno := c.flush(w)
		c.cell.Lock()
		c.out.Wrote(bytes, charge)
		if errno != 0 {
			if errno != unix.EAGAIN {
				c.cell.Unlock()
				c.abort(Reason{Code: IOError, Err: ioError("write", errno)})
				c.cell.Lock()
			}
			break
		}
	}
	more := false
	if c.refused {
		c.refused, c.waited = false, true
	}
	if c.waited || c.choked || c.flags.Load()&flagsStrange != 0 || c.phase != opened {
		c.cell.Unlock()
		seen := c.attend()
		c.cell.Lock()
		more = c.asked(seen)
	}
	if c.moved {
		c.moved, c.touched = false, w.Now
	}
	if c.crowded() {
		c.choked = true
	}
	if c.out.Empty() {
		if c.out != nil {
			w.Reclaim(c.out)
			c.out = nil
		}
	} else if c.mayWrite() { // others write as fast as the socket takes it
		more = true
	}
	out := c.cell.End(more, !c.live())
	if c.unsettled() {
		out |= reactor.NeedSettle
	}
	c.cell.Unlock()
	return out
}

// asked reports whether another turn is due for what has been asked for since attend looked at the flags: nobody wakes
// a cell whose turn is under way.
func (c *Conn) asked(seen uint32) bool {
	flags := c.flags.Load()
	switch {
	case c.phase >= concluding:
		return c.phase == lingering && flags&flagDeadline != 0
	case flags&flagDeadline != 0, flags&^seen&flagsEnd != 0:
		return true
	case flags&flagsEnd != 0: // what waits is to be written
		return false
	case c.phase == opened:
		return flags&flagsServe != 0
	}
	return c.phase == ready || flags&flagShutdown != 0
}

// crowded reports whether too much is pending to read on. With the mutex.
func (c *Conn) crowded() bool {
	charge := c.out.Charge()
	return charge > c.config.MaxOutbound/2 || charge > 0 && c.config.SlowPolicy == SuspendReads && c.room() <= 0
}

// roomy reports whether so little is pending that reading can go on. With the mutex.
func (c *Conn) roomy() bool {
	charge := c.out.Charge()
	return charge <= c.config.MaxOutbound/4 && (charge == 0 || c.config.SlowPolicy != SuspendReads || c.room() > 0)
}

// room is how many bytes may be read if all of them, and those that OnData has left, were echoed. With the mutex.
func (c *Conn) room() int { return c.config.MaxOutbound - c.out.Charge() - len(c.kept()) }

// attend does at the end of a turn what is not the usual. It returns the flags that it has taken into account.
func (c *Conn) attend() (seen uint32) {
	if c.phase >= concluding {
		return 0
	}
	if c.take(flagDeadline) {
		c.overdue()
	}
	c.cell.Lock() // a close that is seen must not miss what was written before it
	seen = c.flags.Load()
	bytes, roomy := c.out.Bytes(), c.roomy()
	c.cell.Unlock()
	switch {
	case seen&flagForce != 0, seen&flagClose != 0 && (bytes == 0 || c.phase == dialing):
		c.conclude()
		return seen
	case seen&flagClose != 0:
		c.linger()
	}
	if c.phase != opened {
		return seen
	}
	if c.choked && roomy {
		c.choked = false
	}
	if c.waited && bytes == 0 {
		c.waited = false
		c.flags.Or(flagDrained)
	}
	if seen&flagReplay != 0 {
		c.replayOn()
	}
	return seen
}

// mayWrite reports whether the socket is there and, as far as is known, takes bytes.
func (c *Conn) mayWrite() bool { return !c.blocked && c.phase > dialing && c.phase < concluding }

// flush is one go at writing what is in flight. Without the mutex.
func (c *Conn) flush(w *reactor.Worker) (bytes, charge int, errno unix.Errno) {
	bytes, charge, errno = c.out.Flush(w, c.config.stream, c.cell.FD())
	if bytes > 0 {
		c.touched = w.Now
	}
	if errno == unix.EAGAIN {
		c.blocked, c.waited = true, true
	}
	return bytes, charge, errno
}

// unsettled reports whether the loop has to be told something.
func (c *Conn) unsettled() bool {
	return c.phase == closed || c.hung || c.flags.Load()&flagsTimers != 0 || c.want != c.wanted() ||
		c.blocking != c.cell.IsBlocking() || c.phase == dialing
}

// wanted is what the poller should watch for.
func (c *Conn) wanted() reactor.Events {
	var want reactor.Events
	switch {
	case c.phase == dialing:
		return reactor.Writable
	case c.phase == fresh || c.phase == ready || c.phase == lingering || c.mayRead():
		want = reactor.Readable
	}
	if c.blocked {
		want |= reactor.Writable
	}
	return want
}

// rescue ends a turn that a callback did not return from.
func (c *Conn) rescue(w *reactor.Worker, out *reactor.Outcome) {
	if c.callback == none {
		return
	}
	f := &supervision.Failure{Callback: callbackNames[c.callback], Value: recover(), Stack: debug.Stack()}
	if f.Value == nil {
		f.Value = supervision.ErrGoexit
	}
	failed := c.callback
	c.callback = none
	defer func() { // also if Decide or OnFailure end the goroutine
		c.cell.Lock()
		*out = c.cell.End(true, false) | reactor.NeedSettle
		c.cell.Unlock()
		w.Abandoned = *out
	}()
	c.failed(failed, f)
}
