package actors

import "time"

// After calls f in a turn of the connection when d is over, unless the connection is closed or restarted before. d is
// rounded up to a millisecond.
func (c *Conn) After(d time.Duration, f func(*Conn)) (*Timer, error) { return c.Every(d, 1, f, nil) }

// Every calls f in a turn of the connection when d is over, and again d after each call, repetitions times in all;
// zero means until the timer is stopped. When it is through, or stopped, or the connection is closed or restarted by
// supervision, finished is called once, if it is not nil. Swap keeps the timer. Bad arguments answer ErrBadOption, a
// closed connection ErrClosed (then finished is not called).
func (c *Conn) Every(d time.Duration, repetitions int, f, finished func(*Conn)) (*Timer, error) {
	var run, end func()
	if f != nil {
		run = func() { f(c) }
	}
	if finished != nil {
		end = func() { finished(c) }
	}
	t, err := newTimer((*connTimers)(c), d, repetitions, run, end)
	if err != nil {
		return nil, err
	}
	c.cell.Lock()
	if c.flags.Load()&flagsEnd != 0 {
		c.cell.Unlock()
		return nil, ErrClosed
	}
	x := c.more()
	if x.timers == nil {
		x.timers = make(map[*Timer]struct{})
	}
	x.timers[t] = struct{}{}
	c.cell.Unlock()
	t.host.startTimer(t)
	return t, nil
}

// connTimers is a Conn as the host of its timers.
type connTimers Conn

func (h *connTimers) startTimer(t *Timer) {
	c := (*Conn)(h)
	c.cell.Lock()
	x := c.more()
	x.starting = append(x.starting, t)
	c.flags.Or(flagStart)
	wake := c.cell.NeedsWake()
	c.cell.Unlock()
	if wake {
		c.cell.Wake()
	}
}

// postTimer is exempt from the bound on mail: the number of timers is the user's to bound.
func (h *connTimers) postTimer(t *Timer) { (*Conn)(h).cell.Post(t, 0) }

func (h *connTimers) forgetTimer(t *Timer) {
	c := (*Conn)(h)
	c.cell.Lock()
	delete(c.extra.Load().timers, t)
	c.cell.Unlock()
}

func (h *connTimers) callTimer(in callback, f func()) {
	before := h.callback
	h.callback = in
	f()
	h.callback = before
}

func (h *connTimers) later(d time.Duration) int64 { return h.config.system.group.Later(d) }

// anyTimer is one of the connection's timers that have not finished, or nil.
func (c *Conn) anyTimer() *Timer {
	c.cell.Lock()
	defer c.cell.Unlock()
	for t := range c.extra.Load().timers {
		return t
	}
	return nil
}
