package actorstest

import (
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/actors/internal/bridge"
	"github.com/troupe-go/troupe/reactor"
)

// A World is a System in memory and the peers of its connections. It must be used from the test's goroutine.
type World struct {
	t      testing.TB
	system *actors.System
	manual *reactor.Manual
	peers  map[int]*Peer
	fd     int // the last one given out
}

// NewWorld makes a World. Most tests need only one connection, and Open.
func NewWorld(t testing.TB, o actors.Options) *World {
	t.Helper()
	w := &World{t: t, peers: make(map[int]*Peer)}
	start := bridge.NewSystem.(func(func(int) reactor.Events, actors.Options) (*actors.System, *reactor.Manual, error))
	var err error
	if w.system, w.manual, err = start(w.level, o); err != nil {
		t.Fatalf("actorstest: %v", err)
	}
	return w
}

// System is the World's System. Its timers, tasks, tags and pub/sub work, and happen in Run and Advance. Listen, Dial
// and Shutdown do not belong here.
func (w *World) System() *actors.System { return w.system }

// Run lets everything happen that is due. The methods of Peer do it themselves; it is for what the test does with
// Conns, the System or its Broker.
func (w *World) Run() { w.manual.Run() }

// Advance moves time on, by whole milliseconds, and lets timers and timeouts happen on the way.
func (w *World) Advance(d time.Duration) { w.manual.Advance(d) }

// Open opens a connection with a protocol.
func (w *World) Open(p actors.Protocol) *Peer {
	w.t.Helper()
	return w.OpenWith(actors.Shared(p), actors.ConnOptions{})
}

// OpenWith opens a connection with options.
func (w *World) OpenWith(f actors.Factory, o actors.ConnOptions) *Peer {
	w.t.Helper()
	w.fd++
	p := &Peer{world: w, window: -1}
	w.peers[w.fd] = p
	open := bridge.NewConn.(func(*actors.System, int, reactor.Stream, actors.Factory, actors.ConnOptions) (*actors.Conn, error))
	c, err := open(w.system, w.fd, (*stream)(p), f, o)
	if err != nil {
		w.t.Fatalf("actorstest: %v", err)
	}
	p.conn = c
	w.Run()
	return p
}

// level says what a connection's stream is ready for.
func (w *World) level(fd int) reactor.Events {
	p := w.peers[fd]
	if p == nil {
		return 0
	}
	var events reactor.Events
	if len(p.sent) > 0 || p.finished || p.failure != 0 {
		events |= reactor.Readable
	}
	if p.window != 0 || p.failure != 0 {
		events |= reactor.Writable
	}
	if p.failure != 0 {
		events |= reactor.Broken
	}
	return events
}
