package main

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"

	"github.com/troupe-go/troupe/bench/internal/rawcall"
)

// bareLoop is the limit that the other kinds are measured against: one
// level-triggered epoll loop, one read into one shared buffer for each event,
// and the write straight back. It has no goroutine and no state for each
// connection beyond a slice header in a table indexed by descriptor.
type bareLoop struct {
	poll     int
	listener int
	// unsent holds, by descriptor, what a short write left over; while there
	// is any, its connection waits for EPOLLOUT alone.
	unsent [][]byte
	buffer [64 << 10]byte
	events [1024]unix.EpollEvent
}

func serveBare(addr string, _ int) error {
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
	loop := &bareLoop{poll: poll, listener: listener, unsent: make([][]byte, limit.Cur)}
	if err := controlBare(poll, unix.EPOLL_CTL_ADD, listener, unix.EPOLLIN); err != nil {
		return err
	}
	announce(bound)
	return loop.run()
}

// listenBare opens a listening socket whose TCP_NODELAY the accepted sockets
// inherit.
func listenBare(addr string) (int, net.Addr, error) {
	tcp, err := net.ResolveTCPAddr("tcp4", addr)
	if err != nil {
		return 0, nil, err
	}
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, nil, os.NewSyscallError("socket", err)
	}
	name := &unix.SockaddrInet4{Port: tcp.Port}
	copy(name.Addr[:], tcp.IP.To4())
	err = errors.Join(
		unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1),
		unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.Bind(fd, name),
		unix.Listen(fd, 4096),
	)
	if err != nil {
		unix.Close(fd)
		return 0, nil, fmt.Errorf("listen on %s: %w", addr, err)
	}
	bound, err := unix.Getsockname(fd)
	if err != nil {
		unix.Close(fd)
		return 0, nil, os.NewSyscallError("getsockname", err)
	}
	tcp.Port = bound.(*unix.SockaddrInet4).Port
	return fd, tcp, nil
}

func (l *bareLoop) run() error {
	for {
		n, err := unix.EpollWait(l.poll, l.events[:], -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return os.NewSyscallError("epoll_wait", err)
		}
		for i := range l.events[:n] {
			fd := int(l.events[i].Fd)
			switch {
			case fd == l.listener:
				if err := acceptBare(l.poll, l.listener); err != nil {
					return err
				}
			case l.unsent[fd] != nil:
				l.flush(fd)
			default:
				l.echo(fd)
			}
		}
	}
}

// acceptBare takes all waiting connections into the epoll set.
func acceptBare(poll, listener int) error {
	for {
		fd, errno := rawcall.Accept(listener)
		switch errno {
		case 0:
		case unix.EAGAIN:
			return nil
		case unix.EINTR, unix.ECONNABORTED:
			continue
		default:
			return os.NewSyscallError("accept4", errno)
		}
		if err := controlBare(poll, unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN); err != nil {
			return err
		}
	}
}

func (l *bareLoop) echo(fd int) {
	n, errno := rawcall.Read(fd, l.buffer[:])
	if rawcall.Retry(errno) {
		return
	}
	if errno != 0 || n == 0 {
		l.close(fd)
		return
	}
	sent, errno := rawcall.Write(fd, l.buffer[:n])
	if sent == n {
		return
	}
	if errno != 0 && !rawcall.Retry(errno) {
		l.close(fd)
		return
	}
	l.unsent[fd] = append([]byte(nil), l.buffer[sent:n]...)
	if controlBare(l.poll, unix.EPOLL_CTL_MOD, fd, unix.EPOLLOUT) != nil {
		l.close(fd)
	}
}

func (l *bareLoop) flush(fd int) {
	sent, errno := rawcall.Write(fd, l.unsent[fd])
	if rawcall.Retry(errno) {
		return
	}
	if errno != 0 {
		l.close(fd)
		return
	}
	if sent < len(l.unsent[fd]) {
		l.unsent[fd] = l.unsent[fd][sent:]
		return
	}
	l.unsent[fd] = nil
	if controlBare(l.poll, unix.EPOLL_CTL_MOD, fd, unix.EPOLLIN) != nil {
		l.close(fd)
	}
}

func (l *bareLoop) close(fd int) {
	l.unsent[fd] = nil
	rawcall.Close(fd) // leaves the epoll set with its last descriptor, epoll(7)
}

func controlBare(poll, op, fd int, events uint32) error {
	event := unix.EpollEvent{Events: events, Fd: int32(fd)}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(poll, op, fd, &event))
}
