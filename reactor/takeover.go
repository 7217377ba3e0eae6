package reactor

import (
	"sync"
	"sync/atomic"
	"time"
)

// A loop's state is one word: a sequence number that never repeats, shifted by stateBits, and what the owner does.
//
//	run  -> call(n+1)  by the owner: it gives up the loop's fields and touches only the cell
//	call(n) -> run     by the owner, if the word is unchanged: the loop is still its own
//	call(n) -> run     by the watchdog, if the word is unchanged: the loop is stolen; the owner that was will find out
//	run <-> poll       by the owner: never stolen
//
// Whoever makes the change from call to run owns the loop. All cursors of the loop's work are fields of the loop, so
// that a new owner goes on where the old one stood.
const (
	statePoll = iota + 1
	stateRun
	stateCall

	stateBits = 2
	stateMask = 1<<stateBits - 1
)

// Times of the watchdog.
const (
	// DefaultTakeoverAfter is how long a turn may last before its loop is taken over.
	DefaultTakeoverAfter = time.Millisecond
	// watchMost is how far the watchdog backs off while loops do little.
	watchMost = 2 * time.Millisecond
	// watchIdle is how many times it must find nothing done before it parks.
	watchIdle = 3

	// waryLeast and waryMost bound how long, in milliseconds, a stolen loop gives turns only on other goroutines.
	waryLeast, waryMost = 10, 160
	// stickyTurns is how many turns a cell whose turn was stolen gets on another goroutine.
	stickyTurns = 64
)

// A watchdog watches the loops of a group for turns that last too long.
type watchdog struct {
	loops   []*Loop
	after   time.Duration
	last    []uint64 // the state words it saw
	parked  atomic.Bool
	unpark  chan struct{}
	stop    chan struct{}
	stopped sync.WaitGroup
}

func newWatchdog(loops []*Loop, after time.Duration) *watchdog {
	return &watchdog{
		loops: loops, after: after, last: make([]uint64, len(loops)),
		unpark: make(chan struct{}, 1), stop: make(chan struct{}),
	}
}

// roused is called by a loop that begins a turn, after the state says so.
func (d *watchdog) roused() {
	if d != nil && d.parked.Load() {
		select {
		case d.unpark <- struct{}{}:
		default:
		}
	}
}

func (d *watchdog) start() {
	d.stopped.Go(d.watch)
}

func (d *watchdog) close() {
	if d == nil {
		return
	}
	close(d.stop)
	d.stopped.Wait()
}

func (d *watchdog) watch() {
	timer := time.NewTimer(d.after)
	defer timer.Stop()
	interval, idle := d.after, 0
	for {
		select {
		case <-d.stop:
			return
		case <-timer.C:
		}
		calling, moved := d.sample()
		switch {
		case calling: // look again soon, to see whether it is the same turn still
			interval, idle = d.after, 0
		case moved: // found polling: turns are short
			interval, idle = min(2*interval, watchMost), 0
		default:
			interval = min(2*interval, watchMost)
			if idle++; idle >= watchIdle {
				if !d.park() {
					return
				}
				interval, idle = d.after, 0
			}
		}
		timer.Reset(interval)
	}
}

// park sleeps until a loop runs; it returns false when the watchdog shall stop. A loop that began to run just before
// parked was set is found by the look after it.
func (d *watchdog) park() bool {
	d.parked.Store(true)
	defer d.parked.Store(false)
	for i, l := range d.loops {
		if l.state.Load() != d.last[i] {
			return true
		}
	}
	select {
	case <-d.stop:
		return false
	case <-d.unpark:
		return true
	}
}

// sample looks once at each loop and takes over those whose turn it saw the last time. It reports whether any turn was
// under way, and whether anything had changed since.
func (d *watchdog) sample() (calling, moved bool) {
	for i, l := range d.loops {
		word := l.state.Load()
		if word != d.last[i] {
			moved = true
		}
		switch word & stateMask {
		case stateCall:
			calling = true
			if word == d.last[i] {
				l.steal(word)
			}
		case stateRun: // busy with what is no turn, or without a processor: its next turn may block
			moved = true
		}
		d.last[i] = word
	}
	return calling, moved
}

// steal takes the loop from the turn that the word names, if that is still under way and a goroutine can be had.
func (l *Loop) steal(word uint64) {
	if !l.group.spares.reserve() {
		if l.refusedWord != word { // once a turn
			l.refusedWord = word
			l.refused.Add(1)
		}
		return
	}
	l.group.goroutines.Add(1) // the new owner; before the old one can end, for Stop may be waiting for zero
	if !l.state.CompareAndSwap(word, word&^stateMask|stateRun) {
		l.group.goroutines.Done()
		l.group.spares.unreserve()
		return
	}
	// From here to the start of the new owner the loop is the watchdog's.
	l.now = l.group.clock()
	l.current.detached = true
	l.current.sticky = stickyTurns
	l.current = nil
	l.takeovers++
	if l.now < l.waryUntil+l.waryFor {
		l.waryFor = min(2*l.waryFor, waryMost)
	} else {
		l.waryFor = waryLeast
	}
	l.waryUntil = l.now + l.waryFor
	go l.own(newWorker(l.group.options.ReadBuffer))
}
