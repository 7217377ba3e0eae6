package actors

import (
	"fmt"

	"github.com/troupe-go/troupe/reactor"
	"golang.org/x/sys/unix"
)

// read reads once from the socket and hands on what came. A read that fills the buffer is followed by another event,
// since the poller is level-triggered; so one connection cannot keep a loop to itself.
func (c *Conn) read(w *reactor.Worker) {
	p := w.Buffer
	if c.config.SlowPolicy == SuspendReads {
		// Read no more than what there is room for, if all of it were echoed.
		c.cell.Lock()
		if room := c.room(); room > 0 || c.out.Charge() > 0 { // else it could not be echoed anyway
			p = p[:min(len(p), max(1, room))]
		}
		c.cell.Unlock()
	}
	var n int
	var errno unix.Errno
	if s := c.config.stream; s != nil {
		n, errno = s.Read(p)
	} else {
		n, errno = reactor.Read(c.cell.FD(), p)
	}
	w.Counters.Reads++
	switch {
	case errno == unix.EAGAIN:
	case errno != 0:
		c.abort(Reason{Code: IOError, Err: ioError("read", errno)})
	case n == 0:
		c.endOfStream()
	default:
		w.Counters.BytesRead += uint64(n)
		c.touched = w.Now
		c.deliver(p[:n])
	}
}

// deliver gives the protocol what it left before and p, and keeps what it leaves now.
func (c *Conn) deliver(p []byte) {
	if c.tail != nil {
		p = c.rejoin(p)
	}
	for len(p) > 0 && c.live() && c.flags.Load()&flagSuspended == 0 {
		c.callback = inData
		n := c.protocol.OnData(c, p)
		c.callback = none
		if n < 0 || n > len(p) {
			c.abort(Reason{Code: ProtocolError, Err: fmt.Errorf("%w: %d of %d", ErrBadConsumed, n, len(p))})
			break
		}
		p = p[n:]
		if c.flags.Load()&flagSwap == 0 {
			break
		}
		c.keep(p) // before the next protocol's OnOpen, which may panic
		c.swap()
		if !c.take(flagData) {
			return
		}
		p = c.kept()
	}
	if c.live() {
		c.keep(p)
	}
}

// kept is what the protocol has not consumed.
func (c *Conn) kept() []byte {
	if c.tail == nil {
		return nil
	}
	return c.tail.Bytes()[c.tailFrom:]
}

// rejoin appends p to what is kept.
func (c *Conn) rejoin(p []byte) []byte {
	if c.tail.Room() < len(p) {
		old := c.kept()
		grown := reactor.GetBuffer(max(2*len(old), len(old)+len(p)))
		grown.Append(old)
		c.tail.Release()
		c.tail, c.tailFrom = grown, 0
	}
	c.tail.Append(p)
	return c.kept()
}

// keep keeps p, the end of what was delivered, which may lie in the tail already.
func (c *Conn) keep(p []byte) {
	switch {
	case len(p) == 0:
		if c.tail != nil {
			c.tail.Release()
			c.tail, c.tailFrom = nil, 0
		}
	case len(p) > c.config.MaxUnconsumed:
		c.abort(Reason{Code: ProtocolError, Err: fmt.Errorf("%w: %d", ErrUnconsumed, len(p))})
	case c.tail != nil:
		c.tailFrom = int32(len(c.tail.Bytes()) - len(p))
	default:
		c.tail, c.tailFrom = reactor.CopyBuffer(p), 0
	}
}

// endOfStream is what happens when the peer has shut its sending side.
func (c *Conn) endOfStream() {
	c.ended = true
	if c.config.HalfClose == KeepOnHalfClose {
		if h, ok := c.protocol.(HalfCloser); ok {
			c.callback = inHalfClose
			h.OnHalfClose(c)
			c.callback = none
		}
		return
	}
	// What a callback of this turn wrote is still to be tried; only what the socket does not take makes it half-closed.
	c.closeFor(Reason{Code: PeerClosed})
}

// broken is what happens when the poller reports an error or a hang-up while nothing is read.
func (c *Conn) broken() {
	if c.config.stream == nil {
		if err := reactor.PendingError(c.cell.FD()); err != nil {
			c.abort(Reason{Code: IOError, Err: ioErrorOf("socket", err)})
			return
		}
	}
	if !c.ended && !c.choked && c.flags.Load()&flagsEnd == 0 { // what the peer sent before is read after Resume
		c.hung = true
		return
	}
	c.abort(Reason{Code: PeerClosed})
}
