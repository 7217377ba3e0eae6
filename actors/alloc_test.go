//go:build linux

package actors_test

import (
	"net"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/reactor"
	"golang.org/x/sys/unix"
)

// A rawPeer is a blocking socket: it can be read from and written to without allocating.
type rawPeer struct {
	t  testing.TB
	fd int
}

func newRawPeer(t testing.TB, ln *actors.Listener) *rawPeer {
	t.Helper()
	address := ln.Addr().(*net.TCPAddr)
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: address.Port, Addr: [4]byte(address.IP.To4())}); err != nil {
		t.Fatal(err)
	}
	timeout := unix.Timeval{Sec: int64(patience.Seconds())}
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &timeout); err != nil {
		t.Fatal(err)
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		t.Fatal(err)
	}
	return &rawPeer{t, fd}
}

func (p *rawPeer) write(b []byte) {
	for len(b) > 0 {
		n, err := unix.Write(p.fd, b)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			p.t.Fatal(err)
		}
		b = b[n:]
	}
}

func (p *rawPeer) readFull(b []byte) {
	for len(b) > 0 {
		n, err := unix.Read(p.fd, b)
		if err == unix.EINTR {
			continue
		}
		if n <= 0 {
			p.t.Fatal(n, err)
		}
		b = b[n:]
	}
}

// mallocs counts what the whole process allocates while f runs, without a garbage collection, which would empty the
// pools and make them be filled again.
func mallocs(f func()) uint64 {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

// A framed protocol answers each message of size bytes in its own way.
type framed struct {
	actors.Base
	size   int
	answer func(c *actors.Conn, p []byte)
}

func (f framed) OnData(c *actors.Conn, p []byte) (used int) {
	for len(p) >= f.size {
		f.answer(c, p[:f.size])
		used, p = used+f.size, p[f.size:]
	}
	return used
}

// TestAllocNothingPerMessage: in the steady state serving a message allocates nothing.
func TestAllocNothingPerMessage(t *testing.T) {
	write := func(c *actors.Conn, p []byte) { c.Write(p) }
	halves := func(c *actors.Conn, p []byte) { c.Write(p[:len(p)/2]); c.Write(p[len(p)/2:]) }
	shared := func(c *actors.Conn, p []byte) { c.WriteBuffer(reactor.CopyBuffer(p)) }
	for _, test := range []struct {
		name     string
		size     int
		pipeline int
		options  actors.ConnOptions
		answer   func(*actors.Conn, []byte)
		blocking bool
		most     float64 // allocations a message
	}{
		{"64 B", 64, 1, actors.ConnOptions{}, write, false, 0.01},
		{"64 B in halves", 64, 1, actors.ConnOptions{}, halves, false, 0.01},
		{"64 B, 100 pipelined", 64, 100, actors.ConnOptions{}, write, false, 0.01},
		{"1 KiB, 100 pipelined", 1 << 10, 100, actors.ConnOptions{}, write, false, 0.01},
		{"16 KiB", 16 << 10, 1, actors.ConnOptions{}, write, false, 0.01},
		{"16 KiB, 3 pipelined", 16 << 10, 3, actors.ConnOptions{}, write, false, 0.01},
		{"shared 64 B", 64, 1, actors.ConnOptions{}, shared, false, 0.01},
		{"shared 16 KiB", 16 << 10, 1, actors.ConnOptions{}, shared, false, 0.01},
		{"shared 64 B, 100 pipelined", 64, 100, actors.ConnOptions{}, shared, false, 0.01},
		{"with an idle timeout", 64, 1, actors.ConnOptions{IdleTimeout: 3600e9}, write, false, 0.01},
		{"apart", 64, 100, actors.ConnOptions{SlowPolicy: actors.DropOldest}, write, false, 0.01},
		{"suspending reads", 64, 100, actors.ConnOptions{SlowPolicy: actors.SuspendReads}, write, false, 0.01},
		{"beside the loop", 64, 1, actors.ConnOptions{}, write, true, 0.01},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := system(t, actors.Options{Loops: 1})
			var p actors.Protocol = framed{size: test.size, answer: test.answer}
			if test.blocking {
				p = framedBlocking{p}
			}
			c := newRawPeer(t, listen(t, s, actors.Shared(p), actors.ListenOptions{ConnOptions: test.options}))
			out, in := make([]byte, test.size*test.pipeline), make([]byte, test.size*test.pipeline)
			rounds := scaled(20_000, 5_000) / test.pipeline
			exchange := func() {
				for range rounds {
					c.write(out)
					c.readFull(in)
				}
			}
			exchange()
			checkAllocs(t, mallocs(exchange), rounds*test.pipeline, test.most)
		})
	}
}

type framedBlocking struct{ actors.Protocol }

func (framedBlocking) Blocking() bool { return true }

// checkAllocs allows for what the runtime allocates for itself.
func checkAllocs(t *testing.T, n uint64, messages int, most float64) {
	t.Helper()
	each := float64(n) / float64(messages)
	t.Logf("%d allocations for %d messages: %.4f each", n, messages, each)
	if each > most && !raceDetector { // under the race detector sync.Pool drops things on purpose
		t.Errorf("%.4f allocations a message", each)
	}
}

// TestAllocNothingPerWrite: writing from another goroutine allocates nothing either.
func TestAllocNothingPerWrite(t *testing.T) {
	s := system(t, actors.Options{Loops: 1})
	p := newProbe(t)
	ln := listen(t, s, p.factory(), actors.ListenOptions{})
	peer := newRawPeer(t, ln)
	c := get(t, p.opened, "OnOpen")
	message, in := make([]byte, 64), make([]byte, 64)
	n := scaled(20_000, 5_000)
	for name, write := range map[string]func(){
		"Write":       func() { c.Write(message) },
		"WriteString": func() { c.WriteString("0123456789012345678901234567890123456789012345678901234567890123") },
		"WriteBuffer": func() { c.WriteBuffer(reactor.CopyBuffer(message)) },
	} {
		t.Run(name, func(t *testing.T) {
			exchange := func() {
				for range n {
					write()
					peer.readFull(in)
				}
			}
			exchange()
			checkAllocs(t, mallocs(exchange), n, 0.01)
		})
	}
}

// TestAllocNothingPerDelivery: a publication is one buffer and one message, however many get it.
func TestAllocNothingPerDelivery(t *testing.T) {
	const subscribers = 50
	s := system(t, actors.Options{Loops: 1})
	p := &subscribing{}
	ln := listen(t, s, actors.Shared(p), actors.ListenOptions{})
	var peers []*rawPeer
	for range subscribers {
		peers = append(peers, newRawPeer(t, ln))
	}
	until(t, "all have subscribed", func() bool { return s.Broker().Subscribers("news") == subscribers })
	payload, in := make([]byte, 64), make([]byte, 64)
	n := scaled(1000, 200)
	exchange := func() {
		for range n {
			if _, err := s.Broker().Publish("news", payload); err != nil {
				t.Fatal(err)
			}
			for _, p := range peers {
				p.readFull(in)
			}
		}
	}
	exchange()
	checkAllocs(t, mallocs(exchange), n*subscribers, 2.5/subscribers)
}

type subscribing struct{ actors.Base }

func (*subscribing) OnOpen(c *actors.Conn) {
	c.Subscribe("news", actors.SubscribeOptions{})
}
