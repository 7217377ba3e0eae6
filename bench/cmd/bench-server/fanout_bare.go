package main

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"

	"github.com/troupe-go/troupe/bench/internal/rawcall"
)

// bareFanout is the limit of fan-out that the other kinds are measured against:
// one level-triggered epoll loop that writes what one read of a publisher
// brought, up to its last whole message, straight to each subscriber by one
// system call. Only the bytes that a short write left over are kept.
type bareFanout struct {
	poll        int
	listener    int
	members     []bareMember // by descriptor
	subscribers []int32      // descriptors
	buffer      [64 << 10]byte
	events      [1024]unix.EpollEvent
}

// bareMember is one connection.
type bareMember struct {
	role   byte
	index  int32  // where it is in subscribers
	unsent []byte // while there is any, EPOLLOUT is awaited too
	tail   []byte // of a publisher: the beginning of its next message
}

func serveBareFanout(addr string, _ int) error {
	limit := unix.Rlimit{}
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("file limit: %w", err)
	}
	listener, bound, err := listenBare(addr)
	if err != nil {
		return err
	}
	defer unix.Close(listener)
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return os.NewSyscallError("epoll_create1", err)
	}
	defer unix.Close(poll)
	loop := &bareFanout{poll: poll, listener: listener, members: make([]bareMember, limit.Cur)}
	if err := controlBare(poll, unix.EPOLL_CTL_ADD, listener, unix.EPOLLIN); err != nil {
		return err
	}
	announce(bound)
	return loop.run()
}

func (l *bareFanout) run() error {
	for {
		n, err := unix.EpollWait(l.poll, l.events[:], -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("epoll_wait", err)
		}
		for i := range l.events[:n] {
			fd, events := int(l.events[i].Fd), l.events[i].Events
			switch {
			case fd == l.listener:
				if err := acceptBare(l.poll, l.listener); err != nil {
					return err
				}
			case events == unix.EPOLLOUT:
				l.flush(fd)
			case l.members[fd].role == publish:
				l.publish(fd)
			default:
				l.command(fd)
			}
		}
	}
}

// command reads a single byte: what follows a publisher's is no command.
func (l *bareFanout) command(fd int) {
	n, errno := rawcall.Read(fd, l.buffer[:1])
	if rawcall.Retry(errno) {
		return
	}
	if errno != 0 || n == 0 {
		l.close(fd)
		return
	}
	m := &l.members[fd]
	switch command := l.buffer[0]; command {
	case subscribe:
		if m.role == 0 {
			m.role, m.index = subscribe, int32(len(l.subscribers))
			l.subscribers = append(l.subscribers, int32(fd))
		}
		l.deliver(fd, []byte{subscribe})
	case unsubscribe:
		l.unsubscribe(fd)
	case publish:
		l.unsubscribe(fd)
		m.role = publish
		l.deliver(fd, []byte{publish})
	default:
		l.close(fd)
	}
}

func (l *bareFanout) unsubscribe(fd int) {
	m := &l.members[fd]
	if m.role != subscribe {
		return
	}
	last := len(l.subscribers) - 1
	moved := l.subscribers[last]
	l.subscribers[m.index], l.members[moved].index = moved, m.index
	l.subscribers = l.subscribers[:last]
	m.role = 0
}

func (l *bareFanout) publish(fd int) {
	m := &l.members[fd]
	kept := copy(l.buffer[:], m.tail)
	n, errno := rawcall.Read(fd, l.buffer[kept:])
	if rawcall.Retry(errno) {
		return
	}
	if errno != 0 || n == 0 {
		l.close(fd)
		return
	}
	whole := (kept + n) / *fanoutSize * *fanoutSize
	m.tail = append(m.tail[:0], l.buffer[whole:kept+n]...)
	if whole == 0 {
		return
	}
	for i := 0; i < len(l.subscribers); {
		if l.deliver(int(l.subscribers[i]), l.buffer[:whole]) {
			i++
		} // or another has its place now
	}
}

// deliver sends p, or keeps what the socket does not take; what is over the
// budget is dropped. It reports whether the connection is still there.
func (l *bareFanout) deliver(fd int, p []byte) bool {
	m := &l.members[fd]
	if len(m.unsent) > 0 {
		if len(m.unsent)+len(p) <= *budget {
			m.unsent = append(m.unsent, p...)
		}
		return true
	}
	sent, errno := rawcall.Send(fd, p)
	if sent == len(p) {
		return true
	}
	if errno != 0 && !rawcall.Retry(errno) {
		l.close(fd)
		return false
	}
	m.unsent = append([]byte(nil), p[sent:]...)
	return l.await(fd, unix.EPOLLIN|unix.EPOLLOUT)
}

func (l *bareFanout) flush(fd int) {
	m := &l.members[fd]
	sent, errno := rawcall.Send(fd, m.unsent)
	if rawcall.Retry(errno) {
		return
	}
	if errno != 0 {
		l.close(fd)
		return
	}
	m.unsent = m.unsent[sent:]
	if len(m.unsent) == 0 {
		m.unsent = nil
		l.await(fd, unix.EPOLLIN)
	}
}

// await reports whether the connection is still there.
func (l *bareFanout) await(fd int, events uint32) bool {
	if controlBare(l.poll, unix.EPOLL_CTL_MOD, fd, events) != nil {
		l.close(fd)
		return false
	}
	return true
}

func (l *bareFanout) close(fd int) {
	l.unsubscribe(fd)
	l.members[fd] = bareMember{}
	rawcall.Close(fd)
}
