package line

import (
	"io"
	"sync"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
)

// A Handler is what a connection does with lines: an actors.Protocol that gets OnLine in place of OnData. The other
// callbacks are described there; so are the optional interfaces actors.HalfCloser, actors.Swapper, actors.Blocker and
// actors.Framer, which a Handler may implement too. Embed [Base] to write only what you need.
type Handler interface {
	OnOpen(c *actors.Conn)

	// OnLine is called with each line, without its end and what is telnet's. line is valid during the call only, and
	// must not be changed. After a Conn.Close, Swap or Suspend in here no further line comes: after Swap the next
	// protocol gets what follows, and after Suspend the next line comes after Resume.
	OnLine(c *actors.Conn, line []byte)

	OnMessage(c *actors.Conn, msg any)
	OnDrained(c *actors.Conn)
	OnTimeout(c *actors.Conn)
	OnShutdown(c *actors.Conn) time.Duration
	OnClose(c *actors.Conn, reason actors.Reason)
}

// Base implements every callback of Handler but OnLine, as actors.Base does. It is meant to be embedded.
type Base struct{}

// OnOpen does nothing.
func (Base) OnOpen(*actors.Conn) {}

// OnMessage does nothing.
func (Base) OnMessage(*actors.Conn, any) {}

// OnDrained does nothing.
func (Base) OnDrained(*actors.Conn) {}

// OnTimeout closes the connection, with the reason IdleTimeout.
func (Base) OnTimeout(c *actors.Conn) { actors.Base{}.OnTimeout(c) }

// OnShutdown does nothing: the connection is closed at once.
func (Base) OnShutdown(*actors.Conn) time.Duration { return 0 }

// OnClose does nothing.
func (Base) OnClose(*actors.Conn, actors.Reason) {}

// Factory makes an actors.Factory of one that makes handlers, for listening and dialling. A nil result of that counts as
// a failure of the connection.
func Factory(handler func() Handler, o Options) actors.Factory {
	return func() actors.Protocol { return New(handler(), o) }
}

// New makes the protocol of one connection that hands its lines to h, for Conn.Swap. h may serve many connections, the
// result only one. A nil h gives nil.
func New(h Handler, o Options) actors.Protocol {
	if h == nil {
		return nil
	}
	return &protocol{Handler: h, cutter: newCutter(o)}
}

// protocol is a Handler as an actors.Protocol. All of its state is the turn's.
type protocol struct {
	Handler
	cutter cutter
}

var (
	_ actors.Protocol   = (*protocol)(nil)
	_ actors.HalfCloser = (*protocol)(nil)
	_ actors.Swapper    = (*protocol)(nil)
	_ actors.Blocker    = (*protocol)(nil)
	_ actors.Framer     = (*protocol)(nil)
)

// scratches holds room for text that has telnet commands taken out, *[]byte. It is used during a callback only.
var scratches = sync.Pool{New: func() any { return new([]byte) }}

// OnData implements actors.Protocol. It consumes the lines that it hands on, with their ends, and the telnet commands
// before them, and leaves the rest as it came.
func (p *protocol) OnData(c *actors.Conn, raw []byte) (consumed int) {
	scratch := scratches.Get().(*[]byte)
	w := p.cutter.open(raw, *scratch)
	for !c.Interrupted() {
		line, ok, err := w.next()
		if len(w.replies) > 0 {
			c.Write(w.replies)
			w.replies = w.replies[:0]
		}
		if ok {
			p.OnLine(c, line)
		}
		if err == io.EOF {
			c.Close()
		} else if err != nil {
			c.Fail(err)
		} else if !ok {
			break
		}
	}
	if !w.plain {
		*scratch = w.text
	}
	scratches.Put(scratch)
	return w.close()
}

// OnHalfClose implements actors.HalfCloser.
func (p *protocol) OnHalfClose(c *actors.Conn) {
	if h, ok := p.Handler.(actors.HalfCloser); ok {
		h.OnHalfClose(c)
	}
}

// OnSwap implements actors.Swapper. Another protocol of this package goes on where this one was: it knows what was
// refused already.
func (p *protocol) OnSwap(c *actors.Conn, next actors.Protocol) {
	if h, ok := p.Handler.(actors.Swapper); ok {
		h.OnSwap(c, next)
	}
	if next, ok := next.(*protocol); ok {
		next.cutter.at, next.cutter.answered, next.cutter.refused = p.cutter.at, p.cutter.answered, p.cutter.refused
	}
}

// Blocking implements actors.Blocker.
func (p *protocol) Blocking() bool {
	h, ok := p.Handler.(actors.Blocker)
	return ok && h.Blocking()
}

// Encoder implements actors.Framer.
func (p *protocol) Encoder() *pubsub.Encoder {
	if h, ok := p.Handler.(actors.Framer); ok {
		return h.Encoder()
	}
	return Encoder
}
