package reactor

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// Bounds and defaults of Options.
const (
	// MaxLoops is how many loops a group can have.
	MaxLoops = 256
	// DefaultMaxDetached is how many turns may be under way beside the loops at once.
	DefaultMaxDetached = 10_000
	// DefaultReadBuffer is how many bytes a turn reads at most.
	DefaultReadBuffer = 64 << 10
)

// ErrBadOption: an option is out of its range.
var ErrBadOption = errors.New("option out of range")

// Options configure a Group. The zero value is a good choice.
type Options struct {
	// Loops is how many loops there are. Zero means one per core that the process may use (GOMAXPROCS), or what the
	// environment variable THREADS says; a negative n means cores/-n, at least one. At most MaxLoops.
	Loops int
	// TakeoverAfter is how long a turn may last before the loop is taken from it. Zero means DefaultTakeoverAfter.
	// A negative value means never: a turn that blocks then blocks its loop. At least 500 µs: below that the garbage
	// collector's pauses look like slow turns.
	TakeoverAfter time.Duration
	// MaxDetached bounds how many turns may be under way on goroutines beside the loops: of cells that declare
	// themselves blocking and of cells that were slow. Zero means DefaultMaxDetached. At the bound no loop is taken
	// over (a blocked turn stalls its loop then, and Stats counts it), slow cells are served on their loop, and cells
	// that declared themselves blocking wait.
	MaxDetached int
	// ReadBuffer is how many bytes a turn reads at most; one such buffer is kept per loop. Zero means
	// DefaultReadBuffer.
	ReadBuffer int
	// System is the protoactor system the loops are actors of. Required.
	System *actor.ActorSystem
	// OnFault is told of errors of the poller that no cell can be blamed for. May be nil. It may be called on the
	// loop: it must not block.
	OnFault func(error)
}

func (o Options) validate() (Options, error) {
	loops, err := loopCount(o.Loops)
	if err != nil {
		return o, err
	}
	o.Loops = loops
	if o.TakeoverAfter == 0 {
		o.TakeoverAfter = DefaultTakeoverAfter
	}
	if o.TakeoverAfter > 0 && (o.TakeoverAfter < 500*time.Microsecond || o.TakeoverAfter > time.Minute) {
		return o, fmt.Errorf("reactor: TakeoverAfter %v: %w", o.TakeoverAfter, ErrBadOption)
	}
	if o.MaxDetached == 0 {
		o.MaxDetached = DefaultMaxDetached
	}
	if o.MaxDetached < 1 || o.MaxDetached > 1_000_000 {
		return o, fmt.Errorf("reactor: MaxDetached %d: %w", o.MaxDetached, ErrBadOption)
	}
	if o.ReadBuffer == 0 {
		o.ReadBuffer = DefaultReadBuffer
	}
	if o.ReadBuffer < 512 || o.ReadBuffer > 16<<20 {
		return o, fmt.Errorf("reactor: ReadBuffer %d: %w", o.ReadBuffer, ErrBadOption)
	}
	if o.System == nil {
		return o, fmt.Errorf("reactor: System is nil: %w", ErrBadOption)
	}
	return o, nil
}

// loopCount follows the seeds (feature R6): n > 0 is a number, n < 0 a fraction of the cores, 0 asks the environment.
func loopCount(n int) (int, error) {
	if n == 0 {
		if text := os.Getenv("THREADS"); text != "" {
			var err error
			if n, err = strconv.Atoi(text); err != nil {
				return 0, fmt.Errorf("reactor: environment variable THREADS=%q is not a number: %w", text, ErrBadOption)
			}
		}
	}
	cores := runtime.GOMAXPROCS(0)
	switch {
	case n == 0:
		n = min(cores, MaxLoops)
	case n < 0:
		n = max(1, cores/-n)
	}
	if n > MaxLoops {
		return 0, fmt.Errorf("reactor: %d loops, more than %d: %w", n, MaxLoops, ErrBadOption)
	}
	return n, nil
}

// A Group is some loops with what they share: a watchdog, goroutines for slow turns, a clock.
type Group struct {
	loops      []*Loop
	options    Options
	spares     spares
	watchdog   *watchdog // nil when loops are not taken over
	started    time.Time
	manual     *Manual // instead of goroutines and a clock, or nil
	faults     atomic.Uint64
	next       atomic.Uint64
	spawner    *Spawner
	goroutines sync.WaitGroup // loops, and turns beside them
	stop       sync.Once
	hurry      atomic.Bool  // the time for stopping is over
	ended      atomic.Int64 // loops that have
}

// Start makes the loops and starts them. Bad options answer ErrBadOption.
func Start(o Options) (*Group, error) {
	o, err := o.validate()
	if err != nil {
		return nil, err
	}
	g := &Group{options: o, started: time.Now(), spawner: NewSpawner(o.System)}
	g.spares = spares{group: g, most: o.MaxDetached}
	for i := range o.Loops {
		l, err := newLoop(g, i)
		if err != nil {
			for _, l := range g.loops {
				l.poller.Close()
			}
			return nil, err
		}
		g.loops = append(g.loops, l)
	}
	if o.TakeoverAfter > 0 {
		g.watchdog = newWatchdog(g.loops, o.TakeoverAfter)
		g.watchdog.start()
	}
	for _, l := range g.loops {
		l.spawn(g.spawner)
		g.goroutines.Add(1)
		go l.own(newWorker(o.ReadBuffer))
	}
	return g, nil
}

// Spawner makes actors of what lives on the group's loops.
func (g *Group) Spawner() *Spawner { return g.spawner }

// Loops are the group's loops; the slice must not be changed.
func (g *Group) Loops() []*Loop { return g.loops }

// Next picks a loop, one after the other. Safe from any goroutine.
func (g *Group) Next() *Loop { return g.loops[(g.next.Add(1)-1)%uint64(len(g.loops))] }

// clock is the time in milliseconds since the group's start. Monotonic.
func (g *Group) clock() int64 {
	if g.manual != nil {
		return g.manual.now.Load()
	}
	return int64(time.Since(g.started) / time.Millisecond)
}

// Later is the first millisecond of the group's clock at which d will have passed from now. Safe from any goroutine.
func (g *Group) Later(d time.Duration) int64 {
	elapsed := time.Duration(g.clock()) * time.Millisecond
	if g.manual == nil {
		elapsed = time.Since(g.started)
	}
	return int64((elapsed + d + time.Millisecond - 1) / time.Millisecond)
}

// Clock is the time in milliseconds since the group's start. Safe from any goroutine.
func (g *Group) Clock() int64 { return g.clock() }

func (g *Group) fault(err error) {
	g.faults.Add(1)
	if g.options.OnFault != nil {
		g.options.OnFault(err)
	}
}
