package actors_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/reactor"
)

func TestConnWriteAfterCloseIsRefused(t *testing.T) {
	p := newProbe(t)
	try := func(c *actors.Conn, where string) {
		var released countdown
		if n, err := c.Write([]byte("x")); n != 0 || !errors.Is(err, actors.ErrClosed) {
			t.Errorf("%s: Write = %d, %v", where, n, err)
		}
		if err := c.WriteOwned([]byte("x"), released.release); !errors.Is(err, actors.ErrClosed) || released.n.Load() != 1 {
			t.Errorf("%s: WriteOwned = %v, released %d times", where, err, released.n.Load())
		}
		if err := c.WriteKeyed("k", []byte("x")); !errors.Is(err, actors.ErrClosed) {
			t.Errorf("%s: WriteKeyed = %v", where, err)
		}
		if _, err := c.After(0, func(*actors.Conn) {}); !errors.Is(err, actors.ErrClosed) {
			t.Errorf("%s: After = %v", where, err)
		}
		if _, err := c.Subscribe("x", actors.SubscribeOptions{}); !errors.Is(err, actors.ErrClosed) {
			t.Errorf("%s: Subscribe = %v", where, err)
		}
		if err := c.SetTag("x"); !errors.Is(err, actors.ErrClosed) {
			t.Errorf("%s: SetTag = %v", where, err)
		}
		if err := c.Swap(p); !errors.Is(err, actors.ErrClosed) {
			t.Errorf("%s: Swap = %v", where, err)
		}
		if !c.Closed() {
			t.Errorf("%s: not closed", where)
		}
	}
	p.data = func(c *actors.Conn, b []byte) int {
		c.WriteString("bye")
		c.Close()
		try(c, "OnData")
		return len(b)
	}
	p.close = func(c *actors.Conn, _ actors.Reason) {
		try(c, "OnClose")
		if c.LocalAddr() != nil {
			t.Error("OnClose: there is a LocalAddr")
		}
		if err := c.Send("x"); !errors.Is(err, actors.ErrClosed) {
			t.Errorf("OnClose: Send = %v", err)
		}
	}
	c, client := one(t, system(t, actors.Options{}), p, actors.ListenOptions{})
	mustSend(t, client, "x")
	wantEnd(t, client, "bye")
	p.wantClose(actors.LocalClose)
	try(c, "afterwards")
}

// Writers on many goroutines: every byte leaves, though no event and no turn follows the last write.
func TestConnWritersAllGetThrough(t *testing.T) {
	for _, size := range []int{1, 700, 20_000} {
		p := newProbe(t)
		c, client := one(t, system(t, actors.Options{}), p, actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: 1 << 28}})
		const writers, writes = 8, 200
		want := int64(writers * writes * size)
		var wg sync.WaitGroup
		for range writers {
			wg.Go(func() {
				block := make([]byte, size)
				for range writes {
					if _, err := c.Write(block); err != nil {
						t.Error(err)
					}
				}
			})
		}
		if n, err := io.CopyN(io.Discard, client, want); err != nil {
			t.Errorf("size %d: got %d of %d bytes, %v; %d wait", size, n, want, err, c.Buffered())
		}
		wg.Wait()
		c.Close()
	}
}

func TestConnLargeTransferIsExact(t *testing.T) {
	const size = 10 << 20
	for _, network := range []string{"tcp", "unix"} {
		t.Run(network, func(t *testing.T) {
			address := "127.0.0.1:0"
			if network == "unix" {
				address = abstractName()
			}
			out := make([]byte, size)
			rng := rand.NewChaCha8([32]byte{1})
			rng.Read(out)
			got := sha256.New()
			n := 0
			p := newProbe(t)
			p.open = func(c *actors.Conn) {
				if _, err := c.Write(out); err != nil {
					t.Error(err)
				}
			}
			p.data = func(c *actors.Conn, b []byte) int {
				got.Write(b)
				if n += len(b); n == size {
					c.Close()
				}
				return len(b)
			}
			s := system(t, actors.Options{})
			ln := listenAt(t, s, network, address, p.factory(), actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: 2 * size}})
			client := peer(t, ln.Addr())
			back := bytes.Clone(out)
			rand.Shuffle(len(back)/2, func(i, j int) { back[i], back[j] = back[j], back[i] })
			sent := make(chan error, 1)
			go func() {
				_, err := client.Write(back)
				sent <- err
			}()
			var received bytes.Buffer
			for small := make([]byte, 3001); ; { // a slow reader
				n, err := client.Read(small)
				received.Write(small[:n])
				if err == io.EOF {
					break
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := get(t, sent, "end of sending"); err != nil {
				t.Error(err)
			}
			p.wantClose(actors.LocalClose)
			if !bytes.Equal(received.Bytes(), out) {
				t.Errorf("the client received %d bytes, or others", received.Len())
			}
			if sum := sha256.Sum256(back); !bytes.Equal(got.Sum(nil), sum[:]) {
				t.Errorf("the server received %d bytes, or others", n)
			}
		})
	}
}

func TestConnOwnedBuffersAreReleasedOnce(t *testing.T) {
	const owned = 64
	write := func(t *testing.T, c *actors.Conn, released *countdown, size int) {
		for range owned / 2 {
			c.WriteOwned(make([]byte, size), released.release)
			c.WriteBuffer(reactor.NewBuffer(make([]byte, size), released.release))
		}
	}
	for _, test := range []struct {
		name string
		size int
		full bool
		end  func(t *testing.T, c *actors.Conn, client net.Conn)
	}{
		{"sent", 10_000, false, func(t *testing.T, c *actors.Conn, client net.Conn) {
			io.CopyN(io.Discard, client, owned*10_000)
			c.Close()
		}},
		{"empty", 0, false, func(_ *testing.T, c *actors.Conn, _ net.Conn) { c.Close() }},
		{"flushed by Close", 10_000, true, func(t *testing.T, c *actors.Conn, client net.Conn) {
			c.Close()
			io.Copy(io.Discard, client)
		}},
		{"dropped by ForceClose", 10_000, true, func(_ *testing.T, c *actors.Conn, _ net.Conn) { c.ForceClose() }},
		{"peer resets", 10_000, true, func(t *testing.T, _ *actors.Conn, client net.Conn) { reset(t, client) }},
		{"close times out", 10_000, true, func(_ *testing.T, c *actors.Conn, _ net.Conn) { c.Close() }},
		{"refused, too large", 128 << 20, false, func(_ *testing.T, c *actors.Conn, _ net.Conn) { c.Close() }},
	} {
		t.Run(test.name, func(t *testing.T) {
			var released countdown
			p := newProbe(t)
			c, client := one(t, system(t, actors.Options{}), p, actors.ListenOptions{ConnOptions: actors.ConnOptions{
				MaxOutbound: 64 << 20, CloseTimeout: 50 * time.Millisecond}})
			if test.full {
				fill(t, c)
			}
			write(t, c, &released, test.size)
			if test.name == "flushed by Close" {
				go io.Copy(io.Discard, client)
			}
			test.end(t, c, client)
			get(t, p.closed, "OnClose")
			until(t, "every buffer is released", func() bool { return released.n.Load() >= owned })
			write(t, c, &released, 10)
			if n := released.n.Load(); n != 2*owned {
				t.Errorf("released %d times, want %d", n, 2*owned)
			}
		})
	}
}

func TestConnCloseSendsEverythingFirst(t *testing.T) {
	p := newProbe(t)
	c, client := one(t, system(t, actors.Options{}), p, actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: 64 << 20}})
	n := fill(t, c)
	c.WriteString("the end")
	c.Close()
	if c.Buffered() == 0 {
		t.Fatal("nothing is pending: the test tests nothing")
	}
	got, err := io.ReadAll(client)
	if err != nil || len(got) != n+7 || !bytes.HasSuffix(got, []byte("the end")) {
		t.Errorf("got %d bytes, %v, want %d", len(got), err, n+7)
	}
	if r := p.wantClose(actors.LocalClose); r.Lost != 0 || r.Err != nil {
		t.Error(r)
	}
}

func TestConnForceCloseCountsWhatIsLost(t *testing.T) {
	p := newProbe(t)
	s := system(t, actors.Options{})
	c, client := one(t, s, p, actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: 64 << 20}})
	n := fill(t, c)
	c.ForceClose()
	r := p.wantClose(actors.LocalClose)
	got, _ := io.Copy(io.Discard, client)
	if r.Lost == 0 || int(got)+r.Lost > n || uint64(r.Lost) != s.Stats().LostBytes {
		t.Errorf("%v; wrote %d, the peer got %d, counted %d", r, n, got, s.Stats().LostBytes)
	}
}

func TestConnCloseTimeout(t *testing.T) {
	p := newProbe(t)
	s := system(t, actors.Options{})
	c, _ := one(t, s, p, actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: 64 << 20, CloseTimeout: 20 * time.Millisecond}})
	fill(t, c)
	begin := time.Now()
	c.Close()
	r := p.wantClose(actors.LocalClose) // the first reason stays
	if d := time.Since(begin); d < 20*time.Millisecond-tick {
		t.Errorf("closed after %v", d)
	}
	if r.Lost == 0 || !errors.Is(r.Err, actors.ErrCloseTimeout) {
		t.Errorf("%+v", r)
	}
	if s.Stats().CloseTimeouts != 1 {
		t.Error("not counted")
	}
}

// While a connection that closes waits for its peer, nothing of what it was asked for before keeps its loop busy.
func TestConnClosingDoesNotSpin(t *testing.T) {
	for name, ask := range map[string]func(*actors.Conn, *probe){
		"nothing": func(*actors.Conn, *probe) {},
		"Swap":    func(c *actors.Conn, p *probe) { c.Swap(newProbe(p.t)) },
		"Resume":  func(c *actors.Conn, _ *probe) { c.Resume() },
		"Trigger": func(c *actors.Conn, _ *probe) {
			c.Trigger(actors.EventData)
			c.Trigger(actors.EventDrained)
			c.Trigger(actors.EventTimeout)
		},
	} {
		t.Run(name, func(t *testing.T) {
			p := newProbe(t)
			s := system(t, actors.Options{})
			c, _ := one(t, s, p, actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: 64 << 20, CloseTimeout: 200 * time.Millisecond}})
			fill(t, c)
			c.Do(func(c *actors.Conn) {
				ask(c, p)
				c.Close()
			}, nil)
			until(t, "the connection closes", c.Closed)
			before := s.Stats().Loops.Turns
			p.wantClose(actors.LocalClose)
			if n := s.Stats().Loops.Turns - before; n > 100 {
				t.Errorf("%d turns while closing", n)
			}
		})
	}
}

// A peer that goes on sending gets the goodbye all the same: the kernel must not answer what nobody reads by a reset.
func TestConnGoodbyeReachesPeerThatSends(t *testing.T) {
	const goodbye = "that will do"
	for name, end := range map[string]func(*actors.Conn){
		"Close": func(c *actors.Conn) { c.Close() },
		"Fail":  func(c *actors.Conn) { c.Fail(errTest) },
	} {
		t.Run(name, func(t *testing.T) {
			p := newProbe(t)
			p.data = func(c *actors.Conn, b []byte) int {
				c.WriteString(goodbye)
				end(c)
				return len(b)
			}
			s := system(t, actors.Options{})
			ln := listen(t, s, p.factory(), actors.ListenOptions{})
			client := peer(t, ln.Addr())
			block := make([]byte, 64<<10)
			for range 64 { // most of it is in flight or unread when the goodbye is written
				if _, err := client.Write(block); err != nil {
					t.Fatalf("sending on: %v", err)
				}
			}
			wantEnd(t, client, goodbye)
			client.Close()
			get(t, p.closed, "OnClose")
			until(t, "lingering ends", func() bool { return s.Stats().Lingering == 0 })
		})
	}
}

// Linger bounds how long a closed connection waits for a peer that neither closes nor falls silent.
func TestConnLingerEnds(t *testing.T) {
	const linger = 30 * time.Millisecond
	options := actors.ConnOptions{Linger: linger}
	hungUp := func(t *testing.T, client net.Conn) {
		t.Helper()
		wantEnd(t, client, "bye")
		for { // until the descriptor is closed, and the kernel refuses what we send
			if _, err := client.Write([]byte("more")); err != nil {
				if errors.Is(err, errDeadline) {
					t.Error("the connection lingers for ever")
				}
				return
			}
			time.Sleep(time.Millisecond)
		}
	}
	t.Run("accepted", func(t *testing.T) {
		p := newProbe(t)
		p.open = func(c *actors.Conn) { c.WriteString("bye"); c.Close() }
		_, client := one(t, system(t, actors.Options{}), p, actors.ListenOptions{ConnOptions: options})
		client.SetDeadline(time.Now().Add(5 * time.Second))
		hungUp(t, client)
	})
	t.Run("dialled", func(t *testing.T) {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer ln.Close()
		p := newProbe(t)
		p.open = func(c *actors.Conn) { c.WriteString("bye"); c.Close() }
		s := system(t, actors.Options{})
		if _, err := s.Dial("tcp", ln.Addr().String(), p.factory(), actors.DialOptions{ConnOptions: options}); err != nil {
			t.Fatal(err)
		}
		client, err := ln.Accept()
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		client.SetDeadline(time.Now().Add(5 * time.Second))
		hungUp(t, client)
	})
}

// The answer to a request that is too long is sent, also if the protocol does not consume what it refuses.
func TestConnFailWithUnconsumedRestSendsTheAnswer(t *testing.T) {
	p := newProbe(t)
	p.data = func(c *actors.Conn, b []byte) int {
		c.WriteString("too long")
		c.Fail(errTest)
		return 0
	}
	_, client := one(t, system(t, actors.Options{}), p, actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxUnconsumed: 4}})
	fullClient := client
	mustSend(t, fullClient, "a long request")
	wantEnd(t, client, "too long")
	if r := p.wantClose(actors.ProtocolError); !errors.Is(r.Err, errTest) || r.Lost != 0 {
		t.Error(r)
	}
	p2 := newProbe(t)
	p2.data = func(c *actors.Conn, b []byte) int {
		c.Fail(errTest)
		return 0
	}
	c, client := one(t, system(t, actors.Options{}), p2, actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxUnconsumed: 4, MaxOutbound: 64 << 20}})
	n := 0
	c.Do(func(c *actors.Conn) { k, _ := c.Write(make([]byte, 12<<20)); n += k }, nil)
	served(t, c)
	if c.Buffered() > 32<<20 {
		t.Fatal("reading has stopped: the test tests nothing")
	}
	mustSend(t, client, "a long request")
	until(t, "the connection closes", c.Closed)
	if got, err := io.Copy(io.Discard, client); err != nil || int(got) != n {
		t.Errorf("got %d bytes, %v, want %d", got, err, n)
	}
}

// What is written in a callback before ForceClose may go or be lost, but Lost tells the truth.
func TestConnForceCloseInCallback(t *testing.T) {
	p := newProbe(t)
	p.data = func(c *actors.Conn, b []byte) int {
		c.WriteString("hello")
		c.ForceClose()
		return len(b)
	}
	_, client := one(t, system(t, actors.Options{}), p, actors.ListenOptions{})
	mustSend(t, client, "x")
	got, _ := io.ReadAll(client)
	if r := p.wantClose(actors.LocalClose); r.Lost+len(got) != 5 {
		t.Errorf("got %q, and %v", got, r)
	}
}

func TestConnDrainedComesOncePerSpell(t *testing.T) {
	p := newProbe(t)
	drained := make(chan int, 16)
	p.drained = func(c *actors.Conn) { drained <- c.Buffered() }
	c, client := one(t, system(t, actors.Options{}), p, actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: 64 << 20}})
	c.WriteString("that goes at once")
	mustGet(t, client, "that goes at once")
	for range 3 {
		n := fill(t, c)
		if _, err := io.CopyN(io.Discard, client, int64(n)); err != nil {
			t.Fatal(err)
		}
		if left := get(t, drained, "OnDrained"); left != 0 {
			t.Errorf("OnDrained with %d bytes left", left)
		}
	}
	served(t, c)
	if len(drained) != 0 {
		t.Error("OnDrained too often")
	}
}

// A writer that waits for the peer's half of the budget to empty is told by reading on: reading stops and goes on.
func TestConnReadsAgainAfterBeingChoked(t *testing.T) {
	p := newProbe(t)
	p.data = func(c *actors.Conn, b []byte) int { c.Write(b); return len(b) }
	_, client := one(t, system(t, actors.Options{}), p, actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: 1 << 20}})
	const size = 32 << 20
	go client.Write(make([]byte, size))
	if n, err := io.CopyN(io.Discard, client, size); err != nil {
		t.Errorf("echoed %d bytes, %v", n, err)
	}
}

// What is written while a turn flushes leaves as well, however often that happens: release runs during the flush.
func TestConnWritesDuringFlushLeave(t *testing.T) {
	const links = 20
	p := newProbe(t)
	c, client := one(t, system(t, actors.Options{}), p, actors.ListenOptions{})
	var link func(n int) func()
	link = func(n int) func() {
		return func() {
			if n < links {
				c.WriteOwned([]byte{byte(n)}, link(n+1))
			}
		}
	}
	link(0)()
	p2 := make([]byte, links)
	client.SetReadDeadline(time.Now().Add(3 * time.Second))
	if n, err := io.ReadFull(client, p2); err != nil {
		t.Errorf("got %d of %d bytes, %v; %d wait", n, links, err, c.Buffered())
	}
}
