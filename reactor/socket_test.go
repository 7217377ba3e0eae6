//go:build unix

package reactor

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestCompactAddresses(t *testing.T) {
	if n := unsafe.Sizeof(Peer{}); n != 24 {
		t.Errorf("a Peer has %d bytes", n)
	}
	if n := unsafe.Sizeof(Endpoint{}); n > 40 {
		t.Errorf("an Endpoint has %d bytes", n)
	}
}

// TestConversation listens, connects, accepts and talks on every kind of address.
func TestConversation(t *testing.T) {
	dir := t.TempDir()
	for _, c := range []struct {
		network, listen string
		dial            string // %d is the port
		peer            string // host of the accepted peer; "unix"
		ip6             bool
	}{
		{network: "tcp", listen: "127.0.0.1:0", dial: "127.0.0.1:%d", peer: "127.0.0.1"},
		{network: "tcp4", listen: ":0", dial: ":%d", peer: "127.0.0.1"},
		{network: "tcp4", listen: "localhost:0", dial: "localhost:%d", peer: "127.0.0.1"},
		{network: "tcp", listen: "0.0.0.0:0", dial: "0.0.0.0:%d", peer: "127.0.0.1"},
		{network: "tcp", listen: ":0", dial: "127.0.0.1:%d", peer: "127.0.0.1"},
		{network: "tcp", listen: ":0", dial: "[::1]:%d", peer: "::1", ip6: true},
		{network: "tcp", listen: "[::]:0", dial: "127.0.0.1:%d", peer: "127.0.0.1", ip6: true},
		{network: "tcp6", listen: "[::1]:0", dial: "[::1]:%d", peer: "::1", ip6: true},
		{network: "tcp6", listen: "localhost:0", dial: "[::]:%d", peer: "::1", ip6: true},
		{network: "unix", listen: filepath.Join(dir, "socket"), dial: filepath.Join(dir, "socket"), peer: "unix"},
	} {
		t.Run(c.network+" "+filepath.Base(c.listen), func(t *testing.T) {
			if c.ip6 {
				needIP6(t)
			}
			fd, bound := mustListen(t, c.network, c.listen, SocketOptions{})
			dial := c.dial
			if tcp, ok := bound.(*net.TCPAddr); ok {
				dial = fmt.Sprintf(c.dial, tcp.Port)
			}
			converse(t, fd, literalEndpoint(t, c.network, dial), c.peer)
		})
	}
}

func converse(t *testing.T, listener int, e Endpoint, wantPeer string) {
	t.Helper()
	if _, errno := Accept(listener, nil); errno != unix.EAGAIN {
		t.Fatalf("Accept with nobody there: %v", errno)
	}
	client := mustConnect(t, e, SocketOptions{})
	var peer Peer
	server := mustAccept(t, listener, &peer)
	for _, fd := range []int{client, server} {
		checkFlags(t, fd)
	}
	if wantPeer == "unix" {
		nameless := net.UnixAddr{Net: "unix"}
		if peer.String() != "unix" || peer.AddrPort().IsValid() || *peer.Addr().(*net.UnixAddr) != nameless {
			t.Errorf("peer %v, address %#v", peer, peer.Addr())
		}
		if got := LocalAddr(server).String(); got != e.String() {
			t.Errorf("LocalAddr = %q, want %q", got, e)
		}
		if got := RemoteAddr(server).String(); got != "" {
			t.Errorf("RemoteAddr = %q of a nameless client", got)
		}
	} else {
		if got := peer.AddrPort().Addr().String(); got != wantPeer {
			t.Errorf("peer %s, want %s", got, wantPeer)
		}
		local := LocalAddr(client).String()
		for what, got := range map[string]string{
			"Peer.String": peer.String(), "Peer.Addr": peer.Addr().String(), "RemoteAddr": RemoteAddr(server).String(),
		} {
			if got != local {
				t.Errorf("%s = %s, want %s", what, got, local)
			}
		}
	}
	mustWrite(t, client, "question")
	awaitFD(t, server, unix.POLLIN)
	mustRead(t, server, "question")
	if err := ShutdownWrite(client); err != nil {
		t.Fatal(err)
	}
	awaitFD(t, server, unix.POLLIN)
	mustRead(t, server, "")
	mustWrite(t, server, "answer")
	awaitFD(t, client, unix.POLLIN)
	mustRead(t, client, "answer")
}

// checkFlags: non-blocking, and closed on exec.
func checkFlags(t *testing.T, fd int) {
	t.Helper()
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Errorf("status flags %#x, %v", flags, err)
	}
	if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err != nil || flags&unix.FD_CLOEXEC == 0 {
		t.Errorf("descriptor flags %#x, %v", flags, err)
	}
}

func TestConnectRefused(t *testing.T) {
	e := refusing(t)
	fd, done, err := Connect(e, SocketOptions{})
	if err == nil && !done {
		ownFD(t, fd)
		awaitFD(t, fd, unix.POLLOUT)
		err = ConnectResult(fd)
	}
	if !errors.Is(err, unix.ECONNREFUSED) {
		t.Fatalf("tcp: done %v, %v", done, err)
	}

	path := filepath.Join(t.TempDir(), "none")
	_, _, err = Connect(literalEndpoint(t, "unix", path), SocketOptions{})
	var told *SocketError
	if !errors.As(err, &told) || told.Op != "connect" || told.Network != "unix" || told.Address != path ||
		told.Err != unix.ENOENT {
		t.Fatalf("unix: %#v", err)
	}
}

func TestConnectRefusesNonsense(t *testing.T) {
	if _, _, err := Connect(Endpoint{}, SocketOptions{}); !errors.Is(err, ErrBadAddress) {
		t.Error(err)
	}
	if _, _, err := Connect(refusing(t), SocketOptions{SendBuffer: -1}); !errors.Is(err, ErrBadOption) {
		t.Error(err)
	}
}

func TestConnectResultBeforeTheEnd(t *testing.T) {
	fd, err := newSocket(unix.AF_INET)
	if err != nil {
		t.Fatal(err)
	}
	ownFD(t, fd)
	if err := ConnectResult(fd); err != unix.EINPROGRESS {
		t.Errorf("of an unconnected socket: %v", err)
	}
	if err := PendingError(fd); err != nil {
		t.Errorf("of a sound socket: %v", err)
	}
	if err := ConnectResult(-1); err != unix.EBADF {
		t.Error(err)
	}
}

func TestSelfConnect(t *testing.T) {
	fd, err := newSocket(unix.AF_INET)
	if err != nil {
		t.Fatal(err)
	}
	ownFD(t, fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	own, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.Connect(fd, own); err != nil && err != unix.EINPROGRESS {
		t.Skip("this kernel does not connect a socket to itself: ", err)
	}
	awaitFD(t, fd, unix.POLLOUT)
	if err := ConnectResult(fd); err != ErrSelfConnect || !errors.Is(err, unix.ECONNREFUSED) {
		t.Error(err)
	}
}

func TestUnixBacklogFull(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	fd, _ := mustListen(t, "unix", path, SocketOptions{Backlog: 1})
	e := literalEndpoint(t, "unix", path)
	for range 100 {
		client, _, err := Connect(e, SocketOptions{})
		if err == nil {
			ownFD(t, client)
			continue
		}
		if !errors.Is(err, ErrBacklogFull) || !errors.Is(err, unix.EAGAIN) {
			t.Fatal(err)
		}
		mustAccept(t, fd, nil)
		mustConnect(t, e, SocketOptions{}) // there is room again
		return
	}
	t.Skip("this kernel queued 100 connections with a backlog of 1")
}

// TestGoneConnection: writing to one is an error and not the end of the process, by whichever call.
func TestGoneConnection(t *testing.T) {
	for name, pair := range map[string]func(testing.TB) (int, int){"tcp": tcpPair, "unix": streamPair} {
		t.Run(name, func(t *testing.T) {
			a, b := pair(t)
			mustWrite(t, a, "never read, so that TCP resets instead of closing")
			if name == "tcp" {
				awaitFD(t, b, unix.POLLIN)
			}
			closeNow(t, b)
			if name == "tcp" {
				awaitFD(t, a, unix.POLLIN)
			}
			for range 3 {
				_, errno := Write(a, []byte("x"))
				if errno != unix.EPIPE && errno != unix.ECONNRESET {
					t.Fatalf("Write: %v", errno)
				}
			}
			if _, errno := Writev(a, iovecs("x", "y")); errno != unix.EPIPE {
				t.Fatalf("Writev: %v", errno)
			}
			if name == "tcp" {
				if got := RemoteAddr(a); got != nil {
					t.Errorf("RemoteAddr = %v", got)
				}
			}
		})
	}
}

func TestReadWriteEdges(t *testing.T) {
	a, b := streamPair(t)
	if n, errno := Read(a, nil); n != 0 || errno != 0 {
		t.Errorf("Read of no bytes: %d, %v", n, errno)
	}
	if n, errno := Write(a, nil); n != 0 || errno != 0 {
		t.Errorf("Write of no bytes: %d, %v", n, errno)
	}
	if n, errno := Writev(a, nil); n != 0 || errno != 0 {
		t.Errorf("Writev of no pieces: %d, %v", n, errno)
	}
	if n, errno := Writev(a, iovecs("", "")); n != 0 || errno != 0 {
		t.Errorf("Writev of empty pieces: %d, %v", n, errno)
	}
	if n, errno := Read(a, make([]byte, 1)); n != 0 || errno != unix.EAGAIN {
		t.Errorf("Read with nothing there: %d, %v", n, errno)
	}
	if n, errno := Read(-1, make([]byte, 1)); n != 0 || errno != unix.EBADF {
		t.Errorf("Read of no descriptor: %d, %v", n, errno)
	}
	if n, errno := Accept(a, nil); n != -1 || errno != unix.EINVAL && errno != unix.EOPNOTSUPP {
		t.Errorf("Accept on a connection: %d, %v", n, errno)
	}
	total := fill(t, a)
	if n, errno := Write(a, []byte("x")); n != 0 || errno != unix.EAGAIN {
		t.Errorf("Write into a full buffer: %d, %v", n, errno)
	}
	if n, errno := Writev(a, iovecs("x")); n != 0 || errno != unix.EAGAIN {
		t.Errorf("Writev into a full buffer: %d, %v", n, errno)
	}
	if got := len(drain(t, b)); got != total {
		t.Errorf("wrote %d bytes, read %d", total, got)
	}
}

func iovecs(pieces ...string) []unix.Iovec {
	iov := make([]unix.Iovec, len(pieces))
	for i, s := range pieces {
		p := []byte(s)
		iov[i].Base = unsafe.SliceData(p)
		iov[i].SetLen(len(p))
	}
	return iov
}

func TestWritev(t *testing.T) {
	a, b := streamPair(t)
	if n, errno := Writev(a, iovecs("one ", "", "two ", "three")); n != 13 || errno != 0 {
		t.Fatal(n, errno)
	}
	mustRead(t, b, "one two three")

	// More pieces than one call takes: what is returned tells where to go on.
	pieces := slices.Repeat([]string{"ab"}, 3000)
	var got strings.Builder
	for written := 0; written < 2*len(pieces); {
		n, errno := Writev(a, iovecs(pieces[written/2:]...))
		if errno != 0 || n == 0 || n%2 != 0 {
			t.Fatal(n, errno)
		}
		written += n
		got.Write(drain(t, b))
	}
	if got.String() != strings.Join(pieces, "") {
		t.Fatal("the pieces arrived differently")
	}

	// A short write: all that was taken arrives, and nothing else.
	big := strings.Repeat("0123456789", 1<<20)
	n, errno := Writev(a, iovecs(big, big))
	if errno != 0 || n == 0 || n >= 2*len(big) {
		t.Fatal(n, errno)
	}
	if received := drain(t, b); string(received) != (big + big)[:n] {
		t.Fatalf("%d bytes were taken, %d arrived", n, len(received))
	}
}

func TestCloseFD(t *testing.T) {
	if err := CloseFD(-1); err != unix.EBADF {
		t.Error(err)
	}
	if err := ShutdownWrite(-1); err != unix.EBADF {
		t.Error(err)
	}
	if got := LocalAddr(-1); got != nil {
		t.Error(got)
	}
	if got := RemoteAddr(-1); got != nil {
		t.Error(got)
	}
}

func TestRaiseFDLimit(t *testing.T) {
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &before); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Setrlimit(unix.RLIMIT_NOFILE, &before) })
	lowered := before
	lowered.Cur = 128
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &lowered); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		limit, err := RaiseFDLimit()
		var now unix.Rlimit
		if e := unix.Getrlimit(unix.RLIMIT_NOFILE, &now); e != nil || limit != uint64(now.Cur) {
			t.Errorf("told %d, in force %d, %v", limit, now.Cur, e)
		}
		if err == nil && limit != uint64(before.Max) {
			t.Errorf("limit %d, want %d", limit, before.Max)
		}
	}
}

// openFDs returns the number of this process's descriptors, where the system tells it.
func openFDs(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(entries)
}
