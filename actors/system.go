package actors

import (
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/troupe-go/troupe/pubsub"
	"github.com/troupe-go/troupe/reactor"
)

// A System is a runtime: loops, the connections on them, listeners, timers, pub/sub. A program has one as a rule.
type System struct {
	options   Options
	log       *slog.Logger
	actors    *actor.ActorSystem
	group     *reactor.Group
	broker    *pubsub.Broker
	tags      tags
	counters  counters
	deferred  *duty
	tasks     atomic.Int64 // that wait
	live      atomic.Int64 // connections that have not ended
	lingerers atomic.Int64
	stopping  atomic.Bool // Shutdown was called
	over      atomic.Bool // nothing new is taken
	lookups   sync.WaitGroup

	addressing sync.Mutex // serialises the making of PIDs

	mu        sync.Mutex
	listeners map[*Listener]struct{}
	dials     map[*Conn]struct{} // connections that may not have a slot
	timers    map[*Timer]struct{}
	hooks     hooks
	quiet     chan struct{} // closed when no connection is left, while shutting down
	done      chan struct{} // closed when Shutdown has ended
	err       error         // of Shutdown
}

// Start makes a System and starts it. Bad options answer ErrBadOption.
func Start(o Options) (*System, error) {
	s, err := newSystem(o)
	if err != nil {
		return nil, err
	}
	if _, err := reactor.RaiseFDLimit(); err != nil {
		s.log.Warn("troupe: raising the limit of descriptors", "error", err)
	}
	g, err := reactor.Start(reactor.Options{
		Loops: o.Loops, TakeoverAfter: o.TakeoverAfter, MaxDetached: o.MaxDetached, ReadBuffer: o.ReadBuffer,
		System:  s.actors,
		OnFault: func(err error) { s.log.Error("troupe: poller", "error", err) },
	})
	if err != nil {
		return nil, fmt.Errorf("actors: %w", err)
	}
	s.run(g)
	for _, f := range o.OnStart {
		s.Defer(func() { f(s) })
	}
	return s, nil
}

// newSystem makes a System that has no loops yet.
func newSystem(o Options) (*System, error) {
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	fill(&o.MaxTimers, 1_000_000)
	fill(&o.MaxTasks, 1_000_000)
	if o.MaxTimers < 1 {
		return nil, badOption("MaxTimers", o.MaxTimers)
	}
	if o.MaxTasks < 1 {
		return nil, badOption("MaxTasks", o.MaxTasks)
	}
	if err := o.PubSub.Validate(); err != nil {
		return nil, fmt.Errorf("actors: %w", err)
	}
	for o.Node == 0 {
		o.Node = rand.Uint32()
	}
	if o.ActorSystem == nil {
		o.ActorSystem = newActorSystem(o.Logger)
	}
	s := &System{
		options: o, log: o.Logger, actors: o.ActorSystem,
		listeners: map[*Listener]struct{}{}, dials: map[*Conn]struct{}{}, timers: map[*Timer]struct{}{},
		quiet: make(chan struct{}), done: make(chan struct{}),
	}
	s.tags.init()
	return s, nil
}

// newActorSystem makes a protoactor system that is quiet: protoactor logs every start and every dead letter.
func newActorSystem(log *slog.Logger) *actor.ActorSystem {
	return actor.NewActorSystem(
		actor.WithLoggerFactory(func(*actor.ActorSystem) *slog.Logger { return slog.New(atLeastWarn{log.Handler()}) }),
		actor.WithDeadLetterRequestLogging(false),
	)
}

// ActorSystem is the protoactor system the System lives in.
func (s *System) ActorSystem() *actor.ActorSystem { return s.actors }

// Root is protoactor's root context: to spawn actors, and to send to them and to connections.
func (s *System) Root() *actor.RootContext { return s.actors.Root }

// Done is closed when Shutdown has ended.
func (s *System) Done() <-chan struct{} { return s.done }

// Stopping reports whether Shutdown was called.
func (s *System) Stopping() bool { return s.stopping.Load() }

// Broker is the System's publish/subscribe.
func (s *System) Broker() *pubsub.Broker { return s.broker }

// Loops are the PIDs of the System's poller actors. They answer reactor.GetStats.
func (s *System) Loops() []*actor.PID {
	var pids []*actor.PID
	for _, l := range s.group.Loops() {
		pids = append(pids, l.PID())
	}
	return pids
}

// Count is how many connections are open or being opened.
func (s *System) Count() int { return int(s.live.Load()) }

// each calls f for every connection. Safe from any goroutine.
func (s *System) each(f func(*Conn)) {
	for _, l := range s.group.Loops() {
		l.Each(func(t reactor.Turner) bool {
			if t, ok := t.(*turner); ok {
				f((*Conn)(t))
			}
			return true
		})
	}
}

// left is called when a connection has ended.
func (s *System) left(c *Conn) {
	if x := c.extra.Load(); x != nil && x.dial != nil {
		s.mu.Lock()
		delete(s.dials, c)
		s.mu.Unlock()
	}
	if ln := c.config.listener; ln != nil && ln.live.Add(-1) == 0 && ln.closing.Load() {
		ln.left()
	}
	if s.live.Add(-1) == 0 && s.stopping.Load() {
		s.mu.Lock()
		s.checkQuiet()
		s.mu.Unlock()
	}
}

// checkQuiet closes quiet when no connection and no listener is left. With mu.
func (s *System) checkQuiet() {
	if s.live.Load() > 0 || len(s.listeners) > 0 {
		return
	}
	select {
	case <-s.quiet:
	default:
		close(s.quiet)
	}
}

var errStuck = errors.New("callbacks have not returned")
