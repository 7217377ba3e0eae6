package actors

import (
	"context"
	"log/slog"
	"runtime/debug"
	"slices"
	"time"
)

// hooks are functions of the program's at moments in the System's life (feature R5).
type hooks struct {
	onStop []func()
	onIdle []func()
}

// OnStop has f called at Shutdown, when no connection is left; functions added later are called earlier. A function
// that panics is logged. After Shutdown has begun ErrShutdown is answered.
func (s *System) OnStop(f func()) error {
	if f == nil {
		return badOption("OnStop with a function", "nil")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping.Load() {
		return ErrShutdown
	}
	s.hooks.onStop = append(s.hooks.onStop, f)
	return nil
}

func (h *hooks) stop(s *System) {
	s.mu.Lock()
	fs := slices.Clone(h.onStop)
	s.mu.Unlock()
	for _, f := range slices.Backward(fs) {
		s.protect("OnStop", f)
	}
}

// protect calls f and logs its panic.
func (s *System) protect(name string, f func()) {
	defer func() {
		if v := recover(); v != nil {
			s.counters.failures.Add(1)
			s.log.Error("troupe: callback failed", "callback", name, "panic", v, "stack", string(debug.Stack()))
		}
	}()
	f()
}

// idleAfter is how long nothing must have happened for the System to be idle.
const idleAfter = time.Second

// OnIdle has f called once in each idle spell: when no connection, task or timer has had a turn for about a second.
// Functions are called in the order in which they were added, as a task (see Defer).
func (s *System) OnIdle(f func()) error {
	if f == nil {
		return badOption("OnIdle with a function", "nil")
	}
	s.mu.Lock()
	first := len(s.hooks.onIdle) == 0
	s.hooks.onIdle = append(s.hooks.onIdle, f)
	s.mu.Unlock()
	if !first {
		return nil
	}
	var seen uint64
	own := uint64(1) // turns of the looks themselves, since the last one
	told := false
	_, err := s.Every(idleAfter, 0, func() {
		turns := s.group.Stats().Turns
		busy := turns-seen > own
		seen, own = turns, 1
		if busy {
			told = false
			return
		}
		if told {
			return
		}
		told = true
		own++
		s.mu.Lock()
		fs := slices.Clone(s.hooks.onIdle)
		s.mu.Unlock()
		s.Defer(func() {
			for _, f := range fs {
				s.protect("OnIdle", f)
			}
		})
	}, nil)
	return err
}

// atLeastWarn is a slog.Handler that leaves out what is below Warn.
type atLeastWarn struct{ slog.Handler }

// Enabled implements slog.Handler.
func (h atLeastWarn) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= slog.LevelWarn && h.Handler.Enabled(ctx, level)
}

// WithAttrs implements slog.Handler.
func (h atLeastWarn) WithAttrs(attrs []slog.Attr) slog.Handler {
	return atLeastWarn{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (h atLeastWarn) WithGroup(name string) slog.Handler {
	return atLeastWarn{h.Handler.WithGroup(name)}
}

// guarded is release, whose panic is logged: it may run anywhere, in a loop too.
func (s *System) guarded(release func()) func() {
	if release == nil {
		return nil
	}
	return func() { s.protect("release", release) }
}
