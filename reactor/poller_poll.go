//go:build unix && (!linux || troupe_poll)

package reactor

import (
	"math"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pollPoller waits with poll(2): portable, and a reference to test the others against. Each Wait hands the kernel
// all descriptors, so it costs O(n) where epoll costs O(ready).
type pollPoller struct {
	polled []unix.PollFd // the first is the wake pipe's reading end
	tokens []uint64      // of the descriptors in polled
	places []int32       // by descriptor: its index in polled, or 0; 4 bytes up to the highest descriptor
	first  int           // where the next Wait begins to collect, so that a short answer starves nobody
	waker  int           // the wake pipe's writing end
	woken  atomic.Bool   // whether the pipe holds its one byte
}

// newPoller returns the poller of this system.
func newPoller() (Poller, error) {
	var pipe [2]int
	if err := openPipe(&pipe); err != nil {
		return nil, err
	}
	p := &pollPoller{waker: pipe[1]}
	p.watch(pipe[0], 0, unix.POLLIN)
	return p, nil
}

// Add watches fd. Errors: EBADF for a negative fd, EEXIST.
func (p *pollPoller) Add(fd int, token uint64, want Events) error {
	switch {
	case fd < 0:
		return unix.EBADF
	case p.place(fd) != 0 || fd == int(p.polled[0].Fd):
		return unix.EEXIST
	}
	p.watch(fd, token, pollMask(want))
	return nil
}

func (p *pollPoller) watch(fd int, token uint64, events int16) {
	if missing := fd + 1 - len(p.places); missing > 0 {
		p.places = append(p.places, make([]int32, missing)...)
	}
	p.places[fd] = int32(len(p.polled))
	p.polled = append(p.polled, unix.PollFd{Fd: int32(fd), Events: events})
	p.tokens = append(p.tokens, token)
}

// Modify changes what is watched for. It returns ENOENT for a descriptor that was not added.
func (p *pollPoller) Modify(fd int, token uint64, want Events) error {
	i := p.place(fd)
	if i == 0 {
		return unix.ENOENT
	}
	p.polled[i].Events, p.tokens[i] = pollMask(want), token
	return nil
}

// Remove moves the last descriptor into the gap. It returns ENOENT for a descriptor that was not added.
func (p *pollPoller) Remove(fd int) error {
	i := p.place(fd)
	if i == 0 {
		return unix.ENOENT
	}
	last := len(p.polled) - 1
	p.polled[i], p.tokens[i] = p.polled[last], p.tokens[last]
	p.places[p.polled[i].Fd] = int32(i)
	p.places[fd] = 0 // after the line above: fd may be the last itself
	p.polled, p.tokens = p.polled[:last], p.tokens[:last]
	return nil
}

// place returns the index of fd in polled, 0 when it is not watched.
func (p *pollPoller) place(fd int) int {
	if fd < 0 || fd >= len(p.places) {
		return 0
	}
	return int(p.places[fd])
}

// Forgets is false: a closed descriptor would be reported Broken for ever, or as whatever gets its number next.
func (p *pollPoller) Forgets() bool { return false }

// Wait blocks a thread in poll(2).
func (p *pollPoller) Wait(ready []Ready, timeout time.Duration) (int, error) {
	if len(ready) == 0 {
		return 0, unix.EINVAL
	}
	n, err := unix.Poll(p.polled, pollTimeout(timeout))
	if err == unix.EINTR || n == 0 && err == nil {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if p.polled[0].Revents != 0 {
		p.drainWake()
		n--
	}
	return p.collect(ready, n), nil
}

// collect takes up to n answers, going round from where the last call stopped.
func (p *pollPoller) collect(ready []Ready, n int) int {
	n = min(n, len(ready))
	filled, others := 0, len(p.polled)-1
	for range others {
		if filled == n {
			break
		}
		i := p.first%others + 1
		p.first = i
		if q := p.polled[i]; q.Revents != 0 {
			ready[filled] = Ready{Token: p.tokens[i], Events: pollEvents(q)}
			filled++
		}
	}
	return filled
}

// Wake writes the one byte unless it is there already. The swaps here and in drainWake order what the caller did
// before Wake ahead of what the loop does after Wait, also for a Wake that was merged.
func (p *pollPoller) Wake() error {
	if p.woken.Swap(true) {
		return nil
	}
	for {
		if _, err := unix.Write(p.waker, []byte{1}); err != unix.EINTR {
			return err
		}
	}
}

// drainWake empties the pipe before it lowers the flag: the other way round it could eat the byte of a later Wake,
// whose raised flag would then silence all Wakes for ever.
func (p *pollPoller) drainWake() {
	var bytes [8]byte
	for {
		if _, err := unix.Read(int(p.polled[0].Fd), bytes[:]); err != unix.EINTR {
			break
		}
	}
	p.woken.Swap(false)
}

// Close closes the wake pipe.
func (p *pollPoller) Close() error {
	err := CloseFD(int(p.polled[0].Fd))
	if e := CloseFD(p.waker); err == nil {
		err = e
	}
	return err
}

// openPipe makes both ends non-blocking and closed on exec, and lets no fork come between.
func openPipe(pipe *[2]int) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	if err := unix.Pipe(pipe[:]); err != nil {
		return err
	}
	for _, fd := range pipe {
		unix.CloseOnExec(fd)
		if err := unix.SetNonblock(fd, true); err != nil {
			CloseFD(pipe[0])
			CloseFD(pipe[1])
			return err
		}
	}
	return nil
}

// pollTimeout rounds up to milliseconds, or a timer due in less than one would make the loop spin.
func pollTimeout(d time.Duration) int {
	if d < 0 {
		return -1
	}
	ms := d / time.Millisecond
	if d%time.Millisecond != 0 {
		ms++
	}
	return int(min(ms, math.MaxInt32))
}

func pollMask(want Events) int16 {
	var mask int16
	if want&Readable != 0 {
		mask |= unix.POLLIN
	}
	if want&Writable != 0 {
		mask |= unix.POLLOUT
	}
	return mask
}

// pollEvents translates an answer. Whoever waits to read is told of a hang-up as the end of the stream, too: what
// came before it is still to be read.
func pollEvents(q unix.PollFd) Events {
	var events Events
	if q.Revents&unix.POLLIN != 0 {
		events |= Readable
	}
	if q.Revents&unix.POLLOUT != 0 {
		events |= Writable
	}
	if q.Revents&(unix.POLLHUP|unix.POLLERR|unix.POLLNVAL) != 0 {
		events |= Broken
	}
	if q.Revents&unix.POLLHUP != 0 && q.Events&unix.POLLIN != 0 {
		events |= Readable
	}
	return events
}
