package load

import (
	"context"
	"fmt"
	"math"
	"os"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// maxDialing is how many connections are being made at a time, well below
	// any server's backlog.
	maxDialing = 256
	// rampLimit bounds the time in which all connections must be made.
	rampLimit = 30 * time.Second
	// drainLimit bounds the time in which the last replies must come.
	drainLimit = 5 * time.Second
	// patience is the longest sleep, after which ctx is looked at again.
	patience = 50 * time.Millisecond
	// usualEvents is how many events one epoll_wait brings at most.
	usualEvents = 512
	// never is a time beyond every run.
	never = time.Duration(math.MaxInt64)
)

type event = unix.EpollEvent

// driver decides what connections do; the loop calls it on its goroutine.
type driver interface {
	// connected is called when c has been connected.
	connected(c *conn) error
	// replied is called when the whole of c's batch came back, at loop.now.
	replied(c *conn) error
	// due starts the requests whose time has come and returns the time of the
	// next one.
	due() (time.Duration, error)
}

// loop is the load generator: all connections, on one thread, in one epoll set.
// Times are durations since the loop began.
type loop struct {
	ctx      context.Context
	config   Config
	server   *unix.SockaddrInet4
	driver   driver
	pattern  pattern
	recorder recorder

	poll    int
	events  []event
	buffer  []byte
	conns   []conn
	started time.Time
	now     time.Duration

	dialled     int // connections begun, which choose the source address
	dialing     int // connections not yet connected
	outstanding int // connections that wait for the rest of a reply
}

// newLoop prepares slots for conns connections. It ties the caller to its
// thread until shut.
func newLoop(ctx context.Context, config Config, conns int) (*loop, error) {
	server, err := config.normalize()
	if err != nil {
		return nil, err
	}
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	l := &loop{
		ctx: ctx, config: config, server: server,
		pattern: newPattern(config.Size * config.Depth), recorder: newRecorder(),
		poll: poll, events: make([]event, usualEvents), buffer: make([]byte, 256<<10), conns: make([]conn, conns), started: time.Now(),
	}
	for i := range l.conns {
		l.conns[i] = conn{fd: -1, index: int32(i), batches: i}
	}
	runtime.LockOSThread()
	exactTimers()
	return l, nil
}

// shut closes everything that is open.
func (l *loop) shut() {
	l.closeAll()
	unix.Close(l.poll)
	usualTimers()
	runtime.UnlockOSThread()
}

func (l *loop) closeAll() {
	for i := range l.conns {
		if l.conns[i].fd >= 0 {
			l.close(&l.conns[i])
		}
	}
}

func (l *loop) clock() time.Duration { return time.Since(l.started) }

// run serves events until the time until, or until done, if not nil, is true.
func (l *loop) run(until time.Duration, done func() bool) error {
	for done == nil || !done() {
		l.now = l.clock()
		if l.now >= until {
			return nil
		}
		next, err := l.driver.due()
		if err != nil {
			return err
		}
		if err := l.serve(min(until, next) - l.now); err != nil {
			return err
		}
	}
	return nil
}

// serve waits for events, for at most timeout, and handles them.
func (l *loop) serve(timeout time.Duration) error {
	if err := l.ctx.Err(); err != nil {
		return err
	}
	timeout = min(timeout, patience)
	if l.config.Spin {
		timeout = 0
	}
	n, err := wait(l.poll, l.events, timeout)
	if err != nil {
		return err
	}
	for i := range l.events[:n] {
		if err := l.handle(&l.events[i]); err != nil {
			return err
		}
	}
	return nil
}

func (l *loop) handle(event *unix.EpollEvent) error {
	c := &l.conns[event.Fd]
	if c.dialing {
		l.now = l.clock()
		return l.finishDial(c)
	}
	if len(c.unsent) > 0 {
		if err := l.flush(c); err != nil {
			return err
		}
	}
	if event.Events&^unix.EPOLLOUT == 0 {
		return nil
	}
	return l.receive(c)
}

// ramp connects the slots of conns, some at a time.
func (l *loop) ramp(conns []conn) error {
	deadline := l.clock() + rampLimit
	for begun := 0; ; {
		l.now = l.clock()
		for begun < len(conns) && l.dialing < maxDialing {
			if err := l.dial(&conns[begun]); err != nil {
				return err
			}
			begun++
		}
		if begun == len(conns) && l.dialing == 0 {
			return nil
		}
		if l.now > deadline {
			return fmt.Errorf("load: %d of %d connections in %v", begun-l.dialing, len(conns), rampLimit)
		}
		if err := l.serve(deadline - l.now); err != nil {
			return err
		}
	}
}

// drain waits for the replies that are due, and for the connections that are
// being made for one.
func (l *loop) drain() error {
	done := func() bool { return l.outstanding == 0 && l.dialing == 0 }
	err := l.run(l.clock()+drainLimit, done)
	if err == nil && !done() {
		return fmt.Errorf("load: %d replies missing %v after the end", l.outstanding+l.dialing, drainLimit)
	}
	return err
}
