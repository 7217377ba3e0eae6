package actors

import (
	"github.com/troupe-go/troupe/actors/internal/bridge"
	"github.com/troupe-go/troupe/pubsub"
	"github.com/troupe-go/troupe/reactor"
)

func init() {
	bridge.NewSystem = newManualSystem
	bridge.NewConn = newManualConn
	bridge.Reason = (*Conn).reason
	bridge.Shutdown = func(c *Conn) { c.raise(flagShutdown) }
}

// newManualSystem makes a System without goroutines, clock and sockets, for package actorstest.
func newManualSystem(level func(fd int) reactor.Events, o Options) (*System, *reactor.Manual, error) {
	s, err := newSystem(o)
	if err != nil {
		return nil, nil, err
	}
	m := reactor.NewManual(s.actors, level)
	s.run(m.Group())
	return s, m, nil
}

// newManualConn opens a connection over a stream that stands for a socket.
func newManualConn(s *System, fd int, stream reactor.Stream, factory Factory, o ConnOptions) (*Conn, error) {
	if factory == nil {
		return nil, ErrNilFactory
	}
	o, err := o.validate()
	if err != nil {
		return nil, err
	}
	config := newConfig(s, o, factory)
	config.stream = stream
	c := newConn(config, s.group.Next(), fresh)
	s.group.Loops()[0].Do(func(l *reactor.Loop) {
		c.want = reactor.Readable
		if err = l.Register(&c.cell, fd, c.want); err == nil {
			c.flags.Or(flagNamed)
			c.cell.Due()
		}
	})
	return c, nil
}

// reason is why the connection is over, if it is.
func (c *Conn) reason() (Reason, bool) {
	c.cell.Lock()
	defer c.cell.Unlock()
	if c.phase < closed {
		return Reason{}, false
	}
	return c.extra.Load().reason, true
}

// run lets the System live on a group of loops.
func (s *System) run(g *reactor.Group) {
	s.group = g
	s.deferred = newDuty(s)
	o := s.options.PubSub
	if o.OnFailure == nil {
		o.OnFailure = func(where string, value any, stack []byte) {
			s.log.Error("troupe: pub/sub: panic", "in", where, "panic", value, "stack", string(stack))
		}
	}
	s.broker, _ = pubsub.New(g, o) // the options were looked at before
}
