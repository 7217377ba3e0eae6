package actors

import (
	"runtime/debug"
	"time"

	"github.com/troupe-go/troupe/reactor"
	"github.com/troupe-go/troupe/supervision"
)

// A duty is a cell without a connection, for functions that shall run one after the other: the System's tasks, and each
// of its timers.
type duty struct {
	cell     reactor.Cell
	system   *System
	callback callback // the turn's
	timer    *Timer   // the only timer it hosts, or nil
}

var _ reactor.Turner = (*duty)(nil)

func newDuty(s *System) *duty {
	d := &duty{system: s}
	d.cell.Init(d, s.group.Next())
	return d
}

// Turn implements reactor.Turner.
func (d *duty) Turn(w *reactor.Worker, events reactor.Events) (out reactor.Outcome) {
	defer d.rescue(w, &out)
	d.cell.Lock()
	d.cell.Begin(events)
	d.cell.Unlock()
	for range mailTurn {
		item, ok := d.cell.Next()
		if !ok {
			break
		}
		w.Counters.Messages++
		switch item := item.(type) {
		case func():
			d.system.tasks.Add(-1)
			d.callTimer(inTask, item)
		case *Timer:
			item.fire()
		}
	}
	return d.end()
}

func (d *duty) end() reactor.Outcome {
	d.cell.Lock()
	defer d.cell.Unlock()
	out := d.cell.End(false, false)
	if d.timer != nil {
		out |= reactor.NeedSettle
	}
	return out
}

func (d *duty) rescue(w *reactor.Worker, out *reactor.Outcome) {
	if d.callback == none {
		return
	}
	v := recover()
	if v == nil {
		v = supervision.ErrGoexit
	}
	d.system.counters.failures.Add(1)
	d.system.log.Error("troupe: callback failed", "callback", callbackNames[d.callback], "panic", v, "stack", string(debug.Stack()))
	d.callback = none
	*out = d.end()
	w.Abandoned = *out
}

// Settle implements reactor.Turner.
func (d *duty) Settle(l *reactor.Loop) {
	if d.timer != nil {
		d.timer.settle(l)
	}
}

// Stop implements reactor.Turner.
func (d *duty) Stop(*reactor.Loop) {}

func (d *duty) startTimer(*Timer)           { d.cell.Due() }
func (d *duty) postTimer(t *Timer)          { d.cell.Post(t, 0) }
func (d *duty) forgetTimer(t *Timer)        { d.system.forgetTimer(t) }
func (d *duty) later(t time.Duration) int64 { return d.system.group.Later(t) }
func (d *duty) callTimer(in callback, f func()) {
	before := d.callback
	d.callback = in
	f()
	d.callback = before
}

// Defer runs f soon, after every function given to Defer before, one at a time. f that blocks delays those that come
// after it, and nothing else. More than Options.MaxTasks waiting answer ErrMailboxFull, a System that has shut down
// ErrShutdown. Safe from any goroutine.
func (s *System) Defer(f func()) error {
	if f == nil {
		return badOption("Defer of a function", "nil")
	}
	n := s.tasks.Add(1) // before over is looked at: Shutdown sets that and then waits for the tasks
	if s.over.Load() {
		s.tasks.Add(-1)
		return ErrShutdown
	}
	if n > int64(s.options.MaxTasks) {
		s.tasks.Add(-1)
		s.counters.refusedTasks.Add(1)
		return ErrMailboxFull
	}
	if s.deferred.cell.Post(f, 0) != nil {
		s.tasks.Add(-1)
		return ErrShutdown
	}
	return nil
}

// After calls f when d is over, unless the System has shut down before. d is rounded up to a millisecond. Functions of
// different timers may run at the same time.
func (s *System) After(d time.Duration, f func()) (*Timer, error) { return s.Every(d, 1, f, nil) }

// Every calls f when d is over, and again d after each call, repetitions times in all; zero means until the timer is
// stopped. When it is through, or stopped, or the System shuts down, finished is called once, if it is not nil. A call
// that panics is logged, and the timer goes on. Bad arguments and more than Options.MaxTimers timers answer
// ErrBadOption, a System that has shut down ErrShutdown; then finished is not called.
func (s *System) Every(d time.Duration, repetitions int, f, finished func()) (*Timer, error) {
	duty := newDuty(s)
	t, err := newTimer(duty, d, repetitions, f, finished)
	if err != nil {
		return nil, err
	}
	duty.timer = t
	s.mu.Lock()
	if s.over.Load() {
		s.mu.Unlock()
		return nil, ErrShutdown
	}
	if len(s.timers) >= s.options.MaxTimers {
		s.mu.Unlock()
		return nil, badOption("number of timers", len(s.timers)+1)
	}
	s.timers[t] = struct{}{}
	s.mu.Unlock()
	t.host.startTimer(t)
	return t, nil
}

func (s *System) forgetTimer(t *Timer) {
	s.mu.Lock()
	delete(s.timers, t)
	s.mu.Unlock()
}
