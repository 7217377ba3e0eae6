//go:build unix

package reactor

import (
	"bytes"
	"net"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// streamPair returns two connected, non-blocking sockets, closed when the test ends unless close did.
func streamPair(t testing.TB) (a, b int) {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if err := unix.SetNonblock(fd, true); err != nil {
			t.Fatal(err)
		}
		unix.CloseOnExec(fd)
		ownFD(t, fd)
	}
	return fds[0], fds[1]
}

// owned are the descriptors to be closed at the end of their test.
var owned sync.Map

func ownFD(t testing.TB, fd int) {
	owned.Store(fd, nil)
	t.Cleanup(func() {
		if _, ok := owned.LoadAndDelete(fd); ok {
			CloseFD(fd)
		}
	})
}

// closeNow closes a descriptor before its test ends.
func closeNow(t testing.TB, fd int) {
	t.Helper()
	owned.Delete(fd)
	if err := CloseFD(fd); err != nil {
		t.Fatal(err)
	}
}

func mustWrite(t testing.TB, fd int, s string) {
	t.Helper()
	if n, errno := Write(fd, []byte(s)); n != len(s) || errno != 0 {
		t.Fatalf("Write = %d, %v", n, errno)
	}
}

func mustRead(t testing.TB, fd int, want string) {
	t.Helper()
	p := make([]byte, len(want)+1)
	if n, errno := Read(fd, p); string(p[:n]) != want || errno != 0 {
		t.Fatalf("Read = %q, %v, want %q", p[:n], errno, want)
	}
}

// fill writes until the kernel takes no more, and returns how much it took.
func fill(t testing.TB, fd int) (total int) {
	t.Helper()
	block := make([]byte, 64<<10)
	for {
		n, errno := Write(fd, block)
		total += n
		if errno == unix.EAGAIN {
			return total
		}
		if errno != 0 {
			t.Fatalf("Write: %v", errno)
		}
	}
}

// drain reads until nothing is there, and returns what was.
func drain(t testing.TB, fd int) []byte {
	t.Helper()
	var all bytes.Buffer
	block := make([]byte, 64<<10)
	for {
		n, errno := Read(fd, block)
		all.Write(block[:n])
		if errno == unix.EAGAIN || errno == 0 && n == 0 {
			return all.Bytes()
		}
		if errno != 0 {
			t.Fatalf("Read: %v", errno)
		}
	}
}

// awaitFD waits until a condition of poll(2) holds, or an error or hang-up.
func awaitFD(t testing.TB, fd int, events int16) {
	t.Helper()
	for {
		n, err := unix.Poll([]unix.PollFd{{Fd: int32(fd), Events: events}}, int(long.Milliseconds()))
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			t.Fatalf("poll: %d, %v", n, err)
		}
		return
	}
}

func mustListen(t testing.TB, network, address string, o SocketOptions) (int, net.Addr) {
	t.Helper()
	fd, bound, err := Listen(network, address, o)
	if err != nil {
		t.Fatal(err)
	}
	ownFD(t, fd)
	return fd, bound
}

func literalEndpoint(t testing.TB, network, address string) Endpoint {
	t.Helper()
	eps, literal, err := ParseDial(network, address)
	if err != nil || !literal {
		t.Fatalf("ParseDial(%s, %s) = %v, %v, %v", network, address, eps, literal, err)
	}
	return eps[0]
}

func mustConnect(t testing.TB, e Endpoint, o SocketOptions) int {
	t.Helper()
	fd, done, err := Connect(e, o)
	if err != nil {
		t.Fatal(err)
	}
	ownFD(t, fd)
	if !done {
		awaitFD(t, fd, unix.POLLOUT)
		if err := ConnectResult(fd); err != nil {
			t.Fatal(err)
		}
	}
	return fd
}

func dialTCP(t testing.TB, to net.Addr) int {
	t.Helper()
	return mustConnect(t, literalEndpoint(t, "tcp", to.String()), SocketOptions{})
}

func mustAccept(t testing.TB, fd int, peer *Peer) int {
	t.Helper()
	awaitFD(t, fd, unix.POLLIN)
	nfd, errno := Accept(fd, peer)
	if errno != 0 {
		t.Fatal(errno)
	}
	ownFD(t, nfd)
	return nfd
}

func tcpPair(t testing.TB) (client, server int) {
	t.Helper()
	fd, bound := mustListen(t, "tcp4", "127.0.0.1:0", SocketOptions{})
	client = dialTCP(t, bound)
	return client, mustAccept(t, fd, nil)
}

// refusing returns an endpoint that nobody listens on, and nobody else can take: it is bound, but not listening.
func refusing(t testing.TB) Endpoint {
	t.Helper()
	fd, err := newSocket(unix.AF_INET)
	if err != nil {
		t.Fatal(err)
	}
	ownFD(t, fd)
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	return literalEndpoint(t, "tcp", LocalAddr(fd).String())
}

func needIP6(t testing.TB) {
	t.Helper()
	fd, _, err := Listen("tcp6", "[::1]:0", SocketOptions{})
	if err != nil {
		t.Skip("this kernel has no IPv6 loopback address: ", err)
	}
	CloseFD(fd)
}
