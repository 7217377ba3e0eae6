package actorstest

import (
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/actors/internal/bridge"
	"golang.org/x/sys/unix"
)

// A Peer is the other end of a connection in memory: what the test plays.
type Peer struct {
	world    *World
	conn     *actors.Conn
	sent     []byte // by the test, not read yet by the connection
	received []byte // written by the connection, not taken yet by the test
	chunk    int    // how much one read gets at most; 0 = all
	window   int    // how much may be received still; negative = all
	finished bool
	failure  unix.Errno
}

// Open opens a connection with a protocol, in a World of its own.
func Open(t testing.TB, p actors.Protocol) *Peer {
	t.Helper()
	return NewWorld(t, actors.Options{}).Open(p)
}

// Conn is the connection.
func (p *Peer) Conn() *actors.Conn { return p.conn }

// World is the World the connection belongs to.
func (p *Peer) World() *World { return p.world }

// Send lets bytes arrive, together.
func (p *Peer) Send(data string) {
	p.sent = append(p.sent, data...)
	p.world.Run()
}

// SendBytewise lets bytes arrive one at a time, each in a read of its own: a test for every parser.
func (p *Peer) SendBytewise(data string) {
	before := p.chunk
	p.chunk = 1
	p.Send(data)
	p.chunk = before
}

// Received takes what the protocol has written since the last call.
func (p *Peer) Received() string {
	text := string(p.received)
	p.received = nil
	return text
}

// Expect takes what the protocol has written and fails the test if it is not what was wanted.
func (p *Peer) Expect(want string) {
	p.world.t.Helper()
	if got := p.Received(); got != want {
		p.world.t.Fatalf("received %q, want %q", got, want)
	}
}

// Message sends the connection a message, as another actor would.
func (p *Peer) Message(msg any) {
	p.world.t.Helper()
	if err := p.conn.Send(msg); err != nil {
		p.world.t.Fatalf("message %v: %v", msg, err)
	}
	p.world.Run()
}

// Advance is the World's.
func (p *Peer) Advance(d time.Duration) { p.world.Advance(d) }

// Window sets how many bytes more the peer takes: a slow peer. A negative number means any.
func (p *Peer) Window(n int) {
	p.window = n
	p.world.Run()
}

// Close closes the peer's end: the connection reads what was sent, and then the end of the stream.
func (p *Peer) Close() {
	p.finished = true
	p.world.Run()
}

// Reset breaks the connection, as a peer that crashed does.
func (p *Peer) Reset() {
	p.failure = unix.ECONNRESET
	p.world.Run()
}

// Shutdown has OnShutdown called, as a shutdown of the System does.
func (p *Peer) Shutdown() {
	bridge.Shutdown.(func(*actors.Conn))(p.conn)
	p.world.Run()
}

// Reason is why the connection is over, if it is.
func (p *Peer) Reason() (actors.Reason, bool) {
	return bridge.Reason.(func(*actors.Conn) (actors.Reason, bool))(p.conn)
}

// ExpectClosed fails the test if the connection is not over, or for another reason.
func (p *Peer) ExpectClosed(want actors.ReasonCode) {
	p.world.t.Helper()
	switch reason, over := p.Reason(); {
	case !over:
		p.world.t.Fatalf("the connection is open, want it closed: %v", want)
	case reason.Code != want:
		p.world.t.Fatalf("the connection is closed: %v, want %v", reason, want)
	}
}

// ExpectOpen fails the test if the connection is over.
func (p *Peer) ExpectOpen() {
	p.world.t.Helper()
	if reason, over := p.Reason(); over {
		p.world.t.Fatalf("the connection is closed: %v, want it open", reason)
	}
}

// stream is a Peer as the socket of its connection.
type stream Peer

// Read implements reactor.Stream.
func (s *stream) Read(p []byte) (int, unix.Errno) {
	switch {
	case s.failure != 0:
		return 0, s.failure
	case len(s.sent) == 0 && s.finished:
		return 0, 0
	case len(s.sent) == 0:
		return 0, unix.EAGAIN
	}
	if s.chunk > 0 {
		p = p[:min(len(p), s.chunk)]
	}
	n := copy(p, s.sent)
	s.sent = s.sent[n:]
	return n, 0
}

// Write implements reactor.Stream.
func (s *stream) Write(p []byte) (int, unix.Errno) {
	switch {
	case s.failure != 0:
		return 0, unix.EPIPE
	case s.window == 0:
		return 0, unix.EAGAIN
	case s.window > 0:
		p = p[:min(len(p), s.window)]
		s.window -= len(p)
	}
	s.received = append(s.received, p...)
	return len(p), 0
}
