package reactor

import (
	"errors"
	"fmt"
)

// ErrTooManyCells: the loop's table is full.
var ErrTooManyCells = errors.New("reactor: too many cells on one loop")

// Register gives the cell a place in the loop's table and lets the poller watch fd for it. The loop does not own fd:
// close it after Unregister. For the loop's owner: in Settle, Expire, or Do.
func (l *Loop) Register(c *Cell, fd int, want Events) error {
	index, ok := l.slots.add(c)
	if !ok {
		return ErrTooManyCells
	}
	c.slot.Store(index)
	c.registered, c.interest = true, want
	c.setFD(fd)
	if err := l.poller.Add(fd, c.token(), want); err != nil {
		l.slots.remove(index)
		c.registered, c.interest = false, 0
		c.setFD(-1)
		return err
	}
	return nil
}

// setFD is where fd is written: it is read with the mutex as well.
func (c *Cell) setFD(fd int) {
	c.Lock()
	c.fd = int32(fd)
	c.Unlock()
}

// Interest changes what the poller watches for. For the loop's owner.
func (l *Loop) Interest(c *Cell, want Events) error {
	if c.interest == want {
		return nil
	}
	if !c.silenced && !c.paused && c.fd >= 0 {
		if err := l.poller.Modify(int(c.fd), c.token(), want); err != nil {
			return err
		}
	}
	c.interest = want
	return nil
}

// Pause lets the poller forget the cell's descriptor; Unpause lets it watch again. For the loop's owner.
func (l *Loop) Pause(c *Cell) error {
	if c.paused || c.fd < 0 {
		return nil
	}
	c.paused = true
	if c.silenced {
		return nil
	}
	return l.poller.Remove(int(c.fd))
}

// Unpause undoes Pause. For the loop's owner.
func (l *Loop) Unpause(c *Cell) error {
	if !c.paused || c.fd < 0 {
		return nil
	}
	if !c.silenced { // else it is added when the turn under way has ended
		if err := l.poller.Add(int(c.fd), c.token(), c.interest); err != nil {
			return err
		}
	}
	c.paused = false
	return nil
}

// Unregister takes the cell out of the table and returns its descriptor, for the caller to close, or -1. From then on
// no handle reaches the cell. For the loop's owner.
func (l *Loop) Unregister(c *Cell) (fd int) {
	if !c.registered {
		return -1
	}
	fd = int(c.fd)
	if !c.silenced && !c.paused && fd >= 0 && !l.ended && !l.poller.Forgets() {
		if err := l.poller.Remove(fd); err != nil {
			l.group.fault(fmt.Errorf("reactor: unregister: %w", err))
		}
	}
	l.slots.remove(c.slot.Load())
	c.registered, c.interest, c.silenced = false, 0, false
	c.setFD(-1)
	c.paused = false
	return fd
}

// Forget is Unregister for a descriptor that stays open, because other loops watch it too. For the loop's owner.
func (l *Loop) Forget(c *Cell) {
	if c.fd >= 0 && !c.silenced && !l.ended && l.poller.Forgets() {
		if err := l.poller.Remove(int(c.fd)); err != nil {
			l.group.fault(fmt.Errorf("reactor: forget: %w", err))
		}
	}
	l.Unregister(c)
}

// Blocking says whether the cell's turns shall run beside the loop always. For the loop's owner.
func (c *Cell) Blocking(yes bool) { c.blocking = yes }

// IsBlocking reports what Blocking was told last. For the cell's turn and the loop's owner.
func (c *Cell) IsBlocking() bool { return c.blocking }

// Arm starts a timer; when is in the loop's milliseconds. An armed timer is moved. For the loop's owner.
func (l *Loop) Arm(t *Timer, when int64) { l.wheel.arm(t, when) }

// Disarm stops a timer and reports whether it was armed. For the loop's owner.
func (l *Loop) Disarm(t *Timer) bool { return l.wheel.disarm(t) }

// Detached reports whether a turn of the cell is under way beside the loop. For the loop's owner.
func (c *Cell) Detached() bool { return c.detached }

// Lookup finds a registered cell by its index and generation, or returns nil. Safe from any goroutine.
func (l *Loop) Lookup(index uint32, generation uint64) Turner {
	if c := l.slots.get(index); c != nil && c.gen == generation {
		return c.turner
	}
	return nil
}

// Each calls f for every registered cell's Turner until f returns false. Safe from any goroutine: every cell that is
// registered all the while is seen.
func (l *Loop) Each(f func(Turner) bool) {
	l.slots.each(func(c *Cell) bool { return f(c.turner) })
}
