package actors

import (
	"fmt"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/reactor"
)

// A Timer calls a function later, once or several times: see Conn.After, Conn.Every, System.After, System.Every.
type Timer struct {
	timer    reactor.Timer
	host     timerHost
	run      func()
	finished func()
	delay    time.Duration
	left     int // calls that are left; negative for ever
	state    atomic.Int32
	when     int64 // guarded by the host: when it is due next; for settle
}

const (
	timerRunning = iota
	timerStopped
	timerFinished
)

// A timerHost is where a timer's functions run: a connection, or a duty of the System.
type timerHost interface {
	// startTimer has settle called on the loop.
	startTimer(*Timer)
	// postTimer has fire called in a turn.
	postTimer(*Timer)
	// forgetTimer says that the timer is through.
	forgetTimer(*Timer)
	callTimer(in callback, f func())
	later(d time.Duration) int64
}

func newTimer(host timerHost, d time.Duration, repetitions int, run, finished func()) (*Timer, error) {
	if run == nil {
		return nil, fmt.Errorf("actors: timer without a function: %w", ErrBadOption)
	}
	if d < 0 || d > maxTimer || repetitions < 0 {
		return nil, fmt.Errorf("actors: timer of %v, %d times: %w", d, repetitions, ErrBadOption)
	}
	t := &Timer{host: host, run: run, finished: finished, delay: d}
	if t.left = repetitions; repetitions == 0 {
		t.left = -1
	}
	t.timer.Owner = t
	t.when = host.later(d)
	return t, nil
}

// maxTimer is the longest delay of a timer.
const maxTimer = 2 * 365 * 24 * time.Hour

// Stop ends the timer: its function is not called any more, unless that is under way, and its finish hook is, soon.
// It reports whether the timer was running. Safe from any goroutine.
func (t *Timer) Stop() bool {
	if !t.state.CompareAndSwap(timerRunning, timerStopped) {
		return false
	}
	t.host.startTimer(t) // settle stops it
	t.host.postTimer(t)  // fire finishes it
	return true
}

// settle arms or disarms the timer. On the loop.
func (t *Timer) settle(l *reactor.Loop) {
	if t.state.Load() == timerRunning {
		l.Arm(&t.timer, t.when)
	} else {
		l.Disarm(&t.timer)
	}
}

// Expire implements reactor.Expirer; it is not for users.
func (t *Timer) Expire(*reactor.Loop, *reactor.Timer) { t.host.postTimer(t) }

// fire is the timer's turn: its function, and what follows from it. The delay to the next call begins when this one
// ends.
func (t *Timer) fire() {
	if t.state.Load() == timerRunning {
		last := t.left == 1
		if t.left > 0 {
			t.left--
		}
		if last { // before the function, which may panic
			t.state.CompareAndSwap(timerRunning, timerStopped)
			defer t.finish()
		} else {
			defer t.again()
		}
		t.host.callTimer(inTimer, t.run)
		return
	}
	t.finish()
}

// again starts the timer for its next call.
func (t *Timer) again() {
	if t.state.Load() == timerRunning {
		t.when = t.host.later(t.delay)
		t.host.startTimer(t)
	}
}

// finish calls the finish hook, once.
func (t *Timer) finish() {
	if t.state.Swap(timerFinished) == timerFinished {
		return
	}
	t.host.startTimer(t)
	t.host.forgetTimer(t)
	if t.finished != nil {
		t.host.callTimer(inFinish, t.finished)
	}
}
