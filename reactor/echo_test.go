//go:build unix

package reactor

import (
	"bytes"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// An echo is a Turner that writes back what it reads, and misbehaves on the way. Like a probe it guards nothing that
// only turns and Settle touch.
type echo struct {
	cell   Cell
	out    *Outbound // with the cell's mutex
	rng    *rand.Rand
	inside bool
	turns  int
	want   Events // what Settle shall watch for
	ended  bool   // the peer has, or the socket failed
	gone   chan struct{}
	misbe  func(e *echo)
}

// contended is a mutex for misbehaving turns.
var contended sync.Mutex

// misdeeds are what user code does to a loop.
var misdeeds = []func(e *echo){
	func(e *echo) { time.Sleep(time.Duration(1+e.rng.IntN(20)) * time.Millisecond) },
	func(e *echo) {
		contended.Lock()
		time.Sleep(time.Millisecond)
		contended.Unlock()
	},
	func(e *echo) {
		ts := unix.NsecToTimespec(int64(3 * time.Millisecond))
		unix.Nanosleep(&ts, nil) // a system call that blocks, and does so without the scheduler's poller
	},
	func(e *echo) {
		for start := time.Now(); time.Since(start) < 3*time.Millisecond; {
		}
	},
	func(e *echo) { runtime.Goexit() },
	func(e *echo) {
		time.Sleep(2 * time.Millisecond)
		runtime.Goexit()
	},
}

func (e *echo) Turn(w *Worker, ready Events) (out Outcome) {
	if e.inside {
		violations.Add(1)
	}
	e.inside = true
	e.turns++
	e.cell.Lock()
	e.cell.Begin(ready)
	if e.out == nil {
		e.out = w.Lend()
	}
	e.cell.Unlock()
	defer func() {
		recover()
		out = e.end(w)
		w.Abandoned = out
	}()
	for _, ok := e.cell.Next(); ok; _, ok = e.cell.Next() {
	}
	if ready&(Readable|Broken) != 0 && !e.ended {
		n, errno := Read(e.cell.FD(), w.Buffer[:1+e.rng.IntN(512)])
		w.Counters.Reads++
		w.Counters.BytesRead += uint64(n)
		if n == 0 && errno != unix.EAGAIN {
			e.ended = true
		}
		e.cell.Lock()
		e.out.Append(w.Buffer[:n], false)
		e.cell.Unlock()
	}
	if e.misbe != nil && e.rng.IntN(8) == 0 {
		e.misbe(e)
	}
	return 0
}

// end writes what waits, whether the turn's body returned or not.
func (e *echo) end(w *Worker) Outcome {
	e.want = Readable
	e.cell.Lock()
	if e.out.Take() {
		e.cell.Unlock()
		n, charge, errno := e.out.Flush(w, nil, e.cell.FD())
		e.cell.Lock()
		e.out.Wrote(n, charge)
		if errno == unix.EAGAIN {
			e.want = Writable // stop reading until it is written
		} else if errno != 0 {
			e.ended = true
		}
	}
	if e.out.Empty() {
		w.Reclaim(e.out)
		e.out = nil
	}
	e.inside = false
	defer e.cell.Unlock()
	return e.cell.End(false, false) | NeedSettle
}

func (e *echo) Settle(l *Loop) {
	if e.inside {
		violations.Add(1)
	}
	if e.ended {
		e.Stop(l)
		return
	}
	if err := l.Interest(&e.cell, e.want); err != nil {
		panic(err)
	}
}

func (e *echo) Stop(l *Loop) {
	if fd := l.Unregister(&e.cell); fd >= 0 {
		CloseFD(fd)
		e.out.Discard()
		e.out = nil
		close(e.gone)
	}
}

// converseWith sends size random bytes through fd in pieces, reads them back beside, and compares.
func converseWith(t *testing.T, fd, size int, seed uint64) {
	file := os.NewFile(uintptr(fd), "peer")
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		t.Error(err)
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(3 * long))
	sent, back := make([]byte, size), make([]byte, size)
	rng := rand.New(rand.NewPCG(seed, 1))
	for i := range sent {
		sent[i] = byte(rng.Uint32())
	}
	var writer sync.WaitGroup
	writer.Go(func() {
		for p := sent; len(p) > 0; {
			n := min(len(p), 1+rng.IntN(3000))
			if _, err := conn.Write(p[:n]); err != nil {
				t.Errorf("peer: %v", err)
				return
			}
			p = p[n:]
		}
	})
	for got := 0; got < size; {
		n, err := conn.Read(back[got:])
		if err != nil {
			t.Errorf("peer: %v after %d of %d bytes", err, got, size)
			break
		}
		got += n
	}
	writer.Wait()
	if !bytes.Equal(sent, back) {
		t.Error("bytes were lost, changed, or came in another order")
	}
}

func newEcho(t *testing.T, l *Loop, seed uint64, misdeed func(*echo), blocking bool) (e *echo, peer int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	unix.SetsockoptInt(fds[0], unix.SOL_SOCKET, unix.SO_SNDBUF, 4096) // short writes
	e = &echo{rng: rand.New(rand.NewPCG(seed, 2)), misbe: misdeed, gone: make(chan struct{}), want: Readable}
	e.cell.Init(e, l)
	e.cell.blocking = blocking
	doWait(t, l, func(l *Loop) { err = l.Register(&e.cell, fds[0], Readable) })
	if err != nil {
		t.Fatal(err)
	}
	return e, fds[1]
}

// TestEchoes runs well-behaved, misbehaving and blocking cells side by side: no byte is lost or changes its place, no
// turns of a cell overlap, and what they used is given back.
func TestEchoes(t *testing.T) {
	for name, o := range map[string]Options{
		"one loop":   {Loops: 1},
		"two loops":  {Loops: 2},
		"overloaded": {Loops: 1, MaxDetached: 3},
		"one spare":  {Loops: 2, MaxDetached: 1},
	} {
		t.Run(name, func(t *testing.T) {
			noBufferLeak(t)
			g := startGroup(t, o)
			var peers sync.WaitGroup
			var echoes []*echo
			seed := uint64(time.Now().UnixNano())
			t.Logf("seed %d", seed)
			for i := range 24 {
				var misdeed func(*echo)
				if i%4 != 0 {
					misdeed = misdeeds[i%len(misdeeds)]
				}
				e, peer := newEcho(t, g.Next(), seed+uint64(i), misdeed, i%8 == 7)
				echoes = append(echoes, e)
				peers.Go(func() { converseWith(t, peer, 40_000, seed+uint64(i)) })
			}
			posts := make(chan struct{})
			peers.Go(func() { // mail beside the events
				defer close(posts)
				for i := range 2000 {
					echoes[i%len(echoes)].cell.Post(i, 0)
					if i%16 == 0 {
						time.Sleep(50 * time.Microsecond)
					}
				}
			})
			peers.Wait()
			for _, e := range echoes {
				await(t, e.gone, "the end of a connection")
			}
			eventually(t, "nobody is busy", func() bool { return g.Stats().Busy == 0 })
			s := g.Stats()
			t.Logf("%+v", s.Stats)
			if s.Cells != 0 || s.Waiting != 0 {
				t.Errorf("%d cells, %d waiting at the end", s.Cells, s.Waiting)
			}
			stopGroup(t, g)
			if s := g.Stats(); s.BytesRead != s.BytesWritten || s.BytesRead != 24*40_000 {
				t.Errorf("%d bytes read, %d written, want %d", s.BytesRead, s.BytesWritten, 24*40_000)
			}
		})
	}
}
