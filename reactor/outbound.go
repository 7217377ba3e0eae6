package reactor

import (
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// FrameCost is what a queued message is charged beyond its bytes where messages are kept apart: about the memory of
// its entry. Without it a flood of empty messages would be free.
const FrameCost = 64

// chunkSize is the size of the buffers that small writes are gathered in.
const chunkSize = 4 << 10

// A frame is bytes to be written: a part of buffer, or a chain.
type frame struct {
	bytes  []byte // of a chain: what is left of the current piece
	buffer *Buffer
	chain  *Chain
	cost   int32   // charged beyond the bytes: FrameCost for each message, or nothing for gathered writes
	piece  int32   // of a chain: the one after the current
	key    *string // for conflation; nil for none
}

// size is how many bytes are left.
func (f *frame) size() int {
	n := len(f.bytes)
	if f.chain != nil {
		for _, p := range f.chain.pieces[f.piece:] {
			n += len(p.Bytes)
		}
	}
	return n
}

// advance makes the next piece of a chain the current one, if there is one.
func (f *frame) advance() bool {
	if f.chain == nil || int(f.piece) == len(f.chain.pieces) {
		return false
	}
	f.bytes = f.chain.pieces[f.piece].Bytes
	f.piece++
	return true
}

func (f *frame) release() {
	if f.chain != nil {
		f.chain.Release()
		return
	}
	f.buffer.Release()
}

// An Outbound is the queue of bytes to a socket that did not take them yet. Many producers append under the lock of
// the queue's owner; one consumer, the owner's turn, takes what is pending into flight and writes it without the lock.
// What is in flight may be partly written, so only what is pending can still be dropped or replaced.
//
// A cell that has nothing to write has no Outbound: a Worker lends one for a turn (Worker.Lend), and the cell keeps it
// only if bytes remain (Worker.Reclaim).
type Outbound struct {
	// guarded by the owner's lock
	pending []frame
	head    int            // the first of pending that is not dropped
	keys    map[string]int // where in pending a key's frame is
	chunk   *Buffer        // has room for small writes; counted by one reference of its own
	bytes   int            // pending and in flight
	charge  int            // the same with FrameCost

	// the consumer's
	flight []frame
	at     int // the first unwritten of flight
}

// outboundKeep is the capacity, in frames, above which an emptied queue is left to the garbage collector.
const outboundKeep = 1024

// Bytes is how many bytes wait. With the lock.
func (o *Outbound) Bytes() int {
	if o == nil {
		return 0
	}
	return o.bytes
}

// Charge is Bytes and the memory that keeping messages apart costs: what a budget bounds. With the lock.
func (o *Outbound) Charge() int {
	if o == nil {
		return 0
	}
	return o.charge
}

// Messages is how many entries are pending: messages, where they are kept apart. With the lock.
func (o *Outbound) Messages() int {
	if o == nil {
		return 0
	}
	return len(o.pending) - o.head
}

// Append copies p to the end. Where messages must be kept apart, so that single ones can be dropped, apart is set.
// With the lock.
func (o *Outbound) Append(p []byte, apart bool) {
	least, cost := min(len(p), chunkSize/8), 0
	if apart {
		least, cost = len(p), FrameCost
	}
	o.bytes += len(p)
	for len(p) > 0 {
		if o.chunk == nil || o.chunk.Room() < least {
			o.newChunk(len(p))
		}
		n := o.chunk.Append(p)
		o.push(n, cost)
		p = p[n:]
	}
}

// push queues the last n bytes of the chunk: as more of the last frame, if they continue it and may, else as a frame.
func (o *Outbound) push(n, cost int) {
	o.charge += n + cost
	all := o.chunk.Bytes()
	if last := len(o.pending) - 1; cost == 0 && last >= o.head {
		f := &o.pending[last]
		if f.buffer == o.chunk && f.cost == 0 && cap(f.bytes)-len(f.bytes) == cap(all)-len(all)+n {
			f.bytes = f.bytes[:len(f.bytes)+n]
			return
		}
	}
	o.pending = append(o.pending, frame{bytes: all[len(all)-n:], buffer: o.chunk.Retain(), cost: int32(cost)})
}

func (o *Outbound) newChunk(size int) {
	if o.chunk != nil {
		o.chunk.Release()
	}
	o.chunk = GetBuffer(max(size, chunkSize))
}

// AppendBuffer adds all of b, whose reference it takes over, as one message. A message with a key takes the place of
// the pending message with the same key; the buffer of that one is returned, for the caller to release without the
// lock, with how many bytes went. With the lock.
func (o *Outbound) AppendBuffer(b *Buffer, key string) (replaced *Buffer, dropped int) {
	n := len(b.Bytes())
	f := frame{bytes: b.Bytes(), buffer: b, cost: FrameCost}
	o.bytes += n
	o.charge += n + FrameCost
	if key == "" {
		o.pending = append(o.pending, f)
		return nil, 0
	}
	f.key = new(key)
	if at, ok := o.keys[key]; ok {
		old := o.pending[at]
		o.pending[at] = f
		o.bytes -= len(old.bytes)
		o.charge -= len(old.bytes) + int(old.cost)
		return old.buffer, len(old.bytes)
	}
	if o.keys == nil {
		o.keys = make(map[string]int)
	}
	o.keys[key] = len(o.pending)
	o.pending = append(o.pending, f)
	return nil, 0
}

// AppendPiece adds a reference to p, as one message. With the lock.
func (o *Outbound) AppendPiece(p Piece) {
	o.bytes += len(p.Bytes)
	o.charge += len(p.Bytes) + FrameCost
	o.pending = append(o.pending, frame{bytes: p.Bytes, buffer: p.Buffer.Retain(), cost: FrameCost})
}

// AppendChain adds a reference to all of c, as one entry: for queues that keep no messages apart, since it could not be
// dropped. With the lock.
func (o *Outbound) AppendChain(c *Chain) {
	o.bytes += c.bytes
	o.charge += c.bytes + FrameCost
	o.pending = append(o.pending, frame{bytes: c.pieces[0].Bytes, piece: 1, chain: c.retain(), cost: FrameCost})
}

// Pending returns the size and charge of the pending message with the given key, zero if there is none. With the lock.
func (o *Outbound) Pending(key string) (charge int) {
	if o == nil {
		return 0
	}
	if at, ok := o.keys[key]; ok && key != "" {
		return len(o.pending[at].bytes) + int(o.pending[at].cost)
	}
	return 0
}

// DropOldest drops pending messages, oldest first, until need bytes of charge are gained or nothing is pending. The
// buffers are returned for the caller to release without the lock. With the lock.
func (o *Outbound) DropOldest(need int) (dropped []*Buffer, bytes int) {
	if o == nil {
		return nil, 0
	}
	for gained := 0; gained < need && o.head < len(o.pending); o.head++ {
		f := &o.pending[o.head]
		if f.key != nil {
			delete(o.keys, *f.key)
		}
		dropped = append(dropped, f.buffer)
		bytes += len(f.bytes)
		gained += len(f.bytes) + int(f.cost)
		o.bytes -= len(f.bytes)
		o.charge -= len(f.bytes) + int(f.cost)
		*f = frame{}
	}
	if o.head == len(o.pending) {
		o.pending, o.head = o.pending[:0], 0
	} else {
		o.compact()
	}
	return dropped, bytes
}

// Take moves all that is pending into flight, if nothing is, and reports whether something is in flight then. For the
// consumer, with the lock.
func (o *Outbound) Take() bool { return o.TakeMost(0) }

// TakeMost is Take, but takes only messages of limit bytes, at least one, so that the rest can still be dropped. A limit
// of zero is none.
func (o *Outbound) TakeMost(limit int) bool {
	if o == nil {
		return false
	}
	if o.at < len(o.flight) {
		return true
	}
	if o.head == len(o.pending) {
		return false
	}
	if limit > 0 && o.takeSome(limit) {
		return true
	}
	o.flight, o.pending = o.pending, o.flight[:0]
	o.at, o.head = o.head, 0
	clear(o.keys)
	return true
}

// takeSome takes messages of limit bytes, unless that would be all.
func (o *Outbound) takeSome(limit int) bool {
	end := o.head
	for n := 0; end < len(o.pending) && n < limit; end++ {
		n += len(o.pending[end].bytes) + int(o.pending[end].cost)
	}
	if end == len(o.pending) {
		return false
	}
	taken := o.pending[o.head:end]
	o.flight, o.at = append(o.flight[:0], taken...), 0
	for i := range taken {
		if taken[i].key != nil {
			delete(o.keys, *taken[i].key)
		}
		taken[i] = frame{}
	}
	o.head = end
	o.compact()
	return true
}

// compact forgets dropped and taken entries when they are the larger part.
func (o *Outbound) compact() {
	if o.head <= 64 || o.head <= len(o.pending)/2 {
		return
	}
	o.pending = slices.Delete(o.pending, 0, o.head)
	for key := range o.keys {
		o.keys[key] -= o.head
	}
	o.head = 0
}

// A Stream takes the place of a socket: what Read and Write do to one.
type Stream interface {
	Read(p []byte) (int, unix.Errno)
	Write(p []byte) (int, unix.Errno)
}

// Flush writes what is in flight to s, or to the socket fd if s is nil, until all is written or the socket takes no more
// (errno EAGAIN) or fails. It returns how many bytes went and their charge, for Wrote. For the consumer, without the
// lock.
func (o *Outbound) Flush(w *Worker, s Stream, fd int) (bytes, charge int, errno unix.Errno) {
	for o.at < len(o.flight) && errno == 0 {
		var n int
		switch {
		case s != nil:
			n, errno = s.Write(o.flight[o.at].bytes)
		case len(o.flight)-o.at == 1 && o.flight[o.at].chain == nil:
			n, errno = Write(fd, o.flight[o.at].bytes)
		default:
			n, errno = Writev(fd, o.vectors(w))
		}
		w.Counters.Writes++
		if errno != 0 {
			break
		}
		if n == 0 && len(o.flight[o.at].bytes) > 0 {
			errno = unix.EAGAIN
		}
		bytes += n
		charge += n
		for n > 0 || o.at < len(o.flight) && len(o.flight[o.at].bytes) == 0 {
			f := &o.flight[o.at]
			if n < len(f.bytes) {
				f.bytes = f.bytes[n:]
				// A short write says that the socket is full: asking again would only be told so.
				errno = unix.EAGAIN
				break
			}
			n -= len(f.bytes)
			if f.advance() {
				continue
			}
			charge += int(f.cost)
			f.release()
			*f = frame{}
			o.at++
		}
	}
	w.Counters.BytesWritten += uint64(bytes)
	return bytes, charge, errno
}

// vectors lists what is in flight for one writev. Frames that continue each other in one buffer become one entry.
func (o *Outbound) vectors(w *Worker) []unix.Iovec {
	v := w.vectors[:0]
	var last []byte
	for i := o.at; i < len(o.flight) && len(v) < maxVectors; i++ {
		p := o.flight[i].bytes
		if len(p) == 0 {
			continue
		}
		if c := o.flight[i].chain; c != nil {
			last = nil
			one := unix.Iovec{Base: &p[0]}
			one.SetLen(len(p))
			v = append(v, one)
			rest := c.vectors[o.flight[i].piece:]
			v = append(v, rest[:min(len(rest), maxVectors-len(v))]...)
			continue
		}
		if n := len(last); n > 0 && cap(last)-n == cap(p) && cap(p) > 0 && &last[:n+1][n] == &p[0] {
			last = last[:n+len(p)]
			v[len(v)-1].SetLen(len(last))
			continue
		}
		last = p
		one := unix.Iovec{Base: &p[0]}
		one.SetLen(len(p))
		v = append(v, one)
	}
	return v
}

// Wrote settles the accounts after Flush. With the lock.
func (o *Outbound) Wrote(bytes, charge int) {
	o.bytes -= bytes
	o.charge -= charge
}

// Empty reports whether nothing waits. With the lock, or for the consumer while no producer can append.
func (o *Outbound) Empty() bool {
	return o == nil || o.head == len(o.pending) && o.at == len(o.flight)
}

// Discard drops everything and returns what was lost. The buffers are released, so it must be called without the lock,
// by the consumer, when no producer can append any more.
func (o *Outbound) Discard() (bytes int) {
	if o == nil {
		return 0
	}
	for _, f := range slices.Concat(o.flight[o.at:], o.pending[o.head:]) {
		bytes += f.size()
		f.release()
	}
	if o.chunk != nil {
		o.chunk.Release()
	}
	*o = Outbound{}
	return bytes
}

// reset makes an empty queue ready for the next cell. Its chunk stays if nobody else holds on to it.
func (o *Outbound) reset() {
	if o.chunk != nil && !o.chunk.rewind() {
		o.chunk.Release()
		o.chunk = nil
	}
	clear(o.flight)
	o.pending, o.flight = o.pending[:0], o.flight[:0]
	o.head, o.at = 0, 0
	if cap(o.pending)+cap(o.flight) > outboundKeep || len(o.keys) > 0 {
		*o = Outbound{chunk: o.chunk}
	}
}

// Lend is a queue for a cell that has none, until Reclaim.
func (w *Worker) Lend() *Outbound {
	if w.outbound == nil {
		return NewOutbound()
	}
	o := w.outbound
	w.outbound = nil
	return o
}

// Reclaim takes back an empty queue. With the lock of the queue's owner.
func (w *Worker) Reclaim(o *Outbound) {
	o.reset()
	if w.outbound == nil {
		w.outbound = o
		return
	}
	if o.chunk != nil {
		o.chunk.Release()
		o.chunk = nil
	}
	outboundPool.Put(o)
}

var outboundPool = sync.Pool{New: func() any { return new(Outbound) }}

// NewOutbound is an empty queue, for producers that come when no turn has lent one.
func NewOutbound() *Outbound { return outboundPool.Get().(*Outbound) }
