package reactor

import (
	"errors"
	"fmt"
	"net"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func option(t testing.TB, fd, level, name int) int {
	t.Helper()
	v, err := unix.GetsockoptInt(fd, level, name)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// TestAcceptedInherit: what is set on the listener need not be set on each accepted socket, and connecting sets
// the same.
func TestAcceptedInherit(t *testing.T) {
	for _, c := range []struct {
		name                     string
		o                        SocketOptions
		noDelay, keepAlive, idle int
	}{
		{"defaults", SocketOptions{}, 1, 1, 15},
		{"rounded up", SocketOptions{KeepAlive: 1500 * time.Millisecond}, 1, 1, 2},
		{"longest", SocketOptions{KeepAlive: 9 * time.Hour}, 1, 1, 32400},
		{"off", SocketOptions{Delay: true, KeepAlive: -1}, 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.o.ReceiveBuffer, c.o.SendBuffer = 40_000, 50_000
			fd, bound := mustListen(t, "tcp", "127.0.0.1:0", c.o)
			client := mustConnect(t, literalEndpoint(t, "tcp", bound.String()), c.o)
			for _, s := range []int{fd, mustAccept(t, fd, nil), client} {
				if got := option(t, s, unix.IPPROTO_TCP, unix.TCP_NODELAY); got != c.noDelay {
					t.Errorf("TCP_NODELAY is %d", got)
				}
				if got := option(t, s, unix.SOL_SOCKET, unix.SO_KEEPALIVE); got != c.keepAlive {
					t.Errorf("SO_KEEPALIVE is %d", got)
				}
				if c.idle > 0 {
					idle := option(t, s, unix.IPPROTO_TCP, unix.TCP_KEEPIDLE)
					interval := option(t, s, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL)
					if idle != c.idle || interval != c.idle {
						t.Errorf("probes after %d s, every %d s", idle, interval)
					}
				}
				// The kernel doubles what it is given, socket(7).
				if got := option(t, s, unix.SOL_SOCKET, unix.SO_RCVBUF); got != 80_000 {
					t.Errorf("SO_RCVBUF is %d", got)
				}
				if got := option(t, s, unix.SOL_SOCKET, unix.SO_SNDBUF); got != 100_000 {
					t.Errorf("SO_SNDBUF is %d", got)
				}
			}
		})
	}
}

func TestAbstract(t *testing.T) {
	name := fmt.Sprintf("@troupe-test-%d", os.Getpid())
	fd, bound := mustListen(t, "unix", name, SocketOptions{})
	if a, ok := bound.(*net.UnixAddr); !ok || a.Name != name {
		t.Errorf("bound to %#v", bound)
	}
	converse(t, fd, literalEndpoint(t, "unix", name), "unix")
	if _, _, err := Listen("unix", name, SocketOptions{}); !errors.Is(err, ErrAddressInUse) {
		t.Error(err)
	}
	if _, _, err := Listen("unix", name+"2", SocketOptions{UnixMode: 0o600}); !errors.Is(err, ErrBadOption) {
		t.Error(err)
	}
	if _, _, err := ParseDial("unix", "@"); !errors.Is(err, ErrBadAddress) {
		t.Error(err)
	}
	closeNow(t, fd)
	if _, _, err := Connect(literalEndpoint(t, "unix", name), SocketOptions{}); !errors.Is(err, unix.ECONNREFUSED) {
		t.Error(err)
	}
}

// queued lets n connections wait in a listener's queue.
func queued(t testing.TB, n int) (listener int, clients []int) {
	t.Helper()
	listener, bound := mustListen(t, "tcp", "127.0.0.1:0", SocketOptions{})
	for range n {
		clients = append(clients, dialTCP(t, bound))
	}
	return listener, clients
}

// acceptQueued accepts what the kernel may not have put into the queue yet, though the client is connected.
func acceptQueued(t testing.TB, listener int, peer *Peer) int {
	for {
		fd, errno := Accept(listener, peer)
		switch errno {
		case 0:
			return fd
		case unix.EAGAIN:
			awaitFD(t, listener, unix.POLLIN)
		default:
			t.Fatal(errno)
		}
	}
}

func TestAcceptAllocatesNothing(t *testing.T) {
	const runs = 50
	listener, _ := queued(t, runs+1) // one to warm up
	peers := make([]Peer, 0, runs+1)
	fds := make([]int, 0, runs+1)
	allocs := testing.AllocsPerRun(runs, func() {
		var p Peer
		fds = append(fds, acceptQueued(t, listener, &p))
		peers = append(peers, p)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
	known := map[Peer]bool{}
	for i, fd := range fds {
		if peers[i].String() != RemoteAddr(fd).String() {
			t.Errorf("peer %v, want %v", peers[i], RemoteAddr(fd))
		}
		known[peers[i]] = true
		CloseFD(fd)
	}
	if len(known) != len(peers) {
		t.Errorf("%d connections of %d peers", len(peers), len(known))
	}
}

func TestReadWriteAllocateNothing(t *testing.T) {
	a, b := streamPair(t)
	p := make([]byte, 64)
	iov := iovecs("one", "two")
	allocs := testing.AllocsPerRun(100, func() {
		Write(a, p)
		Writev(a, iov)
		if n, errno := Read(b, p); n != len(p) || errno != 0 {
			panic(errno)
		}
		Read(b, p)
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkAccept(b *testing.B) {
	const batch = 128
	var peer Peer
	b.ReportAllocs()
	for done := 0; done < b.N; done += batch {
		b.StopTimer()
		listener, fds := queued(b, batch)
		b.StartTimer()
		for range min(batch, b.N-done) {
			fds = append(fds, acceptQueued(b, listener, &peer))
		}
		b.StopTimer()
		for _, fd := range append(fds, listener) {
			closeNow(b, fd)
		}
		b.StartTimer()
	}
}

// BenchmarkReadWrite compares the calls here with those of package unix, which tell the scheduler.
func BenchmarkReadWrite(b *testing.B) {
	p := make([]byte, 64)
	b.Run("raw", func(b *testing.B) {
		x, y := streamPair(b)
		for b.Loop() {
			Write(x, p)
			Read(y, p)
		}
	})
	b.Run("bracketed", func(b *testing.B) {
		x, y := streamPair(b)
		for b.Loop() {
			unix.Write(x, p)
			unix.Read(y, p)
		}
	})
}
