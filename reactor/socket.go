//go:build unix

package reactor

import (
	"net"

	"golang.org/x/sys/unix"
)

// Descriptors are plain integers here: whoever holds one owns it, and closes it once with CloseFD. Every socket
// made in this package is non-blocking and closed on exec. The functions keep no state, and may be called from
// any goroutine; that a descriptor is not closed under somebody's feet is for its owner to see to.

// Connect starts a connection to e. With done it is established; otherwise it is in progress: watch fd for
// Writable, then ask ConnectResult. The caller owns fd when err is nil, and must end attempts that take too
// long itself, by CloseFD. Of the options only Delay, KeepAlive and the buffers count. Errors, in a
// *SocketError: ErrBadOption, ErrBadAddress for the zero Endpoint, ErrBacklogFull (connect again later), or the
// errno, such as ECONNREFUSED.
func Connect(e Endpoint, o SocketOptions) (fd int, done bool, err error) {
	if fd, done, err = connect(e, o); err != nil {
		return -1, false, socketError("connect", e.Network(), e.String(), err)
	}
	return fd, done, nil
}

func connect(e Endpoint, o SocketOptions) (fd int, done bool, err error) {
	if err := o.Validate(); err != nil {
		return -1, false, err
	}
	domain, sa := e.sockaddr()
	if sa == nil {
		return -1, false, ErrBadAddress
	}
	if fd, err = newSocket(domain); err != nil {
		return -1, false, err
	}
	if err = o.apply(fd, e.peer.family); err == nil {
		err = unix.Connect(fd, sa)
	}
	if err == nil {
		err = ConnectResult(fd)
	}
	switch {
	case err == nil:
		return fd, true, nil
	case err == unix.EINPROGRESS || err == unix.EINTR: // POSIX: after EINTR it goes on by itself
		return fd, false, nil
	case err == unix.EAGAIN && domain == unix.AF_UNIX:
		err = ErrBacklogFull
	}
	CloseFD(fd)
	return -1, false, err
}

// ConnectResult tells how a connect ended, once fd is Writable or Broken: nil when it is established,
// ErrSelfConnect, or the bare errno; the caller still owns fd and closes it then. EINPROGRESS says that it has
// not ended and the wake-up was spurious. On a connection that was established before, ask PendingError.
func ConnectResult(fd int) error {
	if err := PendingError(fd); err != nil {
		return err
	}
	remote, err := unix.Getpeername(fd)
	if err == unix.ENOTCONN { // not yet, or reset since the question above
		if err := PendingError(fd); err != nil {
			return err
		}
		return unix.EINPROGRESS
	}
	if err != nil {
		return err
	}
	peer := endpointFrom(remote)
	if local, err := unix.Getsockname(fd); err == nil && peer.peer.port != 0 && endpointFrom(local) == peer {
		return ErrSelfConnect
	}
	return nil
}

// PendingError returns why a socket is Broken, a bare errno such as ECONNRESET, or nil if it only was closed. The
// kernel tells it once (SO_ERROR).
func PendingError(fd int) error {
	errno, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
	if err != nil {
		return err
	}
	if errno != 0 {
		return unix.Errno(errno)
	}
	return nil
}

// LocalAddr returns the address of the socket's own end, a *net.TCPAddr or *net.UnixAddr, or nil when fd is no
// such socket.
func LocalAddr(fd int) net.Addr {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return nil
	}
	return endpointFrom(sa).Addr()
}

// RemoteAddr returns the address of the other end, a *net.TCPAddr or *net.UnixAddr, or nil when fd is not
// connected (any more).
func RemoteAddr(fd int) net.Addr {
	sa, err := unix.Getpeername(fd)
	if err != nil {
		return nil
	}
	return endpointFrom(sa).Addr()
}

// ShutdownWrite ends the stream towards the peer, who reads its end after all that was written before; reading
// goes on. Errors are bare errnos: ENOTCONN when the connection has gone already.
func ShutdownWrite(fd int) error { return unix.Shutdown(fd, unix.SHUT_WR) }

// CloseFD closes fd, which is gone afterwards even if there is an error. It must be called once only: the kernel
// gives the same number to the next descriptor.
func CloseFD(fd int) error {
	if err := unix.Close(fd); err != nil && err != unix.EINTR { // never again after EINTR, close(2)
		return err
	}
	return nil
}

// RaiseFDLimit raises the process's limit of open descriptors (RLIMIT_NOFILE) from the soft to the hard limit,
// and returns the limit in force, even with an error, unless it could not be read. The Go runtime does the same
// at start-up in most programs, but undoes it for the programs it starts; this one they inherit. The error is
// the bare errno.
func RaiseFDLimit() (limit uint64, err error) {
	var l unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return 0, err
	}
	soft := l.Cur
	if soft == l.Max {
		return uint64(soft), nil
	}
	l.Cur = l.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &l); err != nil {
		return uint64(soft), err
	}
	return uint64(l.Cur), nil
}
