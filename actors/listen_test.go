package actors_test

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/reactor"
	"github.com/troupe-go/troupe/supervision"
)

func TestListenBadInput(t *testing.T) {
	s := system(t, actors.Options{})
	taken := listen(t, s, actors.Shared(actors.Base{}), actors.ListenOptions{}).Addr().String()
	path := filepath.Join(t.TempDir(), "s")
	listenAt(t, s, "unix", path, actors.Shared(actors.Base{}), actors.ListenOptions{})
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	f := actors.Shared(actors.Base{})
	type options = actors.ListenOptions
	conn := func(o actors.ConnOptions) options { return options{ConnOptions: o} }
	socket := func(o reactor.SocketOptions) options { return options{Socket: o} }
	const local = "127.0.0.1:0"
	for _, test := range []struct {
		network, address string
		factory          actors.Factory
		options          options
		want             error
	}{
		{"tcp", local, nil, options{}, actors.ErrNilFactory},
		{"udp", local, f, options{}, actors.ErrUnknownNetwork},
		{"tcp", "127.0.0.1:x y", f, options{}, actors.ErrBadAddress},
		{"tcp", "127.0.0.1:70000", f, options{}, actors.ErrBadAddress},
		{"tcp", taken, f, options{}, actors.ErrAddressInUse},
		{"unix", path, f, options{}, actors.ErrAddressInUse},
		{"unix", file, f, options{}, reactor.ErrNotSocket},
		{"unix", "", f, options{}, actors.ErrBadAddress},
		{"unix", filepath.Join(file, "s"), f, options{}, nil},
		{"tcp", local, f, conn(actors.ConnOptions{MaxOutbound: 1023}), actors.ErrBadOption},
		{"tcp", local, f, conn(actors.ConnOptions{MaxOutbound: 1<<30 + 1}), actors.ErrBadOption},
		{"tcp", local, f, conn(actors.ConnOptions{MaxOutbound: -1}), actors.ErrBadOption},
		{"tcp", local, f, conn(actors.ConnOptions{SlowPolicy: 99}), actors.ErrBadOption},
		{"tcp", local, f, conn(actors.ConnOptions{MaxUnconsumed: -1}), actors.ErrBadOption},
		{"tcp", local, f, conn(actors.ConnOptions{MaxUnconsumed: 1<<30 + 1}), actors.ErrBadOption},
		{"tcp", local, f, conn(actors.ConnOptions{MaxMailbox: -1}), actors.ErrBadOption},
		{"tcp", local, f, conn(actors.ConnOptions{IdleTimeout: -1}), actors.ErrBadOption},
		{"tcp", local, f, conn(actors.ConnOptions{IdleTimeout: 41 * 24 * time.Hour}), actors.ErrBadOption},
		{"tcp", local, f, conn(actors.ConnOptions{CloseTimeout: -1}), actors.ErrBadOption},
		{"tcp", local, f, conn(actors.ConnOptions{CloseTimeout: time.Microsecond}), actors.ErrBadOption},
		{"tcp", local, f, conn(actors.ConnOptions{Linger: 41 * 24 * time.Hour}), actors.ErrBadOption},
		{"tcp", local, f, conn(actors.ConnOptions{HalfClose: 9}), actors.ErrBadOption},
		{"tcp", local, f, conn(actors.ConnOptions{Supervision: supervision.Strategy{Window: -1}}), actors.ErrBadOption},
		{"tcp", local, f, socket(reactor.SocketOptions{Backlog: -1}), actors.ErrBadOption},
		{"tcp", local, f, socket(reactor.SocketOptions{Backlog: 1 << 20}), actors.ErrBadOption},
		{"tcp", local, f, socket(reactor.SocketOptions{KeepAlive: time.Millisecond}), actors.ErrBadOption},
		{"tcp", local, f, socket(reactor.SocketOptions{UnixMode: fs.ModeDir}), actors.ErrBadOption},
		{"tcp", local, f, socket(reactor.SocketOptions{ReceiveBuffer: -1}), actors.ErrBadOption},
		{"tcp", local, f, socket(reactor.SocketOptions{SendBuffer: 1<<30 + 1}), actors.ErrBadOption},
		{"unix", path + "2", f, socket(reactor.SocketOptions{ReusePort: true}), actors.ErrBadOption},
		{"unix", abstractName(), f, socket(reactor.SocketOptions{UnixMode: 0o600}), actors.ErrBadOption},
	} {
		ln, err := s.Listen(test.network, test.address, test.factory, test.options)
		if ln != nil || err == nil || test.want != nil && !errors.Is(err, test.want) {
			t.Errorf("Listen(%q, %q, %+v) = %v, %v, want %v", test.network, test.address, test.options, ln, err, test.want)
		}
	}
	if text, err := os.ReadFile(file); string(text) != "precious" {
		t.Error(err)
	}
	if n := s.Stats().Listeners; n != 2 {
		t.Error(n, "listeners")
	}
}

func TestListenStartBadOptions(t *testing.T) {
	for _, o := range []actors.Options{
		{Loops: 257}, {TakeoverAfter: time.Microsecond}, {MaxDetached: -1}, {ReadBuffer: 1}, {ReadBuffer: 1 << 30}, {MaxTimers: -1},
		{MaxTasks: -1},
	} {
		if s, err := actors.Start(o); s != nil || !errors.Is(err, actors.ErrBadOption) {
			t.Errorf("Start(%+v) = %v, %v", o, s, err)
		}
	}
}

func TestListenHooks(t *testing.T) {
	s := system(t, actors.Options{})
	var started, finished atomic.Int32
	p := newProbe(t)
	ln := listen(t, s, p.factory(), actors.ListenOptions{
		OnStart:  func(ln *actors.Listener) { started.Add(1) },
		OnFinish: func(ln *actors.Listener) { finished.Add(1) },
	})
	until(t, "OnStart", func() bool { return started.Load() == 1 })
	c := peer(t, ln.Addr())
	get(t, p.opened, "OnOpen")
	ln.Close()
	ln.Close()
	until(t, "nobody listens", func() bool {
		c, err := net.Dial("tcp", ln.Addr().String())
		if err == nil {
			c.Close()
		}
		return err != nil
	})
	mustSend(t, c, "connections stay")
	select {
	case <-ln.Done():
		t.Error("Done while a connection is open")
	default:
	}
	if finished.Load() != 0 || ln.Count() != 1 {
		t.Errorf("finished %d times, %d connections", finished.Load(), ln.Count())
	}
	c.Close()
	p.wantClose(actors.PeerClosed)
	get(t, ln.Done(), "Done")
	if started.Load() != 1 || finished.Load() != 1 || ln.Count() != 0 || ln.Err() != nil {
		t.Errorf("started %d and finished %d times, %d connections, %v", started.Load(), finished.Load(), ln.Count(), ln.Err())
	}
}

func TestListenUnixFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	stale, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	stale.Close()
	s := system(t, actors.Options{})
	p := newProbe(t)
	ln := listenAt(t, s, "unix", path, p.factory(), actors.ListenOptions{Socket: reactor.SocketOptions{UnixMode: 0o600}})
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Error(info, err)
	}
	peer(t, ln.Addr())
	c := get(t, p.opened, "OnOpen")
	if c.RemoteAddr().Network() != "unix" {
		t.Error(c.RemoteAddr())
	}
	ln.Shutdown()
	p.wantClose(actors.Shutdown)
	get(t, ln.Done(), "Done")
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("the file is left:", err)
	}
}

// A connection that is being accepted while the listener shuts down is shut down as well.
func TestListenShutdownMissesNobody(t *testing.T) {
	s := system(t, actors.Options{})
	for range 100 {
		var opens, closes atomic.Int32
		p := func() actors.Protocol { return &tally{opens: &opens, closes: &closes} }
		ln := listen(t, s, p, actors.ListenOptions{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 4 {
					if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
						t.Cleanup(func() { c.Close() })
					}
				}
			})
		}
		until(t, "somebody comes", func() bool { return ln.Accepted() > 0 })
		ln.Shutdown()
		select {
		case <-ln.Done():
		case <-time.After(5 * time.Second):
			t.Fatalf("%d connections are left", ln.Count())
		}
		wg.Wait()
		if opens.Load() != closes.Load() {
			t.Errorf("%d opened, %d closed", opens.Load(), closes.Load())
		}
	}
}

// A tally counts callbacks of many connections.
type tally struct {
	actors.Base
	opens, closes *atomic.Int32
}

func (y *tally) OnOpen(*actors.Conn)                 { y.opens.Add(1) }
func (y *tally) OnClose(*actors.Conn, actors.Reason) { y.closes.Add(1) }

func TestListenEach(t *testing.T) {
	s := system(t, actors.Options{})
	conns := make(chan *actors.Conn, 100)
	f := func() actors.Protocol {
		p := newProbe(t)
		p.open = func(c *actors.Conn) { conns <- c }
		return p
	}
	ln := listen(t, s, f, actors.ListenOptions{})
	other := newProbe(t)
	one(t, s, other, actors.ListenOptions{})
	var clients []net.Conn
	var origin *actors.Conn
	for range 50 {
		clients = append(clients, peer(t, ln.Addr()))
		origin = get(t, conns, "OnOpen")
	}
	if ln.Count() != 50 || s.Count() != 51 || ln.Accepted() != 50 {
		t.Errorf("%d, %d, %d connections", ln.Count(), s.Count(), ln.Accepted())
	}
	var seen sync.Map
	var n atomic.Int32
	done := make(chan struct{}, 2)
	ln.Each(origin.Ref(), func(c *actors.Conn) {
		if _, again := seen.LoadOrStore(c.Ref(), nil); again || c == origin || c.Listener() != ln {
			t.Error("wrong connection", c.Ref())
		}
		n.Add(1)
	}, func() { done <- struct{}{} })
	get(t, done, "done")
	if n.Load() != 49 {
		t.Errorf("called %d times", n.Load())
	}
	n.Store(0)
	ln.Each(actors.Ref{}, func(*actors.Conn) { n.Add(1) }, nil)
	until(t, "everybody is called", func() bool { return n.Load() == 50 })
	// While connections close, done comes all the same, once.
	var dones atomic.Int32
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() { c.Close() })
		wg.Go(func() { ln.Each(actors.Ref{}, func(*actors.Conn) {}, func() { dones.Add(1) }) })
	}
	wg.Wait()
	until(t, "done each time", func() bool { return int(dones.Load()) == len(clients) })
	until(t, "all are gone", func() bool { return ln.Count() == 0 })
	ln.Each(actors.Ref{}, func(*actors.Conn) { t.Error("nobody is there") }, func() { dones.Add(1) })
	if int(dones.Load()) != len(clients)+1 {
		t.Errorf("done %d times", dones.Load())
	}
}

func TestListenReusePort(t *testing.T) {
	var accepted [2]atomic.Int32
	address := "127.0.0.1:0"
	var listeners [2]*actors.Listener
	for i := range listeners {
		s := system(t, actors.Options{})
		var closes atomic.Int32
		listeners[i] = listenAt(t, s, "tcp", address, func() actors.Protocol { return &tally{opens: &accepted[i], closes: &closes} },
			actors.ListenOptions{Socket: reactor.SocketOptions{ReusePort: true}})
		address = listeners[i].Addr().String()
	}
	const n = 64
	for range n {
		peer(t, listeners[0].Addr())
	}
	until(t, "everybody is accepted", func() bool { return accepted[0].Load()+accepted[1].Load() == n })
	listeners[0].Close()
	get2 := func() bool { return listeners[1].Accepted() > 0 }
	t.Logf("%d and %d", accepted[0].Load(), accepted[1].Load())
	for range 200 { // the kernel spreads by a hash of the ports
		if c, err := net.Dial("tcp", address); err == nil {
			c.Close()
		}
	}
	until(t, "the other system accepts", get2)
}

func TestListenFactoryWithoutProtocol(t *testing.T) {
	s := system(t, actors.Options{})
	failures := make(chan *supervision.Failure, 16)
	ln := listen(t, s, func() actors.Protocol { return nil }, actors.ListenOptions{ConnOptions: actors.ConnOptions{
		OnFailure: func(_ actors.Ref, f *supervision.Failure) { failures <- f }}})
	c := peer(t, ln.Addr())
	if f := get(t, failures, "OnFailure"); !errors.Is(f, actors.ErrNilFactory) || f.Callback != "Factory" {
		t.Error(f)
	}
	wantEnd(t, c, "")
	until(t, "it is gone", func() bool { return s.Count() == 0 })
}

// Close takes effect whatever the acceptors are at, and the listener ends with its last connection.
func TestListenCloseWhileAccepting(t *testing.T) {
	s := system(t, actors.Options{})
	for i := range 100 {
		ln := listen(t, s, actors.Shared(mirror{}), actors.ListenOptions{})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				for range 4 {
					if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
						c.Close()
					}
				}
			})
		}
		if i%2 == 0 {
			until(t, "somebody comes", func() bool { return ln.Accepted() > 0 })
		}
		ln.Close()
		get(t, ln.Done(), "Done")
		wg.Wait()
	}
	if n := s.Stats().Listeners; n != 0 {
		t.Errorf("%d listeners", n)
	}
}
