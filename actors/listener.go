package actors

import (
	"net"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/reactor"
	"github.com/troupe-go/troupe/supervision"
)

// A Listener accepts connections, on every loop of its System.
type Listener struct {
	config    *connConfig
	options   ListenOptions
	fd        int
	bound     net.Addr
	acceptors []*acceptor
	remaining atomic.Int64 // acceptors that still have the descriptor
	live      atomic.Int64 // connections
	accepted  atomic.Uint64
	closing   atomic.Bool
	shutting  atomic.Bool // Shutdown was called: connections that are being accepted are shut down too
	mu        sync.Mutex
	failure   error // guarded
	finished  chan struct{}
	finish    sync.Once
}

// Listen accepts connections at an address. The networks are tcp, tcp4, tcp6 and unix; an address is host:port, where
// an empty host means all and port 0 one that the kernel chooses, or a path, or, with a leading @, a name in Linux's
// abstract namespace. factory makes the protocol object of each connection.
//
// Bad input answers ErrNilFactory, ErrUnknownNetwork, ErrBadAddress, ErrAddressInUse or ErrBadOption, wrapped; a System
// that has shut down ErrShutdown.
func (s *System) Listen(network, address string, factory Factory, o ListenOptions) (*Listener, error) {
	if factory == nil {
		return nil, ErrNilFactory
	}
	var err error
	if o.ConnOptions, err = o.ConnOptions.validate(); err != nil {
		return nil, err
	}
	if s.stopping.Load() {
		return nil, ErrShutdown
	}
	fd, bound, err := reactor.Listen(network, address, o.Socket)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() { // meanwhile
		reactor.UnlinkSocket(bound)
		reactor.CloseFD(fd)
		return nil, ErrShutdown
	}
	ln := &Listener{options: o, fd: fd, bound: bound, finished: make(chan struct{})}
	ln.config = newConfig(s, o.ConnOptions, factory)
	ln.config.listener = ln
	loops := s.group.Loops()
	ln.remaining.Store(int64(len(loops)))
	for _, l := range loops {
		a := &acceptor{listener: ln}
		a.cell.Init(a, l)
		a.retry.Owner = a
		ln.acceptors = append(ln.acceptors, a)
	}
	s.listeners[ln] = struct{}{}
	for _, a := range ln.acceptors {
		a.cell.Due()
	}
	if o.OnStart != nil {
		s.Defer(func() { o.OnStart(ln) })
	}
	return ln, nil
}

func newConfig(s *System, o ConnOptions, factory Factory) *connConfig {
	c := &connConfig{ConnOptions: o, system: s, factory: factory}
	switch o.SlowPolicy {
	case DropOldest, DropNewest, Conflate:
		c.apart = true
		c.takeMost = min(64<<10, o.MaxOutbound/4)
	}
	return c
}

// Addr is the address the listener is bound to, with the port that the kernel chose.
func (ln *Listener) Addr() net.Addr { return ln.bound }

// Count is how many connections of the listener are open.
func (ln *Listener) Count() int { return int(ln.live.Load()) }

// Accepted is how many connections the listener has accepted since it began.
func (ln *Listener) Accepted() uint64 { return ln.accepted.Load() }

// Each runs f in a turn of every open connection of the listener but that which origin names (none, if it is the zero
// Ref), and then done, once, when each has run or its connection is closed. Connections accepted meanwhile may be left
// out. f runs at the same time for connections of different loops. done may be nil.
func (ln *Listener) Each(origin Ref, f func(*Conn), done func()) {
	var pending atomic.Int64
	pending.Store(1)
	one := func() {
		if pending.Add(-1) == 0 && done != nil {
			done()
		}
	}
	ln.config.system.each(func(c *Conn) {
		if c.config.listener != ln || !origin.IsZero() && c.Ref() == origin {
			return
		}
		pending.Add(1)
		c.Do(func(c *Conn) {
			defer one()
			f(c)
		}, one)
	})
	one()
}

// Close stops accepting. Connections stay. It may be called again.
func (ln *Listener) Close() {
	if ln.closing.Swap(true) {
		return
	}
	for _, a := range ln.acceptors {
		a.cell.Due()
	}
}

// Shutdown stops accepting and shuts the listener's connections down: their OnShutdown is called. It does not wait for
// them: Done does.
func (ln *Listener) Shutdown() {
	ln.shutting.Store(true)
	ln.Close()
	ln.config.system.each(func(c *Conn) {
		if c.config.listener == ln {
			c.raise(flagShutdown)
		}
	})
}

// Done is closed when the listener has ended and the last of its connections is over.
func (ln *Listener) Done() <-chan struct{} { return ln.finished }

// Err is why the listener ended, if that was a failure which supervision escalated: the first *supervision.Failure.
func (ln *Listener) Err() error {
	ln.mu.Lock()
	defer ln.mu.Unlock()
	return ln.failure
}

// fail ends the listener because of a failure that was escalated.
func (ln *Listener) fail(f *supervision.Failure) {
	ln.mu.Lock()
	if ln.failure == nil {
		ln.failure = f
	}
	ln.mu.Unlock()
	ln.config.system.counters.escalations.Add(1)
	ln.Shutdown()
}

// left is called when one of the acceptors has gone, or one of the connections.
func (ln *Listener) left() {
	if ln.remaining.Load() > 0 || ln.live.Load() > 0 {
		return
	}
	ln.finish.Do(func() {
		s := ln.config.system
		s.mu.Lock()
		delete(s.listeners, ln)
		if s.stopping.Load() {
			s.checkQuiet()
		}
		s.mu.Unlock()
		end := func() {
			defer close(ln.finished)
			if hook := ln.options.OnFinish; hook != nil {
				hook(ln)
			}
		}
		if ln.options.OnFinish == nil || s.Defer(end) != nil {
			end()
		}
	})
}
