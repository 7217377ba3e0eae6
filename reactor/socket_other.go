//go:build unix && !linux

package reactor

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The twins of socket_linux.go, by the portable calls.

// Accept takes the next connection from the listening socket fd. The caller owns nfd, which is non-blocking and
// closed on exec; it is -1 with an errno. EAGAIN: none is waiting. EMFILE, ENFILE, ENOBUFS, ENOMEM: the connection
// stays in the queue, and a level-triggered poller will tell of it again. Unless peer is nil the address of the
// other end is stored there.
func Accept(fd int, peer *Peer) (nfd int, errno unix.Errno) {
	for {
		nfd, sa, err := acceptCloseOnExec(fd)
		switch err {
		case nil:
			if err := unix.SetNonblock(nfd, true); err != nil {
				CloseFD(nfd)
				return -1, toErrno(err)
			}
			if peer != nil {
				*peer = endpointFrom(sa).peer
			}
			return nfd, 0
		case unix.EINTR, unix.ECONNABORTED: // the second: it was reset while it waited; there may be others
		default:
			return -1, toErrno(err)
		}
	}
}

// acceptCloseOnExec lets no fork come between the two steps. The listening socket is non-blocking, so the lock is
// held for a moment only.
func acceptCloseOnExec(fd int) (int, unix.Sockaddr, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	nfd, sa, err := unix.Accept(fd)
	if err == nil {
		unix.CloseOnExec(nfd)
	}
	return nfd, sa, err
}

// Read reads from the non-blocking socket fd into p, which is used during the call only. No error and n = 0 is the
// end of the stream, unless p is empty: then nothing is asked of the kernel. EAGAIN: nothing has arrived. With an
// errno n is 0.
func Read(fd int, p []byte) (n int, errno unix.Errno) { return retry(unix.Read, fd, p) }

// Write writes p, which is used during the call only, to the non-blocking socket fd; n < len(p) means that the
// kernel's buffer is full. EAGAIN: it was full before. EPIPE: the connection is gone; the process survives, since
// the Go runtime lets SIGPIPE end it for standard output and standard error alone. With an errno n is 0.
func Write(fd int, p []byte) (n int, errno unix.Errno) { return retry(unix.Write, fd, p) }

// Writev writes several pieces as one, and is otherwise like Write. How many are looked at is the system's
// choice: what was written tells where to go on. iov and what it points at are used during the call only.
func Writev(fd int, iov []unix.Iovec) (n int, errno unix.Errno) {
	for i := range iov {
		piece := unsafe.Slice((*byte)(unsafe.Pointer(iov[i].Base)), int(iov[i].Len))
		k, errno := Write(fd, piece)
		if n += k; n > 0 && (errno != 0 || k < len(piece)) {
			return n, 0
		}
		if errno != 0 {
			return 0, errno
		}
	}
	return n, 0
}

// retry calls again after a signal.
func retry(call func(int, []byte) (int, error), fd int, p []byte) (int, unix.Errno) {
	if len(p) == 0 {
		return 0, 0
	}
	for {
		n, err := call(fd, p)
		switch err {
		case nil:
			return n, 0
		case unix.EINTR:
		default:
			return 0, toErrno(err)
		}
	}
}

// toErrno undoes the boxing of package unix, whose calls give errnos only.
func toErrno(err error) unix.Errno {
	if errno, ok := err.(unix.Errno); ok {
		return errno
	}
	return unix.EINVAL
}

func newSocket(domain int) (int, error) {
	syscall.ForkLock.RLock()
	fd, err := unix.Socket(domain, unix.SOCK_STREAM, 0)
	if err == nil {
		unix.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return -1, err
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		CloseFD(fd)
		return -1, err
	}
	return fd, nil
}

// keepAlive leaves the times to the system: each names these options differently, or has none.
func (s *optionSetter) keepAlive(int) {}
