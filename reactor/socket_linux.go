package reactor

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// The calls of the hot way enter the kernel by RawSyscall, which does not tell Go's scheduler. That is right for
// non-blocking sockets only: the call copies bytes and returns, so there is no wait in which another goroutine
// could use the processor, and the bookkeeping on the way in and out would be for nothing. On a blocking
// descriptor it would hold up the garbage collector, and with it the whole process, until the peer stirs.

// maxIovecs is UIO_MAXIOV: the kernel refuses more in one call.
const maxIovecs = 1024

// Accept takes the next connection from the listening socket fd. The caller owns nfd, which is non-blocking and
// closed on exec; it is -1 with an errno. EAGAIN: none is waiting. EMFILE, ENFILE, ENOBUFS, ENOMEM: the connection
// stays in the queue, and a level-triggered poller will tell of it again. Unless peer is nil the address of the
// other end is stored there. It does not allocate.
func Accept(fd int, peer *Peer) (nfd int, errno unix.Errno) {
	var raw unix.RawSockaddrInet6 // the name of a unix peer is cut off
	size := uint32(unix.SizeofSockaddrInet6)
	for {
		n, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&raw)),
			uintptr(unsafe.Pointer(&size)), unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
		switch errno {
		case 0:
			if peer != nil {
				peer.decode(&raw)
			}
			return int(n), 0
		case unix.EINTR, unix.ECONNABORTED: // the second: it was reset while it waited; there may be others
		default:
			return -1, errno
		}
	}
}

// decode reads the kernel's form of an address.
func (p *Peer) decode(raw *unix.RawSockaddrInet6) {
	port := (*[2]byte)(unsafe.Pointer(&raw.Port))
	*p = Peer{port: uint16(port[0])<<8 | uint16(port[1])}
	switch raw.Family {
	case unix.AF_INET:
		p.setIP4((*unix.RawSockaddrInet4)(unsafe.Pointer(raw)).Addr)
	case unix.AF_INET6:
		p.ip, p.zone, p.family = raw.Addr, raw.Scope_id, familyIP6
		if [12]byte(raw.Addr[:12]) == ip4InIP6 {
			p.family = familyIP4
		}
	default:
		*p = Peer{family: familyUnix}
	}
}

// ip4InIP6 is the prefix ::ffff:0:0/96 of IPv4 addresses on IPv6 sockets (RFC 4291, 2.5.5.2).
var ip4InIP6 = [12]byte{10: 0xff, 11: 0xff}

func (p *Peer) setIP4(ip [4]byte) {
	copy(p.ip[:], ip4InIP6[:])
	copy(p.ip[12:], ip[:])
	p.family = familyIP4
}

// Read reads from the non-blocking socket fd into p, which is used during the call only. No error and n = 0 is the
// end of the stream, unless p is empty: then nothing is asked of the kernel. EAGAIN: nothing has arrived. With an
// errno n is 0.
func Read(fd int, p []byte) (n int, errno unix.Errno) {
	if len(p) == 0 {
		return 0, 0
	}
	// recvfrom(2) spares what read(2) does for files: a write and a read of 64 bytes together take 3 % less.
	return retry(unix.SYS_RECVFROM, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p), unix.MSG_DONTWAIT)
}

// Write writes p, which is used during the call only, to the non-blocking socket fd; n < len(p) means that the
// kernel's buffer is full. EAGAIN: it was full before. EPIPE: the connection is gone. With an errno n is 0.
func Write(fd int, p []byte) (n int, errno unix.Errno) {
	if len(p) == 0 {
		return 0, 0
	}
	return retry(unix.SYS_SENDTO, fd, unsafe.Pointer(unsafe.SliceData(p)), len(p), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// Writev writes several pieces as one, and is otherwise like Write. Only the first 1024 are looked at: what was
// written tells where to go on. iov and what it points at are used during the call only.
func Writev(fd int, iov []unix.Iovec) (n int, errno unix.Errno) {
	if len(iov) == 0 {
		return 0, 0
	}
	h := unix.Msghdr{Iov: &iov[0]}
	h.SetIovlen(min(len(iov), maxIovecs))
	return retry(unix.SYS_SENDMSG, fd, unsafe.Pointer(&h), unix.MSG_NOSIGNAL, 0) // 2 % cheaper than writev(2)
}

// retry calls again after a signal. The Go runtime survives SIGPIPE on all but standard output and standard error.
func retry(call uintptr, fd int, p unsafe.Pointer, length int, flags uintptr) (int, unix.Errno) {
	for {
		n, _, errno := unix.RawSyscall6(call, uintptr(fd), uintptr(p), uintptr(length), flags, 0, 0)
		switch errno {
		case 0:
			return int(n), 0
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

func newSocket(domain int) (int, error) {
	return unix.Socket(domain, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}

// keepAlive sets the time of silence before the first probe, and between probes. How many of them must go
// unanswered stays the system's choice.
func (s *optionSetter) keepAlive(seconds int) {
	s.option(unix.IPPROTO_TCP, unix.TCP_KEEPIDLE, seconds)
	s.option(unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, seconds)
}
