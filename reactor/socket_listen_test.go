//go:build unix

package reactor

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestSocketOptionsValidate(t *testing.T) {
	for _, c := range []struct {
		name string
		o    SocketOptions
		ok   bool
	}{
		{"zero", SocketOptions{}, true},
		{"largest", SocketOptions{
			Backlog: 65535, KeepAlive: 9 * time.Hour, UnixMode: 0o777, ReceiveBuffer: 1 << 30, SendBuffer: 1 << 30,
		}, true},
		{"smallest", SocketOptions{Backlog: 1, KeepAlive: time.Second, UnixMode: 0o1, ReceiveBuffer: 1, SendBuffer: 1}, true},
		{"keep-alive off", SocketOptions{KeepAlive: -1}, true},
		{"negative backlog", SocketOptions{Backlog: -1}, false},
		{"vast backlog", SocketOptions{Backlog: 65536}, false},
		{"hasty keep-alive", SocketOptions{KeepAlive: time.Second - 1}, false},
		{"lazy keep-alive", SocketOptions{KeepAlive: 9*time.Hour + 1}, false},
		{"directory's mode", SocketOptions{UnixMode: fs.ModeDir | 0o700}, false},
		{"set-user-id mode", SocketOptions{UnixMode: fs.ModeSetuid | 0o700}, false},
		{"negative receive buffer", SocketOptions{ReceiveBuffer: -1}, false},
		{"vast receive buffer", SocketOptions{ReceiveBuffer: 1<<30 + 1}, false},
		{"negative send buffer", SocketOptions{SendBuffer: -1}, false},
		{"vast send buffer", SocketOptions{SendBuffer: 1<<30 + 1}, false},
	} {
		if err := c.o.Validate(); (err == nil) != c.ok || err != nil && !errors.Is(err, ErrBadOption) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
}

func TestListenErrors(t *testing.T) {
	dir := t.TempDir()
	before := openFDs(t)
	for _, c := range []struct {
		network, address string
		o                SocketOptions
		want             error
	}{
		{"udp", ":0", SocketOptions{}, ErrUnknownNetwork},
		{"", ":0", SocketOptions{}, ErrUnknownNetwork},
		{"tcp", "127.0.0.1", SocketOptions{}, ErrBadAddress},
		{"tcp", "127.0.0.1:70000", SocketOptions{}, ErrBadAddress},
		{"tcp4", "[::1]:0", SocketOptions{}, ErrBadAddress},
		{"tcp6", "127.0.0.1:0", SocketOptions{}, ErrBadAddress},
		{"tcp", ":0", SocketOptions{Backlog: -1}, ErrBadOption},
		{"tcp", "192.0.2.1:0", SocketOptions{}, unix.EADDRNOTAVAIL}, // RFC 5737: nobody's
		{"unix", "", SocketOptions{}, ErrBadAddress},
		{"unix", filepath.Join(dir, "no", "directory"), SocketOptions{}, unix.ENOENT},
		{"unix", filepath.Join(dir, "shared"), SocketOptions{ReusePort: true}, ErrBadOption},
		{"unix", dir, SocketOptions{}, ErrNotSocket},
		{"unix", dir, SocketOptions{}, unix.EADDRINUSE},
	} {
		fd, bound, err := Listen(c.network, c.address, c.o)
		var told *SocketError
		if fd != -1 || bound != nil || !errors.Is(err, c.want) || !errors.As(err, &told) {
			t.Errorf("Listen(%q, %q) = %d, %v, %v, want %v", c.network, c.address, fd, bound, err, c.want)
			continue
		}
		if told.Op != "listen" || told.Network != c.network || told.Address != c.address {
			t.Errorf("error tells %+v", told)
		}
	}
	if after := openFDs(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestListenAddressInUse(t *testing.T) {
	for _, address := range []string{"127.0.0.1:0", ":0"} {
		_, bound := mustListen(t, "tcp", address, SocketOptions{})
		_, _, err := Listen("tcp", bound.String(), SocketOptions{})
		if !errors.Is(err, ErrAddressInUse) || !errors.Is(err, unix.EADDRINUSE) {
			t.Errorf("%v: %v", bound, err)
		}
	}
}

func TestListenReusePort(t *testing.T) {
	o := SocketOptions{ReusePort: true}
	_, bound := mustListen(t, "tcp", "127.0.0.1:0", o)
	mustListen(t, "tcp", bound.String(), o)
	if _, _, err := Listen("tcp", bound.String(), SocketOptions{}); !errors.Is(err, ErrAddressInUse) {
		t.Errorf("without the option: %v", err)
	}
}

// TestListenAgain: connections in TIME_WAIT keep nobody from listening there again.
func TestListenAgain(t *testing.T) {
	fd, bound := mustListen(t, "tcp", "127.0.0.1:0", SocketOptions{})
	client := dialTCP(t, bound)
	closeNow(t, mustAccept(t, fd, nil)) // the server closes first, and has to wait
	awaitFD(t, client, unix.POLLIN)
	closeNow(t, client)
	closeNow(t, fd)
	mustListen(t, "tcp", bound.String(), SocketOptions{})
}

func TestListenFamilies(t *testing.T) {
	for _, c := range []struct {
		network, address string
		ip               net.IP
		dual             bool
	}{
		{"tcp4", ":0", net.IPv4zero, false},
		{"tcp", "0.0.0.0:0", net.IPv4zero, false},
		{"tcp", "localhost:0", net.IPv4(127, 0, 0, 1), false},
		{"tcp", "[::ffff:127.0.0.1]:0", net.IPv4(127, 0, 0, 1), false},
		{"tcp6", ":0", net.IPv6unspecified, false},
		{"tcp6", "[::]:0", net.IPv6unspecified, false},
		{"tcp6", "localhost:0", net.IPv6loopback, false},
		{"tcp", ":0", net.IPv6unspecified, true},
		{"tcp", "[::]:0", net.IPv6unspecified, true},
	} {
		t.Run(c.network+" "+c.address, func(t *testing.T) {
			if c.ip.To4() == nil {
				needIP6(t)
			}
			fd, bound := mustListen(t, c.network, c.address, SocketOptions{})
			tcp, ok := bound.(*net.TCPAddr)
			if !ok || !tcp.IP.Equal(c.ip) || tcp.Port == 0 {
				t.Fatalf("bound to %v", bound)
			}
			if c.ip.To4() != nil {
				return
			}
			only, err := unix.GetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_V6ONLY)
			if err != nil || (only == 0) != c.dual {
				t.Errorf("IPV6_V6ONLY is %d, %v", only, err)
			}
		})
	}
}

// TestListenWithoutIP6: where the dual-stack address cannot be had, IPv4 alone will do.
func TestListenWithoutIP6(t *testing.T) {
	nobodys := literalEndpoint(t, "tcp6", "[2001:db8::1]:1") // RFC 3849
	nobodys.peer.port = 0
	fd, err := listen(nobodys, true, SocketOptions{})
	if err != nil {
		t.Fatal(err)
	}
	ownFD(t, fd)
	if bound, ok := LocalAddr(fd).(*net.TCPAddr); !ok || !bound.IP.Equal(net.IPv4zero) {
		t.Errorf("bound to %v", bound)
	}
	if fd, err := listen(nobodys, false, SocketOptions{}); err == nil {
		CloseFD(fd)
		t.Error("an address of nobody was bound")
	}
}

func TestListenNamedPort(t *testing.T) {
	// Low ports may need rights, and be taken: that the name was understood is enough.
	_, _, err := Listen("tcp", "192.0.2.1:http", SocketOptions{})
	if !errors.Is(err, unix.EADDRNOTAVAIL) && !errors.Is(err, unix.EACCES) {
		t.Error(err)
	}
	_, _, err = Listen("tcp", "127.0.0.1:no-such-service", SocketOptions{})
	var unknown *net.DNSError
	if !errors.As(err, &unknown) {
		t.Error(err)
	}
}

func TestListenUnixMode(t *testing.T) {
	for _, mode := range []fs.FileMode{0o600, 0o666, 0o777} {
		path := filepath.Join(t.TempDir(), "socket")
		mustListen(t, "unix", path, SocketOptions{UnixMode: mode})
		info, err := os.Lstat(path)
		if err != nil || info.Mode().Perm() != mode {
			t.Errorf("mode %v, %v, want %v", info.Mode(), err, mode)
		}
	}
}

// TestListenStaleSocket: the file of a dead listener is replaced.
func TestListenStaleSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	dead, _ := mustListen(t, "unix", path, SocketOptions{})
	closeNow(t, dead)
	fd, bound := mustListen(t, "unix", path, SocketOptions{})
	if bound.Network() != "unix" || bound.String() != path {
		t.Errorf("bound to %v", bound)
	}
	mustConnect(t, literalEndpoint(t, "unix", path), SocketOptions{})
	mustAccept(t, fd, nil)
}

// TestListenLiveSocket: a listener that lives keeps its path, also when it is too busy to answer.
func TestListenLiveSocket(t *testing.T) {
	path := filepath.Join(t.TempDir(), "socket")
	mustListen(t, "unix", path, SocketOptions{Backlog: 1})
	for range 10 {
		if _, _, err := Listen("unix", path, SocketOptions{}); !errors.Is(err, ErrAddressInUse) {
			t.Fatal(err)
		}
		if fd, _, err := Connect(literalEndpoint(t, "unix", path), SocketOptions{}); err == nil {
			ownFD(t, fd) // fills the backlog
		}
	}
}

// TestListenNeverRemovesFiles: what is no socket stays, and so does what a symbolic link points at.
func TestListenNeverRemovesFiles(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link, dir} {
		if _, _, err := Listen("unix", path, SocketOptions{}); !errors.Is(err, ErrNotSocket) {
			t.Errorf("%s: %v", path, err)
		}
	}
	if got, err := os.ReadFile(link); err != nil || string(got) != "precious" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestUnlinkSocket(t *testing.T) {
	t.Chdir(t.TempDir())
	_, bound := mustListen(t, "unix", "socket", SocketOptions{}) // relative
	if bound.Network() != "unix" || bound.String() != "socket" {
		t.Errorf("bound to %v", bound)
	}
	path, err := filepath.Abs("socket")
	if err != nil {
		t.Fatal(err)
	}

	// Another listener, or no socket at all, took the path: not ours to remove.
	if err := os.Rename(path, path+".old"); err != nil {
		t.Fatal(err)
	}
	other, _ := mustListen(t, "unix", path, SocketOptions{})
	unlinked(t, bound, path, false)
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	closeNow(t, other)
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	unlinked(t, bound, path, false)

	// Back in place, from another working directory.
	if err := os.Rename(path+".old", path); err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	unlinked(t, bound, path, true)
	unlinked(t, bound, path, true) // again: nothing to do

	for _, none := range []net.Addr{&net.TCPAddr{}, &net.UnixAddr{Name: path, Net: "unix"}, &SocketFile{}, nil} {
		if err := UnlinkSocket(none); err != nil {
			t.Errorf("%v: %v", none, err)
		}
	}
}

// unlinked calls UnlinkSocket and checks whether the path is free afterwards.
func unlinked(t *testing.T, bound net.Addr, path string, want bool) {
	t.Helper()
	if err := UnlinkSocket(bound); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) != want {
		t.Fatalf("%s: %v, want it removed: %v", path, err, want)
	}
}
