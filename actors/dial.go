package actors

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-go/troupe/reactor"
	"golang.org/x/sys/unix"
)

// A dialState is what a dialled connection has until it is established.
type dialState struct {
	endpoints []reactor.Endpoint // the turn's: to be tried, in order
	trying    reactor.Endpoint   // the turn's: fd's
	socket    reactor.SocketOptions
	fd        int   // the turn's: of the try under way, or -1
	fresh     bool  // the turn's: fd is not registered yet
	retry     bool  // the turn's: the unix socket's queue was full; try again
	err       error // the turn's: of the last try
	reported  bool  // the turn's: the factory was asked for an object to tell of the failure
	failed    bool  // the turn's: fd's try failed
	resolving bool  // the turn's: the name is being looked up
	cancel    context.CancelFunc

	found    []reactor.Endpoint // guarded by the cell's mutex: what the look-up found
	foundErr error              // guarded
	resolved bool               // guarded: the look-up has ended
}

// Dial connects to an address, as net.Dial understands it, for the networks tcp, tcp4, tcp6 and unix. It returns at
// once. Exactly one of two things follows: factory's protocol gets OnOpen, or, if no address of the name could be
// connected to in time, OnClose with the reason DialFailed and no OnOpen before. The Conn may be used at once: what is
// written and sent waits.
//
// Bad input answers ErrNilFactory, ErrUnknownNetwork, ErrBadAddress or ErrBadOption, wrapped; a System that has shut
// down ErrShutdown.
func (s *System) Dial(network, address string, factory Factory, o DialOptions) (*Conn, error) {
	if factory == nil {
		return nil, ErrNilFactory
	}
	var err error
	if o.ConnOptions, err = o.ConnOptions.validate(); err != nil {
		return nil, err
	}
	fill(&o.Timeout, DefaultDialTimeout)
	if o.Timeout < time.Millisecond || o.Timeout > maxTimeout {
		return nil, badOption("Timeout", o.Timeout)
	}
	if err := o.Socket.Validate(); err != nil {
		return nil, err
	}
	endpoints, literal, err := reactor.ParseDial(network, address)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	if s.stopping.Load() {
		s.mu.Unlock()
		return nil, ErrShutdown
	}
	c := newConn(newConfig(s, o.ConnOptions, factory), s.group.Next(), dialing)
	d := &dialState{endpoints: endpoints, socket: o.Socket, fd: -1}
	c.more().dial = d
	c.setDeadline(&c.more().phaseUntil, o.Timeout)
	ctx, cancel := context.Background(), context.CancelFunc(nil)
	if !literal {
		ctx, cancel = context.WithTimeout(ctx, o.Timeout)
		d.cancel, d.resolving = cancel, true
	}
	s.dials[c] = struct{}{}
	s.mu.Unlock()
	c.cell.Due()
	if literal {
		return c, nil
	}
	s.lookups.Go(func() {
		defer cancel()
		found, err := reactor.ResolveDial(ctx, network, address)
		c.cell.Lock()
		d.found, d.foundErr, d.resolved = found, err, true
		c.cell.Unlock()
		c.cell.Due()
	})
	return c, nil
}

// connect goes on with dialling. It reports whether the connection is established.
func (c *Conn) connect(events reactor.Events) bool {
	x := c.extra.Load()
	d := x.dial
	switch {
	case c.flags.Load()&(flagsEnd|flagShutdown) != 0:
		d.stop()
		c.abort(Reason{Code: Shutdown}) // unless it is closed for another reason already
		return false
	case c.passed(x.phaseUntil):
		d.stop()
		err := error(ErrDialTimeout)
		if d.err != nil {
			err = errors.Join(err, d.err)
		}
		c.abort(Reason{Code: DialFailed, Err: err})
		return false
	case d.resolving && !c.resolved(d):
		return false
	case d.fd >= 0 && events == 0:
		return false
	case d.fd >= 0:
		err := reactor.ConnectResult(d.fd)
		if err == nil {
			c.phase, x.phaseUntil = fresh, 0
			c.flags.Or(flagDeadlineSet)
			return true
		}
		if errors.Is(err, unix.EINPROGRESS) {
			return false
		}
		d.err = &reactor.SocketError{Op: "connect", Network: d.trying.Network(), Address: d.trying.String(), Err: err}
		d.failed = true // Settle takes the descriptor off the loop and closes it
		return false
	}
	return c.tryNext(d)
}

// tryNext begins to connect to the next address.
func (c *Conn) tryNext(d *dialState) bool {
	for len(d.endpoints) > 0 {
		e := d.endpoints[0]
		fd, _, err := reactor.Connect(e, d.socket)
		if errors.Is(err, reactor.ErrBacklogFull) { // unix sockets do not wait: try again soon
			d.err, d.retry = err, true
			return false
		}
		d.endpoints, d.trying = d.endpoints[1:], e
		if err != nil {
			d.err = err
			continue
		}
		c.cell.Lock()
		c.peer = e.Peer()
		c.cell.Unlock()
		d.fd, d.fresh = fd, true // Writable will tell that it is connected, also if it is now
		return false
	}
	c.abort(Reason{Code: DialFailed, Err: d.err})
	return false
}

// resolved takes what the look-up found, if that has ended.
func (c *Conn) resolved(d *dialState) bool {
	c.cell.Lock()
	defer c.cell.Unlock()
	if !d.resolved {
		return false
	}
	d.resolving = false
	d.endpoints, d.err = d.found, d.foundErr
	return true
}

// established is called when a dialled connection is open.
func (c *Conn) established() {
	s := c.config.system
	s.mu.Lock()
	delete(s.dials, c)
	s.mu.Unlock()
	if c.idle() > 0 {
		c.flags.Or(flagIdleSet) // it counts from now
	}
	c.flags.Or(flagNamed)
}

// stop ends a look-up that is under way.
func (d *dialState) stop() {
	if d.cancel != nil {
		d.cancel()
	}
}

// settleDial registers the socket of a new try and takes away that of a failed one.
func (c *Conn) settleDial(l *reactor.Loop) {
	d := c.extra.Load().dial
	if d.failed {
		d.failed = false
		l.Unregister(&c.cell)
		reactor.CloseFD(d.fd)
		d.fd = -1
		c.cell.Due()
	}
	if d.retry {
		d.retry = false
		l.Arm(&c.extra.Load().idle, l.Now()+dialRetry) // the idle timeout waits until the connection is open
	}
	if !d.fresh {
		return
	}
	d.fresh = false
	c.want = reactor.Writable
	if err := l.Register(&c.cell, d.fd, c.want); err != nil {
		reactor.CloseFD(d.fd)
		d.fd = -1
		c.abort(Reason{Code: DialFailed, Err: err})
	}
}

// dialRetry is how many milliseconds pass before a full unix socket is tried again.
const dialRetry = 10
