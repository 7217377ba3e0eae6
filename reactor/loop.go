package reactor

import (
	"sync"
	"sync/atomic"
	"time"
)

// eventsAWait bounds how many events one wait takes from the poller.
const eventsAWait = 512

// A Loop waits for events and gives turns. It runs on one goroutine at a time, its owner; which one changes when the
// loop is taken over (takeover.go).
type Loop struct {
	state      atomic.Uint64 // see takeover.go
	generation atomic.Uint64 // the last one given to a cell
	group      *Group
	index      int
	poller     Poller
	slots      slots
	self       pollerActor

	// The owner's. In a call state they belong to nobody, so that whoever ends that state finds them in order.
	seq        uint64
	current    *Cell // whose turn it is
	events     []Ready
	eventAt    int // the first unserved event
	eventCount int
	runq       []*Cell // this pass
	runAt      int     // the first unserved cell of runq
	nextq      []*Cell // the next pass
	wheel      wheel
	now        int64 // milliseconds since the group's start
	waryUntil  int64
	waryFor    int64
	stopping   bool
	takeovers  uint64
	detached   uint64 // turns given on other goroutines
	overloads  uint64 // such turns that found no goroutine free
	refused    atomic.Uint64
	statsAt    int64 // when stats was published
	stopPasses int   // made in a hurry

	refusedWord uint64 // the watchdog's: the last state word it could not steal

	// the inbox
	pending  atomic.Bool // it holds something
	inMu     sync.Mutex
	inbox    []*Cell
	returned []homecoming
	homes    []homecoming // the owner's: the last batch's memory, for the next
	tasks    []func(*Loop, *Worker)
	counters Counters // of all workers, as of when they were last told
	ended    bool     // nobody owns the loop any more
	stats    Stats

	afterMu sync.Mutex // serialises what is left to do after the end
}

// A homecoming is a cell whose detached turn has ended.
type homecoming struct {
	cell *Cell
	out  Outcome
}

func newLoop(g *Group, index int) (*Loop, error) {
	p, err := newPoller()
	if err != nil {
		return nil, err
	}
	return newLoopOn(p, g, index), nil
}

func newLoopOn(p Poller, g *Group, index int) *Loop {
	l := &Loop{group: g, index: index, poller: p, events: make([]Ready, eventsAWait)}
	l.wheel.init(0)
	l.state.Store(stateRun)
	return l
}

// Index is the loop's place in its group.
func (l *Loop) Index() int { return l.index }

// Group is the group the loop belongs to.
func (l *Loop) Group() *Group { return l.group }

// Now is the time in milliseconds since the group's start, as of the last wait. For the owner.
func (l *Loop) Now() int64 { return l.now }

// own makes the calling goroutine the loop's owner until the loop stops or is taken over.
func (l *Loop) own(w *Worker) {
	returned := false
	defer func() {
		if !returned {
			// A callback ended the goroutine (runtime.Goexit); its turn took note of it. Go on with another.
			go l.outlive(w)
			return
		}
		l.group.goroutines.Done()
	}()
	l.run(w)
	w.retire()
	returned = true
}

// outlive ends the turn that never returned and goes on owning the loop, if it was not stolen meanwhile.
func (l *Loop) outlive(w *Worker) {
	out := w.Abandoned | NeedSettle
	w.Abandoned = 0
	if l.leave(w, w.cell, out) {
		l.own(w)
		return
	}
	w.retire()
	l.group.goroutines.Done()
}

// run is the loop. It returns when the loop has ended, or was taken over.
func (l *Loop) run(w *Worker) {
	for l.pass(w) && !(l.stopping && l.end(w)) {
		l.wait(w)
	}
}

// pass serves events, then cells that are due, then timers. It returns false if the loop was taken over.
func (l *Loop) pass(w *Worker) bool {
	for l.eventAt < l.eventCount {
		ev := l.events[l.eventAt]
		l.eventAt++
		if cell := l.lookup(ev.Token); cell != nil && !l.give(w, cell, ev.Events) {
			return false
		}
	}
	if l.runAt == len(l.runq) {
		l.takeInbox(w)
		l.runq, l.nextq, l.runAt = l.nextq, l.runq[:0], 0
	}
	for l.runAt < len(l.runq) {
		cell := l.runq[l.runAt]
		l.runq[l.runAt] = nil
		l.runAt++
		if !l.give(w, cell, 0) {
			return false
		}
	}
	l.wheel.advance(l.now, l.expire)
	return true
}

// lookup finds the cell a token names, unless it has gone.
func (l *Loop) lookup(token uint64) *Cell {
	cell := l.slots.get(uint32(token >> 32))
	if cell == nil || uint32(cell.gen) != uint32(token) {
		return nil
	}
	return cell
}

func (c *Cell) token() uint64 { return uint64(c.slot.Load())<<32 | uint64(uint32(c.gen)) }

// give gives a cell a turn, here or on another goroutine. It returns false if the loop was lost over it.
func (l *Loop) give(w *Worker, cell *Cell, ready Events) bool {
	if cell.detached {
		l.note(cell, ready)
		return true
	}
	if cell.broken { // tell it, and keep the turn that was due for its mail
		if cell.broken = false; ready == 0 {
			l.nextq = append(l.nextq, cell)
		}
		ready |= Broken
	}
	if l.group.manual == nil && (cell.blocking || cell.sticky > 0 || l.now < l.waryUntil) && l.detach(cell, ready) {
		return true
	}
	l.current = cell
	l.seq++
	w.seq, w.cell, w.Now = l.seq, cell, l.now
	w.Counters.Turns++
	l.state.Store(l.seq<<stateBits | stateCall)
	l.group.watchdog.roused()
	out := cell.turner.Turn(w, ready)
	return l.leave(w, cell, out)
}

// leave ends the call state. It returns false if the loop was stolen; then the cell goes home by the inbox.
func (l *Loop) leave(w *Worker, cell *Cell, out Outcome) bool {
	if !l.state.CompareAndSwap(w.seq<<stateBits|stateCall, w.seq<<stateBits|stateRun) {
		l.handBack(w, cell, out)
		l.group.spares.unreserve()
		return false
	}
	if out != 0 {
		l.settle(cell, out)
	}
	return true
}

func (l *Loop) settle(cell *Cell, out Outcome) {
	if out&NeedSettle != 0 {
		cell.turner.Settle(l)
	}
	if out&NeedTurn != 0 {
		l.nextq = append(l.nextq, cell)
	}
}

// detach gives the turn on another goroutine. It returns false if there is none and the cell can do without.
func (l *Loop) detach(cell *Cell, ready Events) bool {
	cell.detached = true
	if !l.group.spares.send(errand{cell, ready}, cell.blocking) {
		cell.detached = false
		l.overloads++
		return false
	}
	l.detached++
	if cell.sticky > 0 {
		cell.sticky--
	}
	return true
}

// note keeps what a detached cell is ready for until it comes home. Its descriptor would be reported by every wait
// until then, so the poller has to forget it.
func (l *Loop) note(cell *Cell, ready Events) {
	if ready == 0 {
		cell.requeue = true
		return
	}
	if !cell.silenced && !cell.paused && cell.fd >= 0 {
		if l.poller.Remove(int(cell.fd)) == nil {
			cell.silenced = true
		}
	}
}

// handBack returns a detached cell to its loop. Called by the goroutine that had the turn.
func (l *Loop) handBack(w *Worker, cell *Cell, out Outcome) {
	l.inMu.Lock()
	l.returned = append(l.returned, homecoming{cell, out})
	l.counters.add(w.Counters)
	w.Counters = Counters{}
	l.rouse()
	ended := l.ended
	l.inMu.Unlock()
	if ended {
		l.afterlife(w)
	}
}

// welcome takes back a cell whose detached turn has ended.
func (l *Loop) welcome(h homecoming) {
	cell := h.cell
	cell.detached = false
	if h.out&NeedSettle != 0 {
		cell.turner.Settle(l)
	}
	if cell.silenced {
		cell.silenced = false
		if cell.fd >= 0 && !cell.paused {
			// Added anew, the descriptor is reported again if it is still ready.
			cell.broken = l.poller.Add(int(cell.fd), cell.token(), cell.interest) != nil
		}
	}
	if cell.requeue || cell.broken || h.out&NeedTurn != 0 {
		cell.requeue = false
		l.nextq = append(l.nextq, cell)
	}
}

// enqueue puts a cell that is due into the inbox. Safe from any goroutine.
func (l *Loop) enqueue(cell *Cell) {
	l.inMu.Lock()
	l.inbox = append(l.inbox, cell)
	l.rouse()
	l.inMu.Unlock()
}

// WakeAll is Cell.Wake for many cells of this loop at once, after NeedsWake said so for each. No mutex of theirs must be
// held. Safe from any goroutine.
func (l *Loop) WakeAll(cells []*Cell) {
	if len(cells) == 0 {
		return
	}
	l.inMu.Lock()
	l.inbox = append(l.inbox, cells...)
	l.rouse()
	l.inMu.Unlock()
}

// Do runs f on the loop, between turns, soon. f must neither block nor run user code. It reports false, without
// running f, when the loop has ended. Safe from any goroutine.
func (l *Loop) Do(f func(*Loop)) bool {
	return l.do(func(l *Loop, _ *Worker) { f(l) })
}

func (l *Loop) do(f func(*Loop, *Worker)) bool {
	l.inMu.Lock()
	if l.ended {
		l.inMu.Unlock()
		return false
	}
	l.tasks = append(l.tasks, f)
	l.rouse()
	l.inMu.Unlock()
	return true
}

// rouse says that the inbox holds something, and ends the wait of a loop that polls. The loop stores its state before
// it looks at pending, and pending is stored here before the state is looked at: one of the two sees the other. The
// inbox must be locked, so that the poller is not closed under the call.
func (l *Loop) rouse() {
	l.pending.Store(true)
	if !l.ended && l.state.Load()&stateMask == statePoll {
		l.poller.Wake()
	}
}

func (l *Loop) takeInbox(w *Worker) {
	if !l.pending.Load() {
		return
	}
	l.inMu.Lock()
	l.pending.Store(false)
	l.nextq = append(l.nextq, l.inbox...)
	clear(l.inbox)
	l.inbox = l.inbox[:0]
	returned, tasks := l.returned, l.tasks
	l.returned, l.tasks = l.homes[:0], nil
	l.inMu.Unlock()
	for _, h := range returned {
		l.welcome(h)
	}
	clear(returned)
	l.homes = returned
	for _, f := range tasks {
		f(l, w)
	}
}

// wait waits for events, as long as nothing else is due.
func (l *Loop) wait(w *Worker) {
	timeout := time.Duration(-1)
	if len(l.nextq) > 0 || l.pending.Load() {
		timeout = 0
	} else if when, ok := l.wheel.next(); ok {
		timeout = time.Duration(max(0, when-l.group.clock())) * time.Millisecond
	}
	sleeps := timeout != 0
	l.publish(w, sleeps)
	if sleeps {
		l.state.Store(l.seq<<stateBits | statePoll)
		if l.pending.Load() {
			timeout = 0
		}
	}
	n, err := l.poller.Wait(l.events, timeout)
	if sleeps {
		l.state.Store(l.seq<<stateBits | stateRun)
	}
	if err != nil {
		n = 0
		l.group.fault(err)
	}
	l.eventAt, l.eventCount = 0, n
	l.now = l.group.clock()
}

func (l *Loop) expire(t *Timer) { t.Owner.Expire(l, t) }
