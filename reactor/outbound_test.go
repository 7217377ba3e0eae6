//go:build unix

package reactor

import (
	"bytes"
	"slices"
	"testing"

	"golang.org/x/sys/unix"
	"pgregory.net/rapid"
)

// A pickyStream takes as much as it was told to, then EAGAIN or an error.
type pickyStream struct {
	got   []byte
	takes int
	errno unix.Errno
}

func (s *pickyStream) Read([]byte) (int, unix.Errno) { return 0, unix.EAGAIN }

func (s *pickyStream) Write(p []byte) (int, unix.Errno) {
	if s.takes == 0 && len(p) > 0 {
		return 0, s.errno
	}
	n := min(s.takes, len(p))
	s.got = append(s.got, p[:n]...)
	s.takes -= n
	return n, 0
}

// A message is an entry of the model.
type message struct {
	text []byte
	cost int
	key  string
}

// outboundModel is a naive queue of messages.
type outboundModel struct {
	pending, flight []message
	written         int // of flight[0]
	want            []byte
}

func (m *outboundModel) sums() (n, charge int) {
	for _, x := range slices.Concat(m.flight, m.pending) {
		n += len(x.text)
		charge += len(x.text) + x.cost
	}
	return n - m.written, charge - m.written
}

// take moves messages of limit bytes into flight, at least one; all for zero.
func (m *outboundModel) take(limit int) {
	end := 0
	for n := 0; end < len(m.pending) && (limit == 0 || n < limit); end++ {
		n += len(m.pending[end].text) + m.pending[end].cost
	}
	m.flight, m.pending = m.pending[:end:end], m.pending[end:]
}

// wrote takes what a flush is said to have written off the model.
func (m *outboundModel) wrote(n int) (charge int) {
	charge = n
	for len(m.flight) > 0 {
		f := m.flight[0]
		step := min(n, len(f.text)-m.written)
		m.want = append(m.want, f.text[m.written:m.written+step]...)
		m.written += step
		n -= step
		if m.written < len(f.text) {
			break
		}
		charge += f.cost
		m.flight, m.written = m.flight[1:], 0
	}
	return charge
}

// TestOutboundModel holds the queue to the model. Merged writes are one entry in the queue and several in the model, so
// that dropping is compared only where all messages are apart.
func TestOutboundModel(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		live := LiveBuffers()
		apart := rapid.Bool().Draw(rt, "apart")
		w := newWorker(512)
		o := w.Lend()
		m := &outboundModel{}
		s := &pickyStream{}
		owned, released := 0, 0
		next := byte(0)
		text := func(rt *rapid.T) []byte {
			next++
			size := rapid.OneOf(rapid.IntRange(0, 40), rapid.IntRange(400, 600), rapid.IntRange(4000, 9000)).Draw(rt, "size")
			p := bytes.Repeat([]byte{next}, size)
			if size > 1 {
				p[size-1] = ^next
			}
			return p
		}
		rt.Repeat(map[string]func(*rapid.T){
			"append": func(rt *rapid.T) {
				p := text(rt)
				o.Append(p, apart)
				if len(p) == 0 {
					return
				}
				cost := 0
				if apart {
					cost = FrameCost
				}
				m.pending = append(m.pending, message{text: bytes.Clone(p), cost: cost})
				clear(p) // it was copied
			},
			"append buffer": func(rt *rapid.T) {
				p := text(rt)
				key := rapid.SampledFrom([]string{"", "", "a", "b", "c"}).Draw(rt, "key")
				var b *Buffer
				if rapid.Bool().Draw(rt, "owned") {
					owned++
					b = NewBuffer(p, func() { released++ })
				} else {
					b = CopyBuffer(p)
				}
				at := slices.IndexFunc(m.pending, func(x message) bool { return key != "" && x.key == key })
				wantPending := 0
				if at >= 0 {
					wantPending = len(m.pending[at].text) + FrameCost
				}
				if got := o.Pending(key); got != wantPending {
					rt.Fatalf("Pending(%q) = %d, want %d", key, got, wantPending)
				}
				replaced, dropped := o.AppendBuffer(b, key)
				x := message{text: p, cost: FrameCost, key: key}
				if at < 0 {
					if replaced != nil || dropped != 0 {
						rt.Fatal("something was replaced")
					}
					m.pending = append(m.pending, x)
					return
				}
				if replaced == nil || dropped != len(m.pending[at].text) || !bytes.Equal(replaced.Bytes(), m.pending[at].text) {
					rt.Fatalf("replaced %d bytes, want %d", dropped, len(m.pending[at].text))
				}
				replaced.Release()
				m.pending[at] = x
			},
			"append chain": func(rt *rapid.T) {
				if apart {
					return
				}
				var pieces []Piece
				var packer Packer
				defer packer.Close()
				x := message{cost: FrameCost}
				for range rapid.IntRange(1, 5).Draw(rt, "pieces") {
					p := text(rt)
					room := rapid.SampledFrom([]int{0, len(p), 2 * len(p)}).Draw(rt, "room")
					pieces = append(pieces, packer.Pack(room, func(dst []byte) []byte { return append(dst, p...) }))
					x.text = append(x.text, p...)
				}
				if c := NewChain(pieces); c != nil {
					o.AppendChain(c)
					c.Release()
					m.pending = append(m.pending, x)
				} else if len(x.text) > 0 {
					rt.Fatal("no chain")
				}
				for _, p := range pieces {
					p.Buffer.Release()
				}
			},
			"drop oldest": func(rt *rapid.T) {
				if !apart {
					return
				}
				need := rapid.IntRange(0, 5000).Draw(rt, "need")
				dropped, n := o.DropOldest(need)
				count, size := 0, 0
				for gained := 0; gained < need && len(m.pending) > 0; count++ {
					size += len(m.pending[0].text)
					gained += len(m.pending[0].text) + m.pending[0].cost
					m.pending = m.pending[1:]
				}
				if len(dropped) != count || n != size {
					rt.Fatalf("dropped %d with %d bytes, want %d with %d", len(dropped), n, count, size)
				}
				for _, b := range dropped {
					b.Release()
				}
			},
			"flush": func(rt *rapid.T) {
				limit := 0
				if apart {
					limit = rapid.SampledFrom([]int{0, 1, 100, 5000}).Draw(rt, "limit")
				}
				took := o.TakeMost(limit)
				if len(m.flight) == 0 {
					m.take(limit)
				}
				if took != (len(m.flight) > 0) {
					rt.Fatalf("Take = %v, want %d in flight", took, len(m.flight))
				}
				if !took {
					return
				}
				s.errno = rapid.SampledFrom([]unix.Errno{unix.EAGAIN, unix.EAGAIN, unix.EPIPE}).Draw(rt, "errno")
				s.takes = rapid.OneOf(rapid.IntRange(0, 2000), rapid.Just(1<<20)).Draw(rt, "takes")
				before := len(s.got)
				n, charge, errno := o.Flush(w, s, -1)
				if n != len(s.got)-before {
					rt.Fatalf("Flush said %d bytes, and wrote %d", n, len(s.got)-before)
				}
				if want := m.wrote(n); charge != want {
					rt.Fatalf("Flush = charge %d, want %d", charge, want)
				}
				if (errno == 0) != (len(m.flight) == 0) {
					rt.Fatalf("Flush = %v with %d left", errno, len(m.flight))
				}
				o.Wrote(n, charge)
			},
			"return and borrow": func(*rapid.T) {
				if o.Empty() {
					w.Reclaim(o)
					o = w.Lend()
				}
			},
			"": func(rt *rapid.T) {
				n, charge := m.sums()
				if o.Bytes() != n || o.Charge() != charge {
					rt.Fatalf("Bytes = %d, Charge = %d; want %d, %d", o.Bytes(), o.Charge(), n, charge)
				}
				if apart && o.Messages() != len(m.pending) {
					rt.Fatalf("Messages = %d, want %d", o.Messages(), len(m.pending))
				}
				if o.Empty() != (len(m.flight)+len(m.pending) == 0) {
					rt.Fatal("Empty lies")
				}
				if !bytes.Equal(s.got, m.want) {
					rt.Fatal("the stream got something else")
				}
			},
		})
		n, _ := m.sums()
		if lost := o.Discard(); lost != n {
			rt.Fatalf("Discard = %d, want %d", lost, n)
		}
		if o.Bytes() != 0 || o.Charge() != 0 || !o.Empty() {
			rt.Fatal("something is left after Discard")
		}
		if released != owned {
			rt.Fatalf("%d buffers were owned, %d released", owned, released)
		}
		if n := LiveBuffers(); n != live {
			rt.Fatalf("%d live buffers more", n-live)
		}
	})
}

// TestOutboundSocket writes all kinds of messages to a socket that takes little at a time.
func TestOutboundSocket(t *testing.T) {
	noBufferLeak(t)
	a, b := streamPair(t)
	unix.SetsockoptInt(a, unix.SOL_SOCKET, unix.SO_SNDBUF, 8192)
	w := newWorker(512)
	o := w.Lend()
	var want, got []byte
	add := func(p []byte, how int) {
		switch how {
		case 0:
			o.Append(p, false)
		case 1:
			o.Append(p, true)
		case 2:
			o.AppendBuffer(CopyBuffer(p), "")
		}
		want = append(want, p...)
	}
	for i := range 10 * maxVectors {
		add(bytes.Repeat([]byte{byte(i), byte(i >> 8)}, i%50), i%7%3)
	}
	add(bytes.Repeat([]byte("long "), 40_000), 1)
	add(nil, 2)
	add([]byte("end"), 0)
	block := make([]byte, 3000)
	for !o.Empty() {
		o.Take()
		n, charge, errno := o.Flush(w, nil, a)
		if errno != 0 && errno != unix.EAGAIN {
			t.Fatal(errno)
		}
		o.Wrote(n, charge)
		if len(got)%5 == 0 { // more while some is in flight
			add([]byte("meanwhile"), len(got)%3)
		}
		n, errno = Read(b, block)
		if errno != 0 && errno != unix.EAGAIN {
			t.Fatal(errno)
		}
		got = append(got, block[:n]...)
	}
	if got = append(got, drain(t, b)...); !bytes.Equal(got, want) {
		t.Errorf("%d bytes came, %d went, and they differ", len(got), len(want))
	}
	if o.Bytes() != 0 || o.Charge() != 0 {
		t.Errorf("%d bytes, charge %d at the end", o.Bytes(), o.Charge())
	}
	w.Reclaim(o)
	w.Lend().Discard()
}

// TestOutboundSocketGone: an error leaves what was not written where it was.
func TestOutboundSocketGone(t *testing.T) {
	noBufferLeak(t)
	a, b := streamPair(t)
	closeNow(t, b)
	o := NewOutbound()
	for range 200 {
		o.AppendBuffer(CopyBuffer([]byte("lost")), "")
	}
	o.Take()
	if n, charge, errno := o.Flush(newWorker(512), nil, a); n != 0 || charge != 0 || errno != unix.EPIPE {
		t.Errorf("Flush = %d, %d, %v", n, charge, errno)
	}
	if n := o.Discard(); n != 800 {
		t.Errorf("Discard = %d", n)
	}
}

// TestOutboundConflateStaysSmall: a peer that never reads, and messages that all have keys of their own: with the
// oldest dropped for each new one, the queue must not grow.
func TestOutboundConflateStaysSmall(t *testing.T) {
	noBufferLeak(t)
	for name, keyed := range map[string]bool{"keys": true, "no keys": false} {
		o := new(Outbound)
		for i := range 50_000 {
			key := ""
			if keyed {
				key = string(rune('0' + i))
			}
			o.AppendBuffer(CopyBuffer([]byte("x")), key)
			if o.Messages() > 10 {
				dropped, _ := o.DropOldest(1)
				for _, b := range dropped {
					b.Release()
				}
			}
		}
		if n := cap(o.pending); n > 1000 {
			t.Errorf("%s: 10 messages are pending, in a queue of %d", name, n)
		}
		o.Discard()
	}
}

// TestReclaimToAnother: a worker that has a queue already passes the other on, without memory.
func TestReclaimToAnother(t *testing.T) {
	noBufferLeak(t)
	w := newWorker(512)
	o := NewOutbound()
	o.Append([]byte("x"), false)
	o.Take()
	n, charge, _ := o.Flush(w, &pickyStream{takes: 1}, -1)
	o.Wrote(n, charge)
	w.Reclaim(o)
	if o.chunk != nil {
		t.Error("a pooled queue keeps a chunk")
	}
}

// TestChainOverSocket writes chains and single messages to a socket that takes only so much at a time.
func TestChainOverSocket(t *testing.T) {
	live := LiveBuffers()
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(pair[0])
	defer unix.Close(pair[1])
	w := newWorker(512)
	o := w.Lend()
	var want, got []byte
	for i := range 40 {
		var pieces []Piece
		var packer Packer
		for j := range 100 {
			p := bytes.Repeat([]byte{byte(i), byte(j)}, j*2)
			if i%2 == 0 {
				pieces = append(pieces, packer.Pack(len(p), func(dst []byte) []byte { return append(dst, p...) }))
			} else {
				b := CopyBuffer(p)
				pieces = append(pieces, Piece{b.Bytes(), b})
			}
			want = append(want, p...)
		}
		packer.Close()
		c := NewChain(pieces)
		if i%2 == 0 && len(c.pieces) > 12 {
			t.Errorf("packed into %d", len(c.pieces))
		}
		o.AppendChain(c)
		c.Release()
		for _, p := range pieces {
			p.Buffer.Release()
		}
		o.Append([]byte("between"), false)
		want = append(want, "between"...)
	}
	buffer := make([]byte, 100_000)
	for o.Take() {
		n, charge, errno := o.Flush(w, nil, pair[0])
		if errno != 0 && errno != unix.EAGAIN {
			t.Fatal(errno)
		}
		o.Wrote(n, charge)
		for {
			n, err := unix.Read(pair[1], buffer)
			if err != nil {
				break
			}
			got = append(got, buffer[:n]...)
		}
	}
	if !bytes.Equal(got, want) {
		t.Errorf("got %d bytes, want %d", len(got), len(want))
	}
	if o.Bytes() != 0 || o.Charge() != 0 {
		t.Errorf("%d bytes, charge %d are left", o.Bytes(), o.Charge())
	}
	w.Reclaim(o)
	w.retire()
	if n := LiveBuffers(); n != live {
		t.Errorf("%d buffers leaked", n-live)
	}
}
