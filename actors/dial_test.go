package actors_test

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/reactor"
	"github.com/troupe-go/troupe/supervision"
	"golang.org/x/sys/unix"
)

func dial(t testing.TB, s *actors.System, network, address string, p *probe, o actors.DialOptions) *actors.Conn {
	t.Helper()
	c, err := s.Dial(network, address, p.factory(), o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// wantFailure waits for OnClose without OnOpen.
func (p *probe) wantFailure(want error) {
	p.t.Helper()
	if r := p.wantClose(actors.DialFailed); !errors.Is(r.Err, want) {
		p.t.Errorf("failed with %v, want %v", r.Err, want)
	}
	if len(p.opened) != 0 {
		p.t.Error("OnOpen of a connection that could not be established")
	}
}

// refusing is an address that nobody listens at, and nobody else can take.
func refusing(t testing.TB) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	return reactor.LocalAddr(fd).String()
}

// fullBacklog is a unix listener that has no room for a connection until room is called.
func fullBacklog(t testing.TB) (address string, room func()) {
	t.Helper()
	address = abstractName()
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: address}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	for range 64 {
		c, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Close(c) })
		if err := unix.Connect(c, &unix.SockaddrUnix{Name: address}); err == unix.EAGAIN {
			return address, func() {
				for range 64 { // what filled the queue, and then ours
					nfd, _, err := unix.Accept(fd)
					if err != nil {
						return
					}
					t.Cleanup(func() { unix.Close(nfd) })
					unix.SetNonblock(fd, true)
				}
			}
		} else if err != nil {
			t.Fatal(err)
		}
	}
	t.Skip("this kernel's backlog does not fill")
	return "", nil
}

func TestDialNetworks(t *testing.T) {
	for _, test := range []struct{ network, address string }{
		{"tcp", "127.0.0.1:0"}, {"tcp4", "127.0.0.1:0"}, {"tcp6", "[::1]:0"},
		{"unix", filepath.Join(t.TempDir(), "s")}, {"unix", abstractName()},
	} {
		t.Run(test.network+" "+test.address[:1], func(t *testing.T) {
			s := system(t, actors.Options{})
			server, client := newProbe(t), newProbe(t)
			server.data = func(c *actors.Conn, b []byte) int { c.Write(b); return len(b) }
			got := make(chan string, 1)
			client.data = func(c *actors.Conn, b []byte) int {
				if len(b) < 5 {
					return 0
				}
				got <- string(b)
				return len(b)
			}
			ln := listenAt(t, s, test.network, test.address, server.factory(), actors.ListenOptions{})
			c := dial(t, s, test.network, ln.Addr().String(), client, actors.DialOptions{})
			c.WriteString("hello") // before it is established
			if text := get(t, got, "the echo"); text != "hello" {
				t.Error(text)
			}
			if c.Listener() != nil || get(t, server.opened, "OnOpen").Listener() != ln {
				t.Error("wrong Listener")
			}
			c.Close()
			client.wantClose(actors.LocalClose)
			server.wantClose(actors.PeerClosed)
		})
	}
}

func TestDialBadInput(t *testing.T) {
	s := system(t, actors.Options{})
	f := actors.Shared(actors.Base{})
	for _, test := range []struct {
		network, address string
		factory          actors.Factory
		options          actors.DialOptions
		want             error
	}{
		{"tcp", "127.0.0.1:1", nil, actors.DialOptions{}, actors.ErrNilFactory},
		{"udp", "127.0.0.1:1", f, actors.DialOptions{}, actors.ErrUnknownNetwork},
		{"", "127.0.0.1:1", f, actors.DialOptions{}, actors.ErrUnknownNetwork},
		{"tcp", "127.0.0.1", f, actors.DialOptions{}, actors.ErrBadAddress},
		{"tcp", "127.0.0.1:", f, actors.DialOptions{}, actors.ErrBadAddress},
		{"tcp", "127.0.0.1:99999", f, actors.DialOptions{}, actors.ErrBadAddress},
		{"tcp", "", f, actors.DialOptions{}, actors.ErrBadAddress},
		{"tcp4", "[::1]:80", f, actors.DialOptions{}, actors.ErrBadAddress},
		{"unix", "", f, actors.DialOptions{}, actors.ErrBadAddress},
		{"unix", "/" + strings.Repeat("x", 200), f, actors.DialOptions{}, actors.ErrBadAddress},
		{"tcp", "127.0.0.1:1", f, actors.DialOptions{Timeout: -1}, actors.ErrBadOption},
		{"tcp", "127.0.0.1:1", f, actors.DialOptions{Timeout: time.Microsecond}, actors.ErrBadOption},
		{"tcp", "127.0.0.1:1", f, actors.DialOptions{Socket: reactor.SocketOptions{SendBuffer: -1}}, actors.ErrBadOption},
		{"tcp", "127.0.0.1:1", f, actors.DialOptions{ConnOptions: actors.ConnOptions{MaxOutbound: 1}}, actors.ErrBadOption},
	} {
		if c, err := s.Dial(test.network, test.address, test.factory, test.options); c != nil || !errors.Is(err, test.want) {
			t.Errorf("Dial(%q, %.20q, %+v) = %v, %v, want %v", test.network, test.address, test.options, c, err, test.want)
		}
	}
	if s.Count() != 0 {
		t.Error(s.Count(), "connections")
	}
}

func TestDialRefused(t *testing.T) {
	s := system(t, actors.Options{})
	for range 20 {
		p := newProbe(t)
		dial(t, s, "tcp", refusing(t), p, actors.DialOptions{})
		p.wantFailure(syscall.ECONNREFUSED)
	}
	p := newProbe(t)
	dial(t, s, "unix", filepath.Join(t.TempDir(), "nobody"), p, actors.DialOptions{})
	p.wantFailure(os.ErrNotExist)
}

// What is written before the failure changes nothing about it, and is counted as lost.
func TestDialRefusedWithPendingWrites(t *testing.T) {
	s := system(t, actors.Options{})
	for range 20 {
		p := newProbe(t)
		var released countdown
		c := dial(t, s, "tcp", refusing(t), p, actors.DialOptions{})
		c.WriteOwned([]byte("hello"), released.release)
		c.Send("message")
		r := get(t, p.closed, "OnClose")
		if r.Code != actors.DialFailed || !errors.Is(r.Err, syscall.ECONNREFUSED) {
			t.Fatalf("%v", r)
		}
		if released.n.Load() != 1 {
			t.Errorf("released %d times", released.n.Load())
		}
	}
}

func TestDialTriesTheNextAddress(t *testing.T) {
	s := system(t, actors.Options{})
	ln := listen(t, s, actors.Shared(mirror{}), actors.ListenOptions{})
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	for _, early := range []string{"", "written before"} {
		p := newProbe(t)
		got := make(chan string, 4)
		p.data = func(_ *actors.Conn, b []byte) int { got <- string(b); return len(b) }
		c := dial(t, s, "tcp", "localhost:"+port, p, actors.DialOptions{})
		c.WriteString(early)
		get(t, p.opened, "OnOpen")
		if early != "" {
			if text := get(t, got, "the echo"); text != early {
				t.Error(text)
			}
		}
		if host, _, _ := net.SplitHostPort(c.RemoteAddr().String()); host != "127.0.0.1" {
			t.Error(c.RemoteAddr())
		}
		if found, ok := s.Conn(c.Ref()); !ok || found != c {
			t.Error("its Ref does not name it")
		}
		c.Close()
		p.wantClose(actors.LocalClose)
	}
}

func TestDialUnknownHost(t *testing.T) {
	s := system(t, actors.Options{})
	p := newProbe(t)
	dial(t, s, "tcp", "no-such-host.invalid:80", p, actors.DialOptions{Timeout: 5 * time.Second})
	r := p.wantClose(actors.DialFailed)
	var dns *net.DNSError
	if !errors.As(r.Err, &dns) && !errors.Is(r.Err, actors.ErrDialTimeout) {
		t.Error(r)
	}
}

// A connect that hangs: here, because the listener's queue is full.
func TestDialTimeout(t *testing.T) {
	address, _ := fullBacklog(t)
	s := system(t, actors.Options{})
	p := newProbe(t)
	begin := time.Now()
	dial(t, s, "unix", address, p, actors.DialOptions{Timeout: 50 * time.Millisecond})
	p.wantFailure(actors.ErrDialTimeout)
	if d := time.Since(begin); d < 50*time.Millisecond-tick {
		t.Errorf("after %v", d)
	}
}

func TestDialWaitsForRoom(t *testing.T) {
	address, room := fullBacklog(t)
	s := system(t, actors.Options{})
	p := newProbe(t)
	c := dial(t, s, "unix", address, p, actors.DialOptions{})
	c.WriteString("before")
	room()
	get(t, p.opened, "OnOpen")
	c.Close()
	p.wantClose(actors.LocalClose)
}

// The dial's timeout is over with OnOpen: one that takes longer does not harm the connection.
func TestDialTimeoutEndsWithOpen(t *testing.T) {
	s := system(t, actors.Options{})
	server, client := newProbe(t), newProbe(t)
	ln := listen(t, s, server.factory(), actors.ListenOptions{})
	client.open = func(*actors.Conn) {
		done := make(chan struct{})
		s.After(100*time.Millisecond, func() { close(done) })
		<-done
	}
	c := dial(t, s, "tcp", ln.Addr().String(), client, actors.DialOptions{Timeout: 30 * time.Millisecond})
	get(t, client.opened, "OnOpen")
	served(t, c)
	c.ForceClose()
	client.wantClose(actors.LocalClose)
}

// ... and so with one that panics and is forgiven.
func TestDialTimeoutEndsWithForgivenOpen(t *testing.T) {
	s := system(t, actors.Options{})
	ln := listen(t, s, actors.Shared(actors.Base{}), actors.ListenOptions{})
	p := newProbe(t)
	p.open = func(*actors.Conn) { panic("forgiven") }
	c := dial(t, s, "tcp", ln.Addr().String(), p, actors.DialOptions{Timeout: 30 * time.Millisecond, ConnOptions: actors.ConnOptions{
		Supervision: supervision.Strategy{Decide: supervision.Always(supervision.Resume)}}})
	done := make(chan struct{})
	s.After(100*time.Millisecond, func() { close(done) })
	get(t, done, "timer")
	if c.Closed() {
		t.Error("closed")
	}
	c.ForceClose()
	p.wantClose(actors.LocalClose)
}

func TestDialClosedMeanwhile(t *testing.T) {
	address, _ := fullBacklog(t)
	s := system(t, actors.Options{})
	for _, end := range []func(*actors.Conn){(*actors.Conn).Close, (*actors.Conn).ForceClose} {
		p := newProbe(t)
		c := dial(t, s, "unix", address, p, actors.DialOptions{})
		c.WriteString("lost")
		end(c)
		if r := get(t, p.closed, "OnClose"); r.Lost != 4 || len(p.opened) != 0 {
			t.Error(r)
		}
	}
}

// Close at any moment of dialling: one OnClose, and the descriptor goes too.
func TestDialCloseRaces(t *testing.T) {
	s := system(t, actors.Options{})
	ln := listen(t, s, actors.Shared(actors.Base{}), actors.ListenOptions{})
	for i := range 300 {
		p := newProbe(t)
		c := dial(t, s, "tcp", ln.Addr().String(), p, actors.DialOptions{})
		var wg sync.WaitGroup
		wg.Go(func() {
			for range i % 50 {
				c.Buffered()
			}
			c.Close()
		})
		wg.Go(func() { c.LocalAddr(); c.RemoteAddr(); c.Ref() })
		wg.Go(func() { c.WriteString("x") })
		wg.Wait()
		get(t, p.closed, "OnClose")
	}
	until(t, "all are gone", func() bool { return s.Count() == 0 })
}

func TestDialFactoryWithoutProtocol(t *testing.T) {
	s := system(t, actors.Options{})
	ln := listen(t, s, actors.Shared(actors.Base{}), actors.ListenOptions{})
	for _, f := range []actors.Factory{func() actors.Protocol { return nil }, func() actors.Protocol { panic("no") }} {
		failed := make(chan struct{}, 1)
		_, err := s.Dial("tcp", ln.Addr().String(), f, actors.DialOptions{ConnOptions: actors.ConnOptions{
			OnFailure: func(actors.Ref, *supervision.Failure) {
				select {
				case failed <- struct{}{}:
				default:
				}
			}}})
		if err != nil {
			t.Fatal(err)
		}
		get(t, failed, "OnFailure")
		until(t, "it is gone", func() bool { return s.Count() == 0 })
	}
}

func TestDialAndShutdown(t *testing.T) {
	address, _ := fullBacklog(t)
	s := looseSystem(t, actors.Options{})
	p := newProbe(t)
	dial(t, s, "unix", address, p, actors.DialOptions{})
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	begin := time.Now()
	err := s.Shutdown(ctx)
	if r := get(t, p.closed, "OnClose"); len(p.opened) != 0 {
		t.Error(r)
	}
	if d := time.Since(begin); err != nil || d > 2*time.Second {
		t.Errorf("a connection that was never established held up Shutdown for %v: %v", d, err)
	}
	if _, err := s.Dial("unix", address, p.factory(), actors.DialOptions{}); !errors.Is(err, actors.ErrShutdown) {
		t.Errorf("Dial after Shutdown: %v", err)
	}
}

// Dial while Shutdown begins: refused, or exactly one OnClose.
func TestDialRacesWithShutdown(t *testing.T) {
	target, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	for range 20 {
		s := looseSystem(t, actors.Options{})
		var probes [16]*probe
		var wg sync.WaitGroup
		for i := range probes {
			wg.Go(func() {
				p := newProbe(t)
				host := target.Addr().String()
				if i%2 == 0 {
					host = "localhost" + host[strings.LastIndexByte(host, ':'):]
				}
				if _, err := s.Dial("tcp", host, p.factory(), actors.DialOptions{}); err == nil {
					probes[i] = p
				} else if !errors.Is(err, actors.ErrShutdown) {
					t.Error(err)
				}
			})
		}
		if err := s.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
		wg.Wait()
		for _, p := range probes {
			if p != nil {
				if r := get(t, p.closed, "OnClose"); r.Code == actors.DialFailed && r.Err == nil {
					t.Error("dial failed without an error")
				}
			}
		}
	}
}
