//go:build unix

package reactor

import (
	"fmt"
	"io/fs"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// SocketOptions tune sockets when they are made. The zero value is right for a server of small messages.
type SocketOptions struct {
	// ReusePort lets several TCP sockets listen on one port, so that each loop has its own; Linux spreads new
	// connections over them by a hash, other systems may not. All of them must ask for it, and belong to one
	// user. It is no option for unix sockets.
	ReusePort bool
	// Backlog is how many connections may wait to be accepted: 0 means 4096, 65535 is the most. The kernel
	// clamps it silently (net.core.somaxconn).
	Backlog int
	// Delay leaves Nagle's algorithm on. By default TCP_NODELAY is set: a loop gathers its small writes itself.
	Delay bool
	// KeepAlive is the TCP keep-alive idle time and the interval of the probes after it, rounded up to seconds:
	// 0 means 15 s, a negative value turns it off; otherwise from 1 s to 9 h (Linux ends at 32767 s). Systems
	// other than Linux keep their own times.
	KeepAlive time.Duration
	// UnixMode are the permission bits of a unix listener's file, set before anyone can connect; 0 leaves them
	// to the umask. An abstract address has no permissions, so asking for some there is an error.
	UnixMode fs.FileMode
	// ReceiveBuffer and SendBuffer are the kernel's buffers in bytes, up to 1 GiB; the kernel clamps them
	// silently (net.core.rmem_max, wmem_max). 0 leaves them alone, which is mostly better: on Linux any other
	// value ends their automatic growth.
	ReceiveBuffer, SendBuffer int
}

const (
	defaultBacklog   = 4096
	maxBacklog       = 1<<16 - 1
	defaultKeepAlive = 15 * time.Second
	minKeepAlive     = time.Second
	maxKeepAlive     = 9 * time.Hour
	maxSocketBuffer  = 1 << 30
)

// Validate returns ErrBadOption, with the reason, for the first field out of its range.
func (o SocketOptions) Validate() error {
	switch {
	case o.Backlog < 0 || o.Backlog > maxBacklog:
		return badOption("Backlog %d is not in 0..%d", o.Backlog, maxBacklog)
	case o.KeepAlive > 0 && o.KeepAlive < minKeepAlive || o.KeepAlive > maxKeepAlive:
		return badOption("KeepAlive %v is not in %v..%v", o.KeepAlive, minKeepAlive, maxKeepAlive)
	case o.UnixMode&^fs.ModePerm != 0:
		return badOption("UnixMode %v has more than permission bits", o.UnixMode)
	case o.ReceiveBuffer < 0 || o.ReceiveBuffer > maxSocketBuffer:
		return badOption("ReceiveBuffer %d is not in 0..%d", o.ReceiveBuffer, maxSocketBuffer)
	case o.SendBuffer < 0 || o.SendBuffer > maxSocketBuffer:
		return badOption("SendBuffer %d is not in 0..%d", o.SendBuffer, maxSocketBuffer)
	}
	return nil
}

// validateListen adds what depends on the address of a listener.
func (o SocketOptions) validateListen(e Endpoint) error {
	switch {
	case e.peer.family == familyUnix && o.ReusePort:
		return badOption("ReusePort on a unix socket")
	case e.isAbstract() && o.UnixMode != 0:
		return badOption("UnixMode on an abstract address")
	}
	return o.Validate()
}

func badOption(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrBadOption, fmt.Sprintf(format, args...))
}

// apply sets what listeners and outgoing connections have in common. Sockets that Linux accepts inherit all of
// it from their listener, so that accepting costs one system call.
func (o SocketOptions) apply(fd int, family uint8) error {
	set := optionSetter{fd: fd}
	if o.ReceiveBuffer > 0 { // before listen and connect: the window's scale is fixed by then, tcp(7)
		set.option(unix.SOL_SOCKET, unix.SO_RCVBUF, o.ReceiveBuffer)
	}
	if o.SendBuffer > 0 {
		set.option(unix.SOL_SOCKET, unix.SO_SNDBUF, o.SendBuffer)
	}
	if family == familyUnix {
		return set.err
	}
	if !o.Delay {
		set.option(unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	if period := o.keepAlivePeriod(); period > 0 {
		set.option(unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
		set.keepAlive(int((period + time.Second - 1) / time.Second))
	}
	return set.err
}

// keepAlivePeriod is negative when keep-alive is off.
func (o SocketOptions) keepAlivePeriod() time.Duration {
	if o.KeepAlive == 0 {
		return defaultKeepAlive
	}
	return o.KeepAlive
}

// An optionSetter sets options until the first error.
type optionSetter struct {
	fd  int
	err error
}

func (s *optionSetter) option(level, name, value int) {
	if s.err == nil {
		s.err = os.NewSyscallError("setsockopt", unix.SetsockoptInt(s.fd, level, name, value))
	}
}
