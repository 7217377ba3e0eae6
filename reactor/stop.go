package reactor

import (
	"context"
	"fmt"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// stopWork is how long cells go on having turns while loops stop, if the context has no deadline.
const stopWork = 5 * time.Second

// Stop ends the loops. Cells that have something to do go on having turns, for three quarters of the time until ctx's
// deadline or for stopWork. Then Turners that are still registered are told to release their descriptors (Turner.Stop),
// except those with a turn under way beside the loop, which end when that turn does. Stop waits until every goroutine of
// the group has ended or ctx is done; then it answers an error that wraps ctx's. It may be called again to wait longer.
func (g *Group) Stop(ctx context.Context) error {
	g.stop.Do(func() {
		for _, l := range g.loops {
			l.do(func(l *Loop, _ *Worker) { l.stopping = true })
		}
	})
	work := stopWork
	if deadline, ok := ctx.Deadline(); ok {
		work = time.Until(deadline) * 3 / 4
	}
	enough := time.AfterFunc(work, func() { g.hurry.Store(true) })
	defer enough.Stop()
	done := make(chan struct{})
	go func() {
		g.goroutines.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		g.hurry.Store(true) // it may have been cancelled
		busy, _ := g.spares.load()
		return fmt.Errorf("reactor: %d turns have not ended: %w", busy, ctx.Err())
	}
}

// stopPasses bounds how often a loop that stops goes on giving turns to cells that never have enough, once the time for
// stopping is over.
const stopPasses = 1000

// end releases what is left on a loop that stops. It returns false while there is work that can be done at once.
func (l *Loop) end(w *Worker) bool {
	// Detached turns that end from here on wait for afterMu, and then see to themselves.
	l.afterMu.Lock()
	defer l.afterMu.Unlock()
	l.inMu.Lock()
	if l.group.hurry.Load() {
		l.stopPasses++
	}
	busy := len(l.nextq)+len(l.inbox) > 0 && l.stopPasses < stopPasses
	if busy || len(l.tasks)+len(l.returned) > 0 {
		l.inMu.Unlock()
		return false
	}
	l.ended = true
	l.inMu.Unlock()
	l.slots.each(func(c *Cell) bool {
		if !c.detached {
			c.turner.Stop(l)
		}
		return true
	})
	l.self.invoker.InvokeSystemMessage(&actor.Stop{})
	l.publish(w, true)
	if err := l.poller.Close(); err != nil {
		l.group.fault(err)
	}
	l.group.lastLoop()
	return true
}

// lastLoop lets the watchdog and the spare goroutines go when no loop is left.
func (g *Group) lastLoop() {
	if g.ended.Add(1) == int64(len(g.loops)) {
		g.spares.close()
		g.watchdog.close()
	}
}

// afterlife settles cells whose detached turn ends after their loop has. The goroutine that had the turn does it.
func (l *Loop) afterlife(w *Worker) {
	l.afterMu.Lock()
	defer l.afterMu.Unlock()
	for {
		l.inMu.Lock()
		homecomings, inbox := l.returned, l.inbox
		l.returned, l.inbox = nil, nil
		l.inMu.Unlock()
		if len(homecomings)+len(inbox) == 0 {
			return
		}
		for _, cell := range inbox {
			if cell.detached { // its turn has not ended, or not begun
				cell.requeue = true
				continue
			}
			homecomings = append(homecomings, homecoming{cell, NeedTurn})
		}
		for _, h := range homecomings {
			h.cell.detached = false
			if h.cell.requeue {
				h.cell.requeue = false
				h.out |= NeedTurn
			}
			out := h.out
			for passes := 0; ; {
				if out&NeedSettle != 0 {
					h.cell.turner.Settle(l)
				}
				if l.group.hurry.Load() {
					passes++
				}
				if out&NeedTurn == 0 || passes == stopPasses {
					break
				}
				out = turnAside(w, h.cell)
			}
			if h.cell.registered {
				h.cell.turner.Stop(l)
			}
		}
	}
}

// turnAside gives a turn that may end its goroutine (runtime.Goexit).
func turnAside(w *Worker, cell *Cell) (out Outcome) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.Abandoned, out = 0, NeedSettle
		defer func() { out |= w.Abandoned }()
		out = cell.turner.Turn(w, 0)
	}()
	<-done
	return out
}
