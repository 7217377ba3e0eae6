//go:build linux && !troupe_poll

package reactor

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// epoll is the Linux Poller: one epoll descriptor, an eventfd in it for Wake.
//
// It waits with the epoll descriptor parked in the runtime's own poller, after a look at it: so no thread blocks in a
// system call, the scheduler has no processor to retake and no thread to wake, and while events keep coming the look
// is all there is. That is cheaper than a blocking epoll_wait at every load: see docs/benchmarks.md.
type epoll struct {
	fd      int
	wakeFD  int
	woken   atomic.Bool // a wake-up is under way: merge others into it
	events  []unix.EpollEvent
	room    int             // how many events the current Wait takes
	file    *os.File        // owns fd
	raw     syscall.RawConn // file's, for parking
	look    func(uintptr) bool
	found   int       // what look's last call found
	lookErr error     // and how it failed
	parkEnd time.Time // the deadline that is set, or none
}

// wakeToken marks the eventfd's events; no slot has it.
const wakeToken = ^uint64(0)

func newPoller() (Poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("reactor: epoll_create1: %w", err)
	}
	wakeFD, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("reactor: eventfd: %w", err)
	}
	p := &epoll{fd: fd, wakeFD: wakeFD}
	if err := p.Add(wakeFD, wakeToken, Readable); err != nil {
		unix.Close(fd)
		unix.Close(wakeFD)
		return nil, err
	}
	// os.NewFile hands only non-blocking descriptors to the runtime's poller; epoll itself does not care.
	if err := unix.SetNonblock(fd, true); err != nil {
		unix.Close(fd)
		unix.Close(wakeFD)
		return nil, fmt.Errorf("reactor: epoll descriptor: %w", err)
	}
	p.file = os.NewFile(uintptr(fd), "epoll")
	if p.raw, err = p.file.SyscallConn(); err != nil {
		p.file.Close()
		unix.Close(wakeFD)
		return nil, fmt.Errorf("reactor: epoll descriptor: %w", err)
	}
	p.look = func(uintptr) bool {
		p.found, p.lookErr = p.wait()
		return p.found > 0 || p.lookErr != nil
	}
	return p, nil
}

func epollMask(want Events) uint32 {
	var mask uint32
	if want&Readable != 0 {
		mask |= unix.EPOLLIN
	}
	if want&Writable != 0 {
		mask |= unix.EPOLLOUT
	}
	if want&Exclusive != 0 {
		mask |= unix.EPOLLEXCLUSIVE
	}
	return mask
}

func (p *epoll) control(op, fd int, token uint64, want Events) error {
	ev := unix.EpollEvent{Events: epollMask(want)}
	*(*uint64)(unsafe.Pointer(&ev.Fd)) = token // epoll_data is one 64-bit word; x/sys names its halves Fd and Pad
	// Raw: epoll_ctl does not block.
	_, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_CTL, uintptr(p.fd), uintptr(op), uintptr(fd),
		uintptr(unsafe.Pointer(&ev)), 0, 0)
	if errno != 0 {
		return fmt.Errorf("reactor: epoll_ctl: %w", errno)
	}
	return nil
}

func (p *epoll) Add(fd int, token uint64, want Events) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, token, want)
}

func (p *epoll) Modify(fd int, token uint64, want Events) error {
	return p.control(unix.EPOLL_CTL_MOD, fd, token, want)
}

func (p *epoll) Remove(fd int) error { return p.control(unix.EPOLL_CTL_DEL, fd, 0, 0) }

func (p *epoll) Forgets() bool { return true }

// wait is one epoll_wait (as epoll_pwait without a mask, which every port has) that only looks. Raw: it does not block.
func (p *epoll) wait() (int, error) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd),
		uintptr(unsafe.Pointer(&p.events[0])), uintptr(p.room), 0, 0, 0)
	switch errno {
	case 0:
		return int(n), nil
	case unix.EINTR:
		return 0, nil
	}
	return 0, fmt.Errorf("reactor: epoll_pwait: %w", errno)
}

// park waits in the runtime's poller until the epoll descriptor has something to report.
func (p *epoll) park(timeout time.Duration) (int, error) {
	if err := p.setDeadline(timeout); err != nil {
		return 0, fmt.Errorf("reactor: park: %w", err)
	}
	p.found, p.lookErr = 0, nil
	if err := p.raw.Read(p.look); err != nil && !errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, fmt.Errorf("reactor: park: %w", err)
	}
	return p.found, p.lookErr
}

// setDeadline sees to it that park ends when the timeout is over, or before. A deadline costs the runtime a timer, and
// most waits end long before it: one that is set and still to come is kept if it is no later than what is wanted.
func (p *epoll) setDeadline(timeout time.Duration) error {
	if timeout < 0 && p.parkEnd.IsZero() {
		return nil
	}
	now := time.Now()
	var end time.Time
	if timeout >= 0 {
		end = now.Add(timeout)
	}
	if p.parkEnd.After(now) && (end.IsZero() || !end.Before(p.parkEnd)) {
		return nil
	}
	p.parkEnd = end
	return p.file.SetReadDeadline(end)
}

func (p *epoll) Wait(ready []Ready, timeout time.Duration) (int, error) {
	if len(p.events) < len(ready) {
		p.events = make([]unix.EpollEvent, len(ready))
	}
	p.room = len(ready)
	var n int
	var err error
	if timeout == 0 {
		n, err = p.wait()
	} else {
		n, err = p.park(timeout)
	}
	return p.translate(ready, n), err
}

// translate turns the kernel's answers into ours and swallows wake-ups.
func (p *epoll) translate(ready []Ready, n int) int {
	out := 0
	for i := range p.events[:n] {
		ev := &p.events[i]
		token := *(*uint64)(unsafe.Pointer(&ev.Fd))
		if token == wakeToken {
			var count [8]byte
			readFD(p.wakeFD, count[:])
			p.woken.Store(false)
			continue
		}
		var events Events
		if ev.Events&unix.EPOLLIN != 0 {
			events |= Readable
		}
		if ev.Events&unix.EPOLLOUT != 0 {
			events |= Writable
		}
		if ev.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
			events |= Broken
		}
		ready[out] = Ready{Token: token, Events: events}
		out++
	}
	return out
}

func (p *epoll) Wake() error {
	if p.woken.Swap(true) {
		return nil
	}
	one := uint64(1) // in the machine's byte order, eventfd(2)
	if _, errno := writeFD(p.wakeFD, unsafe.Slice((*byte)(unsafe.Pointer(&one)), 8)); errno != 0 {
		p.woken.Store(false)
		return fmt.Errorf("reactor: eventfd: %w", errno)
	}
	return nil
}

func (p *epoll) Close() error {
	return errors.Join(p.file.Close(), unix.Close(p.wakeFD))
}

// readFD and writeFD are Read and Write for descriptors that are no sockets.
func readFD(fd int, p []byte) (n int, errno unix.Errno) {
	return retry(unix.SYS_READ, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p), 0)
}

func writeFD(fd int, p []byte) (n int, errno unix.Errno) {
	return retry(unix.SYS_WRITE, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p), 0)
}
