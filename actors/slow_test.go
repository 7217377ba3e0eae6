package actors_test

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
	"github.com/troupe-go/troupe/reactor"
)

const slowBudget = 256 << 10

// scaled is a number of things that is smaller under the race detector and with -short.
func scaled(n, smaller int) int {
	if raceDetector || testing.Short() {
		return smaller
	}
	return n
}

// stuckPeer connects and does not read. Its kernel buffer is small and does not grow.
func stuckPeer(t testing.TB, a net.Addr) net.Conn {
	t.Helper()
	d := net.Dialer{Timeout: patience, Control: func(_, _ string, raw syscall.RawConn) error {
		return raw.Control(func(fd uintptr) { syscall.SetsockoptInt(int(fd), syscall.SOL_SOCKET, syscall.SO_RCVBUF, 4<<10) })
	}}
	c, err := d.Dial(a.Network(), a.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(3 * patience))
	return c
}

// liveHeap is the heap that is in use, with nothing left in pools.
func liveHeap() int64 {
	for range 3 { // sync.Pool keeps what it has for two
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

const (
	slowHeader = 16
	slowEnd    = 1000 // the producer of a message that ends the reading
)

// stamp makes p a message that says who wrote it and when, and whose every byte can be checked.
func stamp(p []byte, producer, seq int) []byte {
	binary.LittleEndian.PutUint32(p, uint32(len(p)))
	binary.LittleEndian.PutUint32(p[4:], uint32(producer))
	binary.LittleEndian.PutUint64(p[8:], uint64(seq))
	for i := slowHeader; i < len(p); i++ {
		p[i] = byte(seq)
	}
	return p
}

// A slowReading is what a peer has read: whole messages, in the order of each producer.
type slowReading struct {
	messages, bytes uint64
	seqs            map[int][]int // of each producer
	last            [2]int        // producer and seq
	err             error         // what ended it; nil for the end of the stream between two messages
}

// readStamped reads to the end. A torn message, or one out of order, is an error.
func readStamped(r io.Reader) *slowReading {
	in := bufio.NewReaderSize(r, 64<<10)
	t := &slowReading{seqs: map[int][]int{}}
	var header [slowHeader]byte
	var body []byte
	for {
		if _, err := io.ReadFull(in, header[:]); err != nil {
			if err != io.EOF {
				t.err = err
			}
			return t
		}
		size, producer := int(binary.LittleEndian.Uint32(header[:])), int(binary.LittleEndian.Uint32(header[4:]))
		seq := int(binary.LittleEndian.Uint64(header[8:]))
		if size < slowHeader || size > slowBudget || producer > slowEnd {
			t.err = fmt.Errorf("torn: message %d claims %d bytes of producer %d", t.messages, size, producer)
			return t
		}
		body = append(body[:0], make([]byte, size-slowHeader)...)
		if _, err := io.ReadFull(in, body); err != nil {
			t.err = err
			return t
		}
		for i, b := range body {
			if b != byte(seq) {
				t.err = fmt.Errorf("torn: byte %d of message %d of producer %d is %d", i, seq, producer, b)
				return t
			}
		}
		if seqs := t.seqs[producer]; len(seqs) > 0 && seqs[len(seqs)-1] >= seq {
			t.err = fmt.Errorf("producer %d: message %d after %d", producer, seq, seqs[len(seqs)-1])
			return t
		}
		if producer == slowEnd {
			return t
		}
		t.seqs[producer] = append(t.seqs[producer], seq)
		t.last = [2]int{producer, seq}
		t.messages++
		t.bytes += uint64(size)
	}
}

// A slowFlood is what a test writes to a peer that does not read.
type slowFlood struct {
	mu                       sync.Mutex
	tried, triedBytes        uint64 // not refused for being too late
	accepted                 map[int][]int
	full, closed, unexpected int
	err                      error
}

// note takes the answer to one write.
func (f *slowFlood) note(producer, seq, size int, err error) (goOn bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if errors.Is(err, actors.ErrClosed) {
		f.closed++
		return false
	}
	f.tried++
	f.triedBytes += uint64(size)
	switch {
	case err == nil:
		f.accepted[producer] = append(f.accepted[producer], seq)
	case errors.Is(err, actors.ErrOutboundFull):
		f.full++
	default:
		f.unexpected++
		f.err = err
	}
	return true
}

// slowWays are ways to flood a connection: from its own callback, from other goroutines, by publishing.
var slowWays = map[string]func(t *testing.T, c *actors.Conn, f *slowFlood, messages, size int){
	"callback": func(t *testing.T, c *actors.Conn, f *slowFlood, messages, size int) {
		done := make(chan struct{})
		c.Do(func(c *actors.Conn) {
			defer close(done)
			p := make([]byte, size)
			for i := range messages {
				_, err := c.Write(stamp(p, 0, i))
				if !f.note(0, i, size, err) {
					return
				}
			}
		}, func() { close(done) })
		get(t, done, "the end of the flood")
	},
	"goroutines": func(t *testing.T, c *actors.Conn, f *slowFlood, messages, size int) {
		var writers sync.WaitGroup
		for w := range 4 {
			writers.Go(func() {
				for i := range messages / 4 {
					var err error
					if w%2 == 0 {
						_, err = c.Write(stamp(make([]byte, size), w, i))
					} else {
						err = c.WriteOwned(stamp(make([]byte, size), w, i), nil)
					}
					if !f.note(w, i, size, err) {
						return
					}
				}
			})
		}
		writers.Wait()
	},
	"publish": func(t *testing.T, c *actors.Conn, f *slowFlood, messages, size int) {
		channel := c.Ref().String()
		gone := make(chan struct{})
		sub, err := c.Subscribe(channel, actors.SubscribeOptions{
			OnUnsubscribed: func(*actors.Conn, *pubsub.Subscription) { close(gone) },
		})
		if err != nil {
			t.Fatal(err)
		}
		p := make([]byte, size)
		for i := range messages {
			for {
				_, err := c.System().Broker().Publish(channel, stamp(p, 0, i))
				if err == nil {
					break
				}
				runtime.Gosched() // the channel is behind
			}
			f.note(0, i, size, nil)
		}
		sub.Cancel()
		get(t, gone, "the end of the flood")
		until(t, "the rest is dropped", func() bool { return c.System().Broker().Stats().Waiting == 0 })
	},
}

func TestSlowPeerIsBounded(t *testing.T) {
	const size = 16 << 10
	messages := scaled(200<<20, 16<<20) / size
	s := system(t, actors.Options{})
	for _, policy := range []actors.SlowPolicy{
		actors.Disconnect, actors.DropOldest, actors.DropNewest, actors.Conflate, actors.SuspendReads,
	} {
		for name, flooding := range slowWays {
			t.Run(policy.String()+"/"+name, func(t *testing.T) {
				p := newProbe(t)
				o := actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: slowBudget, SlowPolicy: policy}}
				o.Socket.SendBuffer = 16 << 10
				ln := listen(t, s, p.factory(), o)
				defer ln.Close()
				conn := stuckPeer(t, ln.Addr())
				c := get(t, p.opened, "OnOpen")
				before, heap := s.Stats(), liveHeap()

				f := &slowFlood{accepted: map[int][]int{}}
				flooding(t, c, f, messages, size)
				for _, seqs := range f.accepted { // what the test itself keeps
					heap += int64(cap(seqs)) * 8
				}
				if grown := liveHeap() - heap; grown > 2*slowBudget+256<<10 {
					t.Errorf("the heap grew by %d KiB for a budget of %d KiB", grown>>10, slowBudget>>10)
				}
				if n := c.Buffered(); n > slowBudget {
					t.Errorf("%d bytes wait", n)
				}
				if f.unexpected > 0 {
					t.Fatalf("%d unexpected errors: %v", f.unexpected, f.err)
				}
				if f.closed > 0 && policy != actors.Disconnect {
					t.Fatalf("%d writes found the connection closed", f.closed)
				}
				checkDrops(t, s, c, f, policy, before)

				read := make(chan *slowReading, 1)
				go func() { read <- readStamped(conn) }()
				c.Close()
				got := get(t, read, "the end of the stream")
				reason := get(t, p.closed, "OnClose")
				if policy == actors.Disconnect {
					checkDisconnected(t, c, f, got, reason)
					return
				}
				if got.err != nil {
					t.Fatal(got.err)
				}
				if reason.Code != actors.LocalClose || reason.Lost != 0 {
					t.Errorf("closed for %v", reason)
				}
				d := c.Dropped()
				if got.messages+d.Messages != f.tried || got.bytes+d.Bytes != f.triedBytes {
					t.Errorf("written %d messages, %d bytes; delivered %d, %d; dropped %d, %d", f.tried, f.triedBytes,
						got.messages, got.bytes, d.Messages, d.Bytes)
				}
				checkDelivered(t, policy, name, f, got, messages)
			})
		}
	}
}

// checkDrops compares the connection's and the System's counters.
func checkDrops(t *testing.T, s *actors.System, c *actors.Conn, f *slowFlood, policy actors.SlowPolicy, before actors.Stats) {
	t.Helper()
	now, d := s.Stats(), c.Dropped()
	minus := func(a, b actors.Dropped) actors.Dropped {
		return actors.Dropped{Messages: a.Messages - b.Messages, Bytes: a.Bytes - b.Bytes}
	}
	refused := minus(now.RefusedWrites, before.RefusedWrites)
	oldest := minus(now.DroppedOldest, before.DroppedOldest)
	newest := minus(now.DroppedNewest, before.DroppedNewest)
	conflated := minus(now.Conflated, before.Conflated)
	large := minus(now.TooLarge, before.TooLarge)
	want := map[actors.SlowPolicy]*actors.Dropped{
		actors.Disconnect: &refused, actors.SuspendReads: &refused,
		actors.DropOldest: &oldest, actors.Conflate: &oldest, actors.DropNewest: &newest,
	}[policy]
	if *want != d || d.Messages == 0 {
		t.Errorf("Conn.Dropped %+v, the policy's counter %+v", d, *want)
	}
	if all := refused.Messages + oldest.Messages + newest.Messages + conflated.Messages + large.Messages; all != d.Messages {
		t.Errorf("all counters together %d, Conn.Dropped %d", all, d.Messages)
	}
}

func checkDisconnected(t *testing.T, c *actors.Conn, f *slowFlood, got *slowReading, reason actors.Reason) {
	t.Helper()
	if reason.Code != actors.SlowPeer || !errors.Is(reason.Err, actors.ErrOutboundFull) {
		t.Errorf("closed for %v", reason)
	}
	if d := c.Dropped(); d.Messages != 1 {
		t.Errorf("dropped %+v, want the one message that did not fit", d)
	}
	if f.full > 1 {
		t.Errorf("%d writes were answered with ErrOutboundFull", f.full)
	}
	// The peer has got what the kernel had; where that ends the message is torn, in the middle of nothing else.
	if got.err != nil && !errors.Is(got.err, io.ErrUnexpectedEOF) && !errors.Is(got.err, syscall.ECONNRESET) {
		t.Error(got.err)
	}
	if reason.Lost == 0 || reason.Lost > slowBudget {
		t.Errorf("lost %d bytes", reason.Lost)
	}
}

// checkDelivered says which messages the peer of each policy should have got.
func checkDelivered(t *testing.T, policy actors.SlowPolicy, way string, f *slowFlood, got *slowReading, messages int) {
	t.Helper()
	switch policy {
	case actors.DropOldest, actors.Conflate: // without keys they are the same
		if way != "goroutines" && got.last != [2]int{0, messages - 1} {
			t.Errorf("the last message is %d, want the newest, %d", got.last[1], messages-1)
		}
		if f.full > 0 {
			t.Errorf("%d writes were refused: the newest were dropped", f.full)
		}
	default:
		if way == "publish" {
			return // nobody is told which ones were dropped
		}
		for producer, seqs := range f.accepted {
			if !slices.Equal(seqs, got.seqs[producer]) {
				t.Errorf("producer %d: %d messages were accepted, %d delivered, or not the same", producer, len(seqs), len(got.seqs[producer]))
			}
		}
	}
	if seqs := got.seqs[0]; policy == actors.DropNewest && way == "callback" {
		for i := range seqs {
			if seqs[i] != i {
				t.Errorf("message %d is missing: not the oldest were kept", i)
				break
			}
		}
	}
}

// TestSlowTinyMessages: messages of one byte and of none cost memory all the same.
func TestSlowTinyMessages(t *testing.T) {
	messages := scaled(1_000_000, 60_000)
	s := system(t, actors.Options{})
	var one [1]byte
	var released atomic.Int64
	release := func() { released.Add(1) }
	writes := map[string]func(c *actors.Conn, i int) (bytes int, err error){
		"Write":       func(c *actors.Conn, _ int) (int, error) { _, err := c.Write(one[:]); return 1, err },
		"Write0":      func(c *actors.Conn, _ int) (int, error) { _, err := c.Write(nil); return 0, err },
		"WriteOwned":  func(c *actors.Conn, _ int) (int, error) { return 1, c.WriteOwned(one[:], release) },
		"WriteOwned0": func(c *actors.Conn, _ int) (int, error) { return 0, c.WriteOwned(nil, release) },
		"WriteBuffer": func(c *actors.Conn, _ int) (int, error) { return 1, c.WriteBuffer(reactor.CopyBuffer(one[:])) },
		"WriteKeyed":  func(c *actors.Conn, i int) (int, error) { return 1, c.WriteKeyed(fmt.Sprint("key", i), one[:]) },
		"mixed": func(c *actors.Conn, i int) (int, error) {
			if i%2 == 0 {
				_, err := c.Write(one[:])
				return 1, err
			}
			return 0, c.WriteBuffer(reactor.CopyBuffer(nil))
		},
	}
	for _, policy := range []actors.SlowPolicy{
		actors.Disconnect, actors.DropOldest, actors.DropNewest, actors.Conflate, actors.SuspendReads,
	} {
		for name, write := range writes {
			t.Run(policy.String()+"/"+name, func(t *testing.T) {
				p := newProbe(t)
				o := actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: slowBudget, SlowPolicy: policy}}
				o.Socket.SendBuffer = 4 << 10
				ln := listen(t, s, p.factory(), o)
				defer ln.Close()
				conn := stuckPeer(t, ln.Addr())
				c := get(t, p.opened, "OnOpen")
				wedged := wedge(t, c)
				released.Store(0)
				heap := liveHeap()
				var tried, accepted int
				var bytes uint64
				for i := range messages {
					n, err := write(c, i)
					if errors.Is(err, actors.ErrClosed) && policy == actors.Disconnect {
						released.Add(-1)
						break
					}
					tried++
					bytes += uint64(n)
					if err == nil {
						accepted++
					} else if !errors.Is(err, actors.ErrOutboundFull) {
						t.Fatal(err)
					}
				}
				grown := liveHeap() - heap
				t.Logf("%d KiB for %d messages accepted", grown>>10, accepted)
				if grown > 6*slowBudget {
					t.Errorf("the heap grew by %d KiB for a budget of %d KiB, %d messages accepted", grown>>10,
						slowBudget>>10, accepted)
				}
				read := make(chan int64, 1)
				go func() {
					n, _ := io.Copy(io.Discard, conn) // Disconnect may end it by a reset
					read <- n
				}()
				c.Close()
				delivered := uint64(get(t, read, "the end of the stream"))
				if d := c.Dropped().Bytes; policy != actors.Disconnect && wedged+bytes != delivered+d {
					t.Errorf("%d bytes written, %d delivered, %d dropped", wedged+bytes, delivered, d)
				}
				get(t, p.closed, "OnClose")
				if name == "WriteOwned" || name == "WriteOwned0" {
					if n := released.Load(); n != int64(tried) {
						t.Errorf("%d buffers were given, %d releases", tried, n)
					}
				}
			})
		}
	}
}

// wedge fills the kernel's buffers, and leaves a little pending, so that hardly anything written later moves.
func wedge(t testing.TB, c *actors.Conn) (written uint64) {
	t.Helper()
	block := make([]byte, 1<<10)
	for steady := 0; steady < 4; {
		n := c.Buffered()
		if n < 8<<10 {
			if _, err := c.Write(block); err != nil {
				t.Fatal(err)
			}
			written += uint64(len(block))
			steady = 0
		}
		served(t, c)
		if c.Buffered() >= n && n >= 8<<10 {
			steady++
		}
	}
	return written
}

// TestSlowDropOldestMakesRoom: only what is partly written cannot be dropped, so a message as large as half the budget
// always finds room, however the budget was filled.
func TestSlowDropOldestMakesRoom(t *testing.T) {
	s := system(t, actors.Options{})
	for _, policy := range []actors.SlowPolicy{actors.DropOldest, actors.Conflate} {
		t.Run(policy.String(), func(t *testing.T) {
			p := newProbe(t)
			o := actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: slowBudget, SlowPolicy: policy}}
			o.Socket.SendBuffer = 4 << 10
			ln := listen(t, s, p.factory(), o)
			conn := stuckPeer(t, ln.Addr())
			c := get(t, p.opened, "OnOpen")
			done := make(chan struct{})
			c.Do(func(c *actors.Conn) { // all in one turn, so that its end may take everything into flight
				defer close(done)
				p := make([]byte, 1<<10)
				for i := range slowBudget / len(p) {
					c.Write(stamp(p, 0, i))
				}
			}, nil)
			get(t, done, "the flood")
			served(t, c)
			for i := range 64 {
				if _, err := c.Write(stamp(make([]byte, slowBudget/2), 1, i)); err != nil {
					t.Fatalf("the newest, half the budget, is refused: %v, %d bytes pending", err, c.Buffered())
				}
			}
			read := make(chan *slowReading, 1)
			go func() { read <- readStamped(conn) }()
			c.Close()
			got := get(t, read, "the end of the stream")
			if got.err != nil || got.last != [2]int{1, 63} {
				t.Errorf("last is %v, %v", got.last, got.err)
			}
		})
	}
}

// TestSlowConflateKeepsTheNewest: whatever the values' sizes, the newest value of a key that was written last is there.
func TestSlowConflateKeepsTheNewest(t *testing.T) {
	s := system(t, actors.Options{})
	p := newProbe(t)
	o := actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: slowBudget, SlowPolicy: actors.Conflate}}
	o.Socket.SendBuffer = 4 << 10
	ln := listen(t, s, p.factory(), o)
	conn := stuckPeer(t, ln.Addr())
	c := get(t, p.opened, "OnOpen")
	const keys = 12
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	newest := map[int]int{}
	tried, triedBytes := uint64(0), uint64(0)
	rounds := scaled(20_000, 3_000)
	for i := range rounds {
		key := rng.IntN(keys)
		size := slowHeader + rng.IntN(slowBudget/5)
		tried, triedBytes = tried+1, triedBytes+uint64(size)
		if err := c.WriteKeyed(fmt.Sprint(key), stamp(make([]byte, size), key, i)); err != nil {
			t.Fatalf("write %d, %d bytes: %v; %d bytes pending", i, size, err, c.Buffered())
		}
		newest[key] = i
	}
	last := len(newest)
	for key := range keys { // small ones, for which there is room: all of them must arrive
		tried, triedBytes = tried+1, triedBytes+slowHeader
		if err := c.WriteKeyed(fmt.Sprint(key), stamp(make([]byte, slowHeader), key, rounds+key)); err != nil {
			t.Fatal(err)
		}
		newest[key] = rounds + key
	}
	if last != keys {
		t.Fatalf("%d keys", last)
	}
	read := make(chan *slowReading, 1)
	go func() { read <- readStamped(conn) }()
	c.Close()
	got := get(t, read, "the end of the stream")
	if got.err != nil {
		t.Fatal(got.err)
	}
	for key, seq := range newest {
		if seqs := got.seqs[key]; len(seqs) == 0 || seqs[len(seqs)-1] != seq {
			t.Errorf("key %d: the newest value did not arrive", key)
		}
	}
	if d := c.Dropped(); got.messages+d.Messages != tried || got.bytes+d.Bytes != triedBytes {
		t.Errorf("written %d, %d bytes; delivered %d, %d; dropped %+v", tried, triedBytes, got.messages, got.bytes, d)
	}
}

// TestSlowConflateReplacedValueMakesRoom: a value that takes the place of another one needs only the difference.
func TestSlowConflateReplacedValueMakesRoom(t *testing.T) {
	s := system(t, actors.Options{})
	p := newProbe(t)
	o := actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: slowBudget, SlowPolicy: actors.Conflate}}
	o.Socket.SendBuffer = 4 << 10
	ln := listen(t, s, p.factory(), o)
	stuckPeer(t, ln.Addr())
	c := get(t, p.opened, "OnOpen")
	wedge(t, c)
	for i, size := range []int{40 << 10, 180 << 10, 230 << 10} { // the third replaces the second, for which the first must go
		if err := c.WriteKeyed([]string{"a", "b", "b"}[i], make([]byte, size)); err != nil {
			t.Errorf("value %d, %d bytes, with %d bytes pending: %v", i, size, c.Buffered(), err)
		}
	}
	c.ForceClose()
	p.wantClose(actors.LocalClose)
}

// TestSlowEchoOfPeerThatWritesFirst: with SuspendReads a peer may write as much as it likes before it reads. Nothing is
// lost and little is kept, whether the protocol echoes what comes or whole frames of it.
func TestSlowEchoOfPeerThatWritesFirst(t *testing.T) {
	s := system(t, actors.Options{})
	bytewise := func(c *actors.Conn, p []byte) int {
		for i := range p {
			if c.WriteBuffer(reactor.CopyBuffer(p[i:i+1])) != nil {
				return i // until OnDrained
			}
		}
		return len(p)
	}
	for name, data := range map[string]func(c *actors.Conn, p []byte) int{
		"bytes": func(c *actors.Conn, p []byte) int {
			if _, err := c.Write(p); err != nil {
				t.Error(err)
			}
			return len(p)
		},
		"frames": func(c *actors.Conn, p []byte) (used int) {
			for len(p) >= slowHeader && len(p) >= int(binary.LittleEndian.Uint32(p)) {
				n := int(binary.LittleEndian.Uint32(p))
				if _, err := c.Write(p[:n]); err != nil {
					t.Errorf("frame of %d bytes, %d pending: %v", n, c.Buffered(), err)
				}
				used, p = used+n, p[n:]
			}
			return used
		},
		"bytewise": bytewise,
	} {
		t.Run(name, func(t *testing.T) {
			p := newProbe(t)
			p.data = data
			p.drained = func(c *actors.Conn) { c.Trigger(actors.EventData) }
			o := actors.ListenOptions{ConnOptions: actors.ConnOptions{
				MaxOutbound: slowBudget, SlowPolicy: actors.SuspendReads, MaxUnconsumed: slowBudget,
			}}
			o.Socket.SendBuffer, o.Socket.ReceiveBuffer = 16<<10, 64<<10
			ln := listen(t, s, p.factory(), o)
			conn := stuckPeer(t, ln.Addr())
			c := get(t, p.opened, "OnOpen")
			heap := liveHeap()
			total := scaled(64<<20, 8<<20)
			if name == "bytewise" {
				total = 8 << 20 // each of them a buffer
			}
			var sent atomic.Int64
			wrote := make(chan int, 1)
			go func() {
				frame, seq := make([]byte, slowBudget), 0
				rng := rand.New(rand.NewPCG(1, 2))
				for ; sent.Load() < int64(total); seq++ {
					p := frame[:slowHeader+rng.IntN(slowBudget*8/10)]
					if seq%3 == 0 {
						p = p[:slowHeader+len(p)%100]
					}
					for p = stamp(p, 0, seq); len(p) > 0; {
						n, err := conn.Write(p[:min(len(p), 8<<10)])
						if err != nil {
							t.Error(err)
							wrote <- seq
							return
						}
						p = p[n:]
						sent.Add(int64(n))
					}
				}
				conn.Write(stamp(frame[:slowHeader], slowEnd, 0))
				wrote <- seq
			}()
			// The writer is stuck when it has not got on for a while.
			was, since := int64(0), time.Now()
			until(t, "the writer is stuck", func() bool {
				if n := sent.Load(); n != was {
					was, since = n, time.Now()
				}
				return was > 0 && time.Since(since) > 100*time.Millisecond
			})
			if was >= int64(total) {
				t.Fatalf("%d bytes were read from a peer that reads nothing", was)
			}
			if grown := liveHeap() - heap; grown > 8*slowBudget {
				t.Errorf("the heap grew by %d KiB", grown>>10)
			}
			if n := c.Buffered(); n > slowBudget {
				t.Errorf("%d bytes wait", n)
			}
			before := s.Stats().Loops.Turns
			time.Sleep(50 * time.Millisecond) // how long is measured, not what happens
			if turns := s.Stats().Loops.Turns - before; turns > 50 {
				t.Errorf("%d turns in 50 ms, while nothing can be done", turns)
			}
			got := readStamped(conn)
			if n := get(t, wrote, "the end of the writer"); got.err != nil || got.messages != uint64(n) {
				t.Errorf("%d frames written, %d read, %v", n, got.messages, got.err)
			}
			conn.Close()
			get(t, p.closed, "OnClose")
			// The bytewise echo writes until it is refused, and then keeps the byte itself.
			if d := c.Dropped(); d != (actors.Dropped{}) && name != "bytewise" {
				t.Errorf("dropped %+v", d)
			}
		})
	}
}

// TestSlowDrainedOncePerDrain: each time that a peer makes everything wait and then takes it, OnDrained comes once.
func TestSlowDrainedOncePerDrain(t *testing.T) {
	s := system(t, actors.Options{})
	for _, policy := range []actors.SlowPolicy{actors.Disconnect, actors.DropOldest, actors.SuspendReads} {
		t.Run(policy.String(), func(t *testing.T) {
			p := newProbe(t)
			drained := make(chan int, 100)
			p.drained = func(c *actors.Conn) { drained <- c.Buffered() }
			o := actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: slowBudget, SlowPolicy: policy}}
			o.Socket.SendBuffer = 4 << 10
			ln := listen(t, s, p.factory(), o)
			conn := stuckPeer(t, ln.Addr())
			c := get(t, p.opened, "OnOpen")
			for range 20 {
				sent := 0
				block := make([]byte, 1<<10)
				for c.Buffered() < slowBudget/2 {
					n, err := c.Write(block)
					if sent += n; err != nil {
						t.Fatal(err)
					}
				}
				served(t, c)
				if len(drained) > 0 {
					t.Fatal("OnDrained while bytes wait")
				}
				if _, err := io.CopyN(io.Discard, conn, int64(sent)); err != nil {
					t.Fatal(err)
				}
				if n := get(t, drained, "OnDrained"); n != 0 {
					t.Errorf("OnDrained with %d bytes pending", n)
				}
				served(t, c)
				if len(drained) > 0 {
					t.Fatal("OnDrained again")
				}
			}
		})
	}
}

// TestSlowErrors: what is refused is refused whole, with its error, and counted.
func TestSlowErrors(t *testing.T) {
	s := system(t, actors.Options{})
	for _, policy := range []actors.SlowPolicy{
		actors.Disconnect, actors.DropOldest, actors.DropNewest, actors.Conflate, actors.SuspendReads,
	} {
		t.Run(policy.String(), func(t *testing.T) {
			p := newProbe(t)
			o := actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: slowBudget, SlowPolicy: policy}}
			c, conn := one(t, s, p, o)
			before := s.Stats()
			large := make([]byte, slowBudget+1)
			if n, err := c.Write(large); n != 0 || !errors.Is(err, actors.ErrTooLarge) {
				t.Errorf("Write = %d, %v", n, err)
			}
			released := new(countdown)
			for _, err := range []error{
				c.WriteOwned(large, released.release), c.WriteKeyed("k", large), c.WriteBuffer(reactor.CopyBuffer(large)),
			} {
				if !errors.Is(err, actors.ErrTooLarge) {
					t.Error(err)
				}
			}
			if released.n.Load() != 1 {
				t.Errorf("%d releases", released.n.Load())
			}
			want := actors.Dropped{Messages: 4, Bytes: 4 * (slowBudget + 1)}
			now := s.Stats().TooLarge
			now.Messages -= before.TooLarge.Messages
			now.Bytes -= before.TooLarge.Bytes
			if now != want || c.Dropped() != want {
				t.Errorf("counted %+v and %+v", now, c.Dropped())
			}
			fits := large[:slowBudget]
			if n, err := c.Write(fits); n != slowBudget || err != nil {
				t.Errorf("exactly the budget: %d, %v", n, err)
			}
			mustGet(t, conn, string(fits))
			c.Close()
			wantEnd(t, conn, "")
			p.wantClose(actors.LocalClose)
		})
	}
}

// TestSlowEmptyMessagesTearNothing: a large message is tried at once only if nothing waits. Empty messages wait too, and
// may have used up the budget.
func TestSlowEmptyMessagesTearNothing(t *testing.T) {
	s := system(t, actors.Options{})
	p := newProbe(t)
	o := actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: slowBudget, SlowPolicy: actors.SuspendReads}}
	o.Socket.SendBuffer = 4 << 10
	ln := listen(t, s, p.factory(), o)
	conn := stuckPeer(t, ln.Addr())
	c := get(t, p.opened, "OnOpen")
	answers := make(chan error, 1)
	c.Do(func(c *actors.Conn) {
		for c.WriteOwned(nil, nil) == nil {
		}
		_, err := c.Write(stamp(make([]byte, slowBudget), 0, 0))
		answers <- err
	}, nil)
	err := get(t, answers, "the answer")
	c.Close()
	got := readStamped(conn)
	if got.err != nil || (err == nil) != (got.messages == 1) || got.messages > 1 {
		t.Errorf("Write answered %v; the peer got %d messages, %v", err, got.messages, got.err)
	}
}

// TestSlowRequestsAtTheEndOfTurns: a request that comes when a turn is just about to end is served by that turn or by
// another one, also while the connection waits for a peer that never reads.
func TestSlowRequestsAtTheEndOfTurns(t *testing.T) {
	s := system(t, actors.Options{TakeoverAfter: -1})
	p := newProbe(t)
	timeouts := make(chan struct{}, 1)
	p.timeout = func(*actors.Conn) { timeouts <- struct{}{} }
	o := actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: slowBudget}}
	o.Socket.SendBuffer = 4 << 10
	ln := listen(t, s, p.factory(), o)
	stuckPeer(t, ln.Addr())
	c := get(t, p.opened, "OnOpen")
	wedge(t, c)
	rng := rand.New(rand.NewPCG(rand.Uint64(), 0))
	patient := time.NewTimer(patience)
	defer patient.Stop()
	for i := range scaled(400_000, 20_000) {
		c.Send(i) // begins a turn
		for range rng.IntN(3000) {
			spinSink.Add(1)
		}
		c.Trigger(actors.EventTimeout)
		patient.Reset(patience)
		select {
		case <-timeouts:
		case <-patient.C:
			t.Fatalf("request %d was forgotten", i)
		}
	}
	c.ForceClose()
	p.wantClose(actors.LocalClose)
}

var spinSink atomic.Int64

// TestSlowForceCloseAtTheEndOfTurns is the same with ForceClose, which must not wait for a peer that never reads.
func TestSlowForceCloseAtTheEndOfTurns(t *testing.T) {
	s := system(t, actors.Options{TakeoverAfter: -1})
	o := actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: slowBudget}}
	o.Socket.SendBuffer = 4 << 10
	o.Linger = -1
	opened, closed := make(chan *actors.Conn, 1), make(chan actors.Reason, 1)
	ln := listen(t, s, func() actors.Protocol { return &slowSignals{opened: opened, closed: closed} }, o)
	rng := rand.New(rand.NewPCG(rand.Uint64(), 0))
	block := make([]byte, 64<<10)
	for i := range scaled(4000, 400) {
		conn, err := net.Dial("tcp", ln.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		c := get(t, opened, "OnOpen")
		for range 3 {
			c.Write(block)
		}
		served(t, c)
		c.Send(i)
		for range rng.IntN(3000) {
			spinSink.Add(1)
		}
		c.ForceClose()
		get(t, closed, fmt.Sprintf("OnClose of connection %d", i))
		conn.(*net.TCPConn).SetLinger(0)
		conn.Close()
	}
}

// slowSignals tells of the beginning and the end of connections.
type slowSignals struct {
	actors.Base
	opened chan *actors.Conn
	closed chan actors.Reason
}

func (p *slowSignals) OnOpen(c *actors.Conn)                   { p.opened <- c }
func (p *slowSignals) OnClose(_ *actors.Conn, r actors.Reason) { p.closed <- r }
