package actors

import (
	"unsafe"

	"github.com/troupe-go/troupe/reactor"
	"golang.org/x/sys/unix"
)

// directWrite is the size from which a write is tried at once, from the caller's bytes, instead of being copied to the
// queue. Smaller ones are gathered, so that all that a turn writes leaves together.
const directWrite = 8 << 10

// Write queues a copy of p for the peer and returns. It never blocks; what a turn writes goes out at its end, in order.
// It answers len(p) and nil, or an error, and then nothing of p is sent:
//
//   - ErrClosed: the connection is closed or closing.
//   - ErrTooLarge: p is larger than ConnOptions.MaxOutbound.
//   - ErrOutboundFull: p does not fit, and the policy is Disconnect, DropNewest or SuspendReads.
func (c *Conn) Write(p []byte) (int, error) {
	c.cell.Lock()
	if c.flags.Load()&flagsEnd != 0 {
		c.cell.Unlock()
		return 0, ErrClosed
	}
	rest := p
	if len(p) >= directWrite && !c.config.apart && len(p) <= c.config.MaxOutbound {
		rest = c.writeDirectly(p)
	}
	dropped, err := c.admit(len(rest), "")
	if err == nil {
		if c.out == nil {
			c.out = reactor.NewOutbound()
		}
		c.out.Append(rest, c.config.apart)
	}
	wake := c.cell.NeedsWake()
	c.cell.Unlock()
	c.written(dropped, wake)
	if err != nil {
		return 0, err
	}
	return len(p), nil
}

// WriteString is Write for strings.
func (c *Conn) WriteString(s string) (int, error) {
	return c.Write(unsafe.Slice(unsafe.StringData(s), len(s))) // Write only reads
}

// WriteBuffer queues all of b, without copying it, as one message. It takes over the caller's reference to b also when
// it answers an error, which is one of those of Write. b must not be changed any more.
func (c *Conn) WriteBuffer(b *reactor.Buffer) error { return c.writeBuffer(b, "") }

// WriteOwned queues p, without copying it, as one message. p must not be changed until release was called, which
// happens exactly once, also when an error is answered: when the last byte was written or will never be. release may
// be nil; it must not block, and may be called from any goroutine. The errors are those of Write.
func (c *Conn) WriteOwned(p []byte, release func()) error {
	return c.writeBuffer(reactor.NewBuffer(p, c.config.system.guarded(release)), "")
}

// WriteKeyed queues a copy of p as one message, which takes the place of the pending message with the same key if the
// policy is Conflate: the peer gets the newest only, in the place of the oldest. The errors are those of Write.
func (c *Conn) WriteKeyed(key string, p []byte) error {
	if c.config.SlowPolicy != Conflate {
		key = ""
	}
	return c.writeBuffer(reactor.CopyBuffer(p), key)
}

func (c *Conn) writeBuffer(b *reactor.Buffer, key string) error {
	c.cell.Lock()
	if c.flags.Load()&flagsEnd != 0 {
		c.cell.Unlock()
		b.Release()
		return ErrClosed
	}
	if c.out == nil {
		c.out = reactor.NewOutbound()
	}
	dropped, err := c.admit(len(b.Bytes()), key)
	if err == nil {
		old, n := c.out.AppendBuffer(b, key)
		if old != nil {
			dropped = append(dropped, old)
			c.drop(1, n, &c.config.system.counters.conflated)
		}
	} else {
		dropped = append(dropped, b)
	}
	wake := c.cell.NeedsWake()
	c.cell.Unlock()
	c.written(dropped, wake)
	return err
}

// written finishes a write after the mutex was unlocked.
func (c *Conn) written(dropped []*reactor.Buffer, wake bool) {
	for _, b := range dropped {
		b.Release()
	}
	if wake {
		c.cell.Wake()
	}
}

// writeDirectly tries to write p at once and returns what is left, all of it if it must wait for its turn: that is if
// other bytes wait, or if no turn is under way, which will see to the rest. With the mutex, which keeps the turn from
// writing and closing meanwhile.
func (c *Conn) writeDirectly(p []byte) (rest []byte) {
	if c.out.Charge() > 0 || !c.cell.Running() || c.config.stream != nil || c.cell.FD() < 0 {
		return p
	}
	n, errno := reactor.Write(c.cell.FD(), p)
	if errno != 0 {
		return p // the turn meets the error again when it flushes
	}
	c.moved = true
	c.config.system.counters.direct.Add(uint64(n))
	return p[n:]
}

// admit makes room for a message, by the connection's policy, or refuses it. key is that of what it replaces. The
// buffers dropped for it are to be released without the mutex. With the mutex.
func (c *Conn) admit(size int, key string) (dropped []*reactor.Buffer, err error) {
	most := c.config.MaxOutbound
	if size > most {
		c.drop(1, size, &c.config.system.counters.tooLarge)
		return nil, ErrTooLarge
	}
	over := c.out.Charge() + size - c.out.Pending(key) - most
	if over <= 0 {
		return nil, nil
	}
	counters := &c.config.system.counters
	switch c.config.SlowPolicy {
	case DropOldest, Conflate:
		for over > 0 && c.out.Messages() > 0 {
			oldest, bytes := c.out.DropOldest(over)
			dropped = append(dropped, oldest...)
			c.drop(len(oldest), bytes, &counters.droppedOldest)
			// That with the same key may have been among them; then it gives no room any more.
			over = c.out.Charge() + size - c.out.Pending(key) - most
		}
		if over <= 0 {
			return dropped, nil
		}
		// What is left is in flight: the newest has to go.
		c.drop(1, size, &counters.droppedNewest)
	case DropNewest:
		c.drop(1, size, &counters.droppedNewest)
	case SuspendReads:
		c.drop(1, size, &counters.refused)
	default:
		c.drop(1, size, &counters.refused)
		c.demandEnd(Reason{Code: SlowPeer, Err: ErrOutboundFull}, flagsEnd)
	}
	c.refused = true
	return dropped, ErrOutboundFull
}

// drop counts messages that are not sent. With the mutex.
func (c *Conn) drop(messages, bytes int, counter *dropCounter) {
	if messages == 0 {
		return
	}
	x := c.more()
	x.dropped.Messages += uint64(messages)
	x.dropped.Bytes += uint64(bytes)
	counter.messages.Add(uint64(messages))
	counter.bytes.Add(uint64(bytes))
}

func ioError(op string, errno unix.Errno) error { return &IOErr{Op: op, Err: errno} }

func ioErrorOf(op string, err error) error { return &IOErr{Op: op, Err: err} }

// IOErr is the Err of an IOError Reason: what failed, and how.
type IOErr struct {
	Op  string // read, write, or socket
	Err error  // as a rule a syscall.Errno, such as ECONNRESET
}

func (e *IOErr) Error() string { return e.Op + ": " + e.Err.Error() }

// Unwrap gives the cause.
func (e *IOErr) Unwrap() error { return e.Err }
