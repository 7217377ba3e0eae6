package actors_test

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
)

func TestConnReasons(t *testing.T) {
	eat := func(_ *actors.Conn, b []byte) int { return len(b) }
	for _, test := range []struct {
		name    string
		options actors.ConnOptions
		probe   func(*probe)
		act     func(t *testing.T, c *actors.Conn, peer net.Conn)
		want    actors.ReasonCode
		err     error
	}{
		{name: "peer closes", want: actors.PeerClosed,
			act: func(_ *testing.T, _ *actors.Conn, p net.Conn) { p.Close() }},
		{name: "peer half-closes", want: actors.PeerClosed,
			act: func(_ *testing.T, _ *actors.Conn, p net.Conn) { p.(*net.TCPConn).CloseWrite() }},
		{name: "Close", want: actors.LocalClose,
			act: func(_ *testing.T, c *actors.Conn, _ net.Conn) { c.Close(); c.Close() }},
		{name: "ForceClose", want: actors.LocalClose,
			act: func(_ *testing.T, c *actors.Conn, _ net.Conn) { c.ForceClose(); c.Close() }},
		{name: "Fail", want: actors.ProtocolError, err: errTest,
			act: func(_ *testing.T, c *actors.Conn, _ net.Conn) { c.Fail(errTest) }},
		{name: "the first reason stays", want: actors.ProtocolError, err: errTest,
			act: func(_ *testing.T, c *actors.Conn, _ net.Conn) { c.Fail(errTest); c.ForceClose() }},
		{name: "idle", want: actors.IdleTimeout, options: actors.ConnOptions{IdleTimeout: 5 * time.Millisecond},
			act: func(*testing.T, *actors.Conn, net.Conn) {}},
		{name: "idle, less than a millisecond", want: actors.IdleTimeout,
			options: actors.ConnOptions{IdleTimeout: 100 * time.Microsecond},
			act:     func(*testing.T, *actors.Conn, net.Conn) {}},
		{name: "idle by SetTimeout", want: actors.IdleTimeout,
			act: func(_ *testing.T, c *actors.Conn, _ net.Conn) { c.SetTimeout(time.Microsecond) }},
		{name: "reset", want: actors.IOError, err: syscall.ECONNRESET,
			act: func(t *testing.T, _ *actors.Conn, p net.Conn) { reset(t, p) }},
		{name: "reset while suspended", want: actors.IOError, err: syscall.ECONNRESET,
			act: func(t *testing.T, c *actors.Conn, p net.Conn) { c.Suspend(); served(t, c); reset(t, p) }},
		{name: "too much unconsumed", want: actors.ProtocolError, err: actors.ErrUnconsumed,
			options: actors.ConnOptions{MaxUnconsumed: 3},
			probe:   func(p *probe) { p.data = func(*actors.Conn, []byte) int { return 0 } },
			act:     func(t *testing.T, _ *actors.Conn, p net.Conn) { mustSend(t, p, "four") }},
		{name: "negative consumed", want: actors.ProtocolError, err: actors.ErrBadConsumed,
			probe: func(p *probe) { p.data = func(*actors.Conn, []byte) int { return -1 } },
			act:   func(t *testing.T, _ *actors.Conn, p net.Conn) { mustSend(t, p, "x") }},
		{name: "too much consumed", want: actors.ProtocolError, err: actors.ErrBadConsumed,
			probe: func(p *probe) { p.data = func(_ *actors.Conn, b []byte) int { return len(b) + 1 } },
			act:   func(t *testing.T, _ *actors.Conn, p net.Conn) { mustSend(t, p, "x") }},
		{name: "Stop", want: actors.LocalClose,
			act: func(_ *testing.T, c *actors.Conn, _ net.Conn) { c.System().Root().Stop(c.PID()) }},
		{name: "Poison", want: actors.LocalClose,
			act: func(_ *testing.T, c *actors.Conn, _ net.Conn) { c.System().Root().Poison(c.PID()) }},
		{name: "listener shuts down", want: actors.Shutdown,
			act: func(_ *testing.T, c *actors.Conn, _ net.Conn) { c.Listener().Shutdown() }},
		{name: "listener shuts down, some time granted", want: actors.Shutdown,
			probe: func(p *probe) { p.shutdown = func(*actors.Conn) time.Duration { return 5 * time.Millisecond } },
			act:   func(_ *testing.T, c *actors.Conn, _ net.Conn) { c.Listener().Shutdown() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := newProbe(t)
			p.data = eat
			if test.probe != nil {
				test.probe(p)
			}
			s := system(t, actors.Options{})
			c, client := one(t, s, p, actors.ListenOptions{ConnOptions: test.options})
			test.act(t, c, client)
			r := p.wantClose(test.want)
			if !errors.Is(r.Err, test.err) {
				t.Errorf("error %v, want %v", r.Err, test.err)
			}
			if _, err := c.Write([]byte("x")); !errors.Is(err, actors.ErrClosed) {
				t.Errorf("Write after the end: %v", err)
			}
			until(t, "the connection is gone", func() bool { return s.Count() == 0 })
			if n := s.Stats().Closed[test.want]; n != 1 {
				t.Errorf("counted %d times", n)
			}
		})
	}
}

func TestConnEndsWhenPeerHasTakenTheRest(t *testing.T) {
	p := newProbe(t)
	c, client := one(t, system(t, actors.Options{}), p, actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: 64 << 20}})
	n := fill(t, c)
	client.(*net.TCPConn).CloseWrite()
	until(t, "the connection has seen the end", c.Closed)
	if got, err := io.Copy(io.Discard, client); err != nil || int(got) != n {
		t.Errorf("got %d, %v, want %d bytes", got, err, n)
	}
	if r := p.wantClose(actors.HalfClosed); r.Lost != 0 {
		t.Error(r)
	}
}

type halfCloser struct {
	*probe
	half chan *actors.Conn
}

func (h halfCloser) OnHalfClose(c *actors.Conn) {
	defer h.enter("OnHalfClose")()
	h.half <- c
}

func TestConnKeepOnHalfClose(t *testing.T) {
	h := halfCloser{newProbe(t), make(chan *actors.Conn, 4)}
	var got []byte
	h.data = func(_ *actors.Conn, b []byte) int { got = append(got, b...); return len(b) }
	s := system(t, actors.Options{})
	ln := listen(t, s, actors.Shared(h), actors.ListenOptions{ConnOptions: actors.ConnOptions{HalfClose: actors.KeepOnHalfClose}})
	client := peer(t, ln.Addr())
	mustSend(t, client, "last words")
	client.(*net.TCPConn).CloseWrite()
	c := get(t, h.half, "OnHalfClose")
	if string(got) != "last words" {
		t.Errorf("OnHalfClose after %q", got)
	}
	served(t, c)
	c.WriteString("answer")
	mustGet(t, client, "answer")
	c.Close()
	wantEnd(t, client, "")
	h.wantClose(actors.LocalClose)
	if len(h.half) != 0 {
		t.Error("OnHalfClose twice")
	}
}

func TestConnHalfClosedAndThenGone(t *testing.T) {
	h := halfCloser{newProbe(t), make(chan *actors.Conn, 4)}
	s := system(t, actors.Options{})
	ln := listen(t, s, actors.Shared(h), actors.ListenOptions{ConnOptions: actors.ConnOptions{HalfClose: actors.KeepOnHalfClose}})
	client := peer(t, ln.Addr())
	client.(*net.TCPConn).CloseWrite()
	c := get(t, h.half, "OnHalfClose")
	reset(t, client)
	if r := get(t, h.closed, "OnClose"); r.Code != actors.IOError {
		t.Errorf("closed for %v", r)
	}
	_ = c
}

// A suspended connection has not lost interest in what came before the peer closed.
func TestConnSuspendedKeepsBytesOfPeerThatCloses(t *testing.T) {
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			address := "127.0.0.1:0"
			if network == "unix" {
				address = t.TempDir() + "/s"
			}
			p := newProbe(t)
			var got []byte
			p.open = func(c *actors.Conn) { c.Suspend() }
			p.data = func(_ *actors.Conn, b []byte) int { got = append(got, b...); return len(b) }
			s := system(t, actors.Options{})
			ln := listenAt(t, s, network, address, p.factory(), actors.ListenOptions{})
			client := peer(t, ln.Addr())
			c := get(t, p.opened, "OnOpen")
			served(t, c)
			mustSend(t, client, "read me")
			client.Close()
			for range 20 {
				c.Do(func(*actors.Conn) {}, nil)
			}
			c.Resume()
			p.wantClose(actors.PeerClosed)
			if string(got) != "read me" {
				t.Errorf("got %q", got)
			}
		})
	}
}
