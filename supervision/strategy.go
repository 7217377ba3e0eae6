// Package supervision says what becomes of an actor whose callback failed.
//
// A failure is a panic in a callback, or a callback that ended its goroutine (runtime.Goexit). It never reaches the loop,
// the other connections, or the process. A [Strategy] decides what it means for the connection itself; its zero value
// closes the connection.
package supervision

import (
	"errors"
	"fmt"
	"time"
)

// A Directive is what to do about a failure.
type Directive uint8

const (
	// Stop closes the connection; its OnClose gets the reason panic. The default.
	Stop Directive = iota
	// Resume goes on with the same protocol object. What the failed callback was given is lost: the message, or the
	// bytes of that OnData.
	Resume
	// Restart goes on with a new protocol object on the same socket, after a back-off, within limits. The new object's
	// OnOpen runs. What the failed callback was given is lost; mail and unread bytes wait for the new object. The
	// connection's subscriptions and timers end just before it is made, with their OnUnsubscribed and finish hooks, since
	// its OnOpen begins its own; tags, the PID, unconsumed bytes and what is to be written stay.
	Restart
	// Escalate closes the connection like Stop and fails its listener as well: that stops accepting, closes its other
	// connections as at a shutdown, and reports the failure. For a dialled connection it means Stop.
	Escalate
)

func (d Directive) String() string {
	switch d {
	case Stop:
		return "stop"
	case Resume:
		return "resume"
	case Restart:
		return "restart"
	case Escalate:
		return "escalate"
	}
	return fmt.Sprintf("Directive(%d)", uint8(d))
}

// ErrGoexit is the failure of a callback that ended its goroutine by runtime.Goexit.
var ErrGoexit = errors.New("supervision: callback ended its goroutine (runtime.Goexit)")

// ErrBadStrategy: a Strategy's field is out of its range.
var ErrBadStrategy = errors.New("supervision: bad strategy")

// A Failure is a panic in a callback. It is an error: the one in the reason that OnClose gets.
type Failure struct {
	Callback  string    // the name of the callback, such as "OnData"
	Value     any       // what was given to panic, or ErrGoexit
	Stack     []byte    // of the goroutine at the panic, as runtime/debug.Stack prints it
	Restarts  int       // of the protocol object within the strategy's Window, before this failure
	Directive Directive // what was decided; set when the failure is reported, not when Decide is asked
}

// Error implements error.
func (f *Failure) Error() string { return fmt.Sprintf("panic in %s: %v", f.Callback, f.Value) }

// Unwrap gives the value of the panic, if it was an error.
func (f *Failure) Unwrap() error {
	err, _ := f.Value.(error)
	return err
}

// Defaults and bounds of a Strategy.
const (
	DefaultMaxRestarts = 10
	DefaultWindow      = 10 * time.Second
	DefaultBackOff     = 10 * time.Millisecond
	DefaultMaxBackOff  = 5 * time.Second
	maxDuration        = 24 * time.Hour
)

// A Strategy decides about failures. The zero value stops at each. It may be shared by any number of connections.
type Strategy struct {
	// Decide is asked at each failure, in the connection's turn. Nil means Always(Stop). It must not block. If it panics
	// itself, the connection is stopped.
	Decide func(*Failure) Directive
	// MaxRestarts is how many restarts are allowed within Window; one more becomes Stop. Zero means
	// DefaultMaxRestarts.
	MaxRestarts int
	// Window is how long a restart counts. Zero means DefaultWindow.
	Window time.Duration
	// BackOff is the pause before the first restart within a Window; it doubles with each, up to MaxBackOff. While it
	// lasts the connection is open, but nothing is read and no callback runs; a close or a shutdown then ends it without
	// a restart. Zero means DefaultBackOff, or DefaultMaxBackOff.
	BackOff, MaxBackOff time.Duration
}

// Always decides the same for every failure.
func Always(d Directive) func(*Failure) Directive { return func(*Failure) Directive { return d } }

// Validate fills in the defaults and checks the bounds. The error wraps ErrBadStrategy.
func (s Strategy) Validate() (Strategy, error) {
	if s.Decide == nil {
		s.Decide = Always(Stop)
	}
	if s.MaxRestarts == 0 {
		s.MaxRestarts = DefaultMaxRestarts
	}
	if s.MaxRestarts < 0 {
		return s, fmt.Errorf("%w: MaxRestarts %d is negative", ErrBadStrategy, s.MaxRestarts)
	}
	for _, d := range []struct {
		name  string
		field *time.Duration
		value time.Duration
	}{
		{"Window", &s.Window, DefaultWindow},
		{"BackOff", &s.BackOff, DefaultBackOff},
		{"MaxBackOff", &s.MaxBackOff, max(DefaultMaxBackOff, s.BackOff)},
	} {
		if *d.field == 0 {
			*d.field = d.value
		}
		if *d.field < 0 || *d.field > maxDuration {
			return s, fmt.Errorf("%w: %s %v", ErrBadStrategy, d.name, *d.field)
		}
	}
	if s.MaxBackOff < s.BackOff {
		return s, fmt.Errorf("%w: MaxBackOff %v is less than BackOff %v", ErrBadStrategy, s.MaxBackOff, s.BackOff)
	}
	return s, nil
}

// A History is what a Strategy remembers of one connection. The zero value remembers nothing.
type History struct {
	since    time.Duration // when the window began
	restarts int
}

// Judge decides about f, at a time of a monotonic clock. For Restart it says how long to wait. The Strategy must have
// been validated. It sets f's Restarts and Directive.
func (s *Strategy) Judge(h *History, f *Failure, now time.Duration) (d Directive, wait time.Duration) {
	if now-h.since > s.Window {
		*h = History{since: now}
	}
	f.Restarts = h.restarts
	f.Directive = Stop
	defer func() {
		if recover() != nil { // in Decide
			d, wait = Stop, 0
			f.Directive = Stop
		}
	}()
	d = s.Decide(f)
	if d > Escalate || d == Restart && h.restarts >= s.MaxRestarts {
		d = Stop
	}
	if d == Restart {
		wait = s.BackOff
		for range h.restarts {
			if wait = min(2*wait, s.MaxBackOff); wait == s.MaxBackOff {
				break
			}
		}
		h.restarts++
	}
	f.Directive = d
	return d, wait
}
