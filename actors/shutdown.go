package actors

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// DefaultShutdown is how long Shutdown may take if its context has no deadline.
const DefaultShutdown = 15 * time.Second

// A ShutdownError says what was left when the deadline of Shutdown came.
type ShutdownError struct {
	Forced int   // connections that were closed before they had written everything
	Stuck  int   // connections with a callback that did not return
	Err    error // of the context
}

func (e *ShutdownError) Error() string {
	return fmt.Sprintf("actors: shutdown: %d connections forced, %d stuck: %v", e.Forced, e.Stuck, e.Err)
}

// Unwrap gives the context's error.
func (e *ShutdownError) Unwrap() error { return e.Err }

// Shutdown ends the System: listeners stop accepting; every connection's OnShutdown is called, which may write a
// goodbye and ask for time; connections close when what they have written is sent. Then the timers end, the stop hooks
// run, and the loops. Shortly before ctx's deadline, or 15 s if it has none, what is left is closed by force, and so it
// is when ctx is cancelled.
//
// It answers nil if everything ended by itself, and a *ShutdownError otherwise. Go cannot end a goroutine from outside:
// a callback that never returns keeps its goroutine and its connection, and is counted as stuck. Called again, Shutdown
// waits for the first call and answers the same.
func (s *System) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	first := !s.stopping.Swap(true)
	s.mu.Unlock()
	if !first {
		select {
		case <-s.done:
			return s.err
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if _, ok := ctx.Deadline(); !ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, DefaultShutdown)
		defer cancel()
	}
	s.err = s.shutdown(ctx)
	close(s.done)
	return s.err
}

func (s *System) shutdown(ctx context.Context) error {
	deadline, _ := ctx.Deadline()
	// Keep a tenth of the time, at most a second, for closing what does not go by itself.
	soft, cancel := context.WithDeadline(ctx, deadline.Add(-min(time.Second, time.Until(deadline)/10)))
	defer cancel()

	s.mu.Lock()
	for ln := range s.listeners {
		ln.Close()
	}
	for c := range s.dials {
		c.raise(flagShutdown)
	}
	s.checkQuiet()
	s.mu.Unlock()
	s.each(func(c *Conn) { c.raise(flagShutdown) })

	var failure *ShutdownError
	select {
	case <-s.quiet:
	case <-soft.Done():
		failure = &ShutdownError{Err: soft.Err(), Forced: s.Count()}
		// ctx may be over as well, if it was cancelled.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), min(time.Second, time.Until(deadline)))
		defer cancel()
		s.abortAll()
		select {
		case <-s.quiet:
		case <-ctx.Done():
			failure.Stuck = s.Count()
			failure.Forced -= failure.Stuck
		}
	}
	s.awaitLingerers(soft)
	s.endTimers(ctx)
	s.hooks.stop(s)
	s.over.Store(true)
	s.closeBroker(ctx)
	if err := s.group.Stop(ctx); err != nil {
		if failure == nil {
			failure = &ShutdownError{Err: errors.Join(ctx.Err(), errStuck)}
		}
		failure.Stuck = max(failure.Stuck, s.group.Stats().Busy)
	}
	s.lookups.Wait()
	if failure == nil {
		return nil
	}
	return failure
}

// closeBroker closes the Broker. An engine that does not let go is left behind.
func (s *System) closeBroker(ctx context.Context) {
	done := make(chan struct{})
	go func() {
		s.broker.Close()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.log.Error("troupe: an engine of the broker has not let go", "error", ctx.Err())
	}
}

// abortAll closes every connection now.
func (s *System) abortAll() {
	s.mu.Lock()
	for c := range s.dials {
		c.abort(Reason{Code: Shutdown})
	}
	s.mu.Unlock()
	s.each(func(c *Conn) { c.abort(Reason{Code: Shutdown}) })
}

// awaitLingerers gives peers the time of ConnOptions.Linger to read what was written last.
func (s *System) awaitLingerers(ctx context.Context) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for s.lingerers.Load() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// endTimers stops the System's timers and waits for their finish hooks and for the tasks that were deferred before.
func (s *System) endTimers(ctx context.Context) {
	s.mu.Lock()
	s.over.Store(true)
	var timers []*Timer
	for t := range s.timers {
		timers = append(timers, t)
	}
	s.mu.Unlock()
	for _, t := range timers {
		t.Stop()
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		s.mu.Lock()
		left := len(s.timers)
		s.mu.Unlock()
		if left == 0 && s.tasks.Load() == 0 {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}
