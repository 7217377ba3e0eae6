package load

import (
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/troupe-go/troupe/bench/internal/rawcall"
)

// sources is the number of addresses 127.0.0.1, 127.0.0.2 ... to connect from:
// each has its own 28,000 ephemeral ports, some of them in TIME_WAIT.
const sources = 64

// conn is one connection, or the slot of one in Churn.
type conn struct {
	fd      int
	index   int32
	dialing bool
	batches int // sent so far; the phase of the next one
	// unsent and due are what is left to send and to come back of the current
	// batch; due is empty when the connection is idle.
	unsent, due []byte
	// began is where the latency of the current operation counts from.
	began time.Duration
}

func (c *conn) idle() bool { return len(c.due) == 0 && !c.dialing }

// dial starts to connect slot c. Events are edge-triggered, so that one
// registration does for connecting, reading and the rest of a short write.
func (l *loop) dial(c *conn) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	c.fd, c.dialing, c.began = fd, true, l.now
	l.dialing++
	if err := l.bindSource(fd); err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return os.NewSyscallError("setsockopt TCP_NODELAY", err)
	}
	if err := unix.Connect(fd, l.server); err != nil && err != unix.EINPROGRESS {
		return os.NewSyscallError("connect", err)
	}
	edge := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLOUT | unix.EPOLLET, Fd: c.index}
	return os.NewSyscallError("epoll_ctl", unix.EpollCtl(l.poll, unix.EPOLL_CTL_ADD, fd, &edge))
}

// bindSource takes the next source address if the server is on loopback; the
// port is left to connect, which knows the destination and so can reuse ports
// (IP_BIND_ADDRESS_NO_PORT, ip(7)).
func (l *loop) bindSource(fd int) error {
	if l.server.Addr[0] != 127 {
		return nil
	}
	l.dialled++
	source := &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, byte(1 + l.dialled%sources)}}
	return errors.Join(
		os.NewSyscallError("setsockopt IP_BIND_ADDRESS_NO_PORT", unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BIND_ADDRESS_NO_PORT, 1)),
		os.NewSyscallError("bind", unix.Bind(fd, source)),
	)
}

func (l *loop) finishDial(c *conn) error {
	code, err := unix.GetsockoptInt(c.fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return os.NewSyscallError("getsockopt SO_ERROR", err)
	}
	if code != 0 {
		return os.NewSyscallError("connect", unix.Errno(code))
	}
	c.dialing = false
	l.dialing--
	return l.driver.connected(c)
}

// close ends the connection cleanly by FIN, so that TIME_WAIT stays on this
// side.
func (l *loop) close(c *conn) {
	rawcall.Close(c.fd)
	if c.dialing {
		l.dialing--
	}
	if len(c.due) > 0 {
		l.outstanding--
	}
	c.fd, c.dialing, c.unsent, c.due = -1, false, nil, nil
}

// request sends the next batch of an idle connection.
func (l *loop) request(c *conn) error {
	batch := l.pattern.batch(c.batches)
	c.batches++
	return l.send(c, batch)
}

// send sends message on an idle connection and expects it back.
func (l *loop) send(c *conn, message []byte) error {
	c.unsent, c.due = message, message
	l.outstanding++
	return l.flush(c)
}

func (l *loop) flush(c *conn) error {
	for len(c.unsent) > 0 {
		n, errno := rawcall.Write(c.fd, c.unsent)
		if errno == unix.EAGAIN {
			return nil
		}
		if errno != 0 && errno != unix.EINTR {
			return os.NewSyscallError("write", errno)
		}
		c.unsent = c.unsent[n:]
	}
	return nil
}

// receive reads until nothing is left, as edge-triggered events require, or
// until the reply is complete.
func (l *loop) receive(c *conn) error {
	for {
		n, errno := rawcall.Read(c.fd, l.buffer)
		if errno == unix.EAGAIN {
			return nil
		}
		if errno != 0 && errno != unix.EINTR {
			return os.NewSyscallError("read", errno)
		}
		if errno == 0 && n == 0 {
			return fmt.Errorf("load: server closed connection %d with %d bytes due", c.index, len(c.due))
		}
		if n == 0 {
			continue
		}
		if err := check(l.buffer[:n], c.due, l.config.Verify); err != nil {
			return err
		}
		c.due = c.due[n:]
		if len(c.due) == 0 {
			l.outstanding--
			l.now = l.clock()
			return l.driver.replied(c)
		}
		if n < len(l.buffer) {
			return nil
		}
	}
}
