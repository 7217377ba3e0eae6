// Package rawcall makes system calls that cannot block past the Go scheduler:
// without its bookkeeping around each call. All descriptors must be
// nonblocking. Every error is an errno and comes with 0 bytes; 0 is success.
package rawcall

import (
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Read reads what has arrived, at most len(buffer) bytes; 0 bytes without
// error is the end of the stream.
func Read(fd int, buffer []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_READ, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(buffer))), uintptr(len(buffer)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Write writes as much of data as the socket takes.
func Write(fd int, data []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall(unix.SYS_WRITE, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data)))
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Send is Write for sockets: sendto(2) passes by what write(2) has to do for
// files.
func Send(fd int, data []byte) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(data))), uintptr(len(data)), unix.MSG_NOSIGNAL, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Accept takes a waiting connection as a nonblocking descriptor.
func Accept(listener int) (int, syscall.Errno) {
	fd, _, errno := unix.RawSyscall6(unix.SYS_ACCEPT4, uintptr(listener), 0, 0, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	return int(fd), errno
}

// Close closes a socket that does not linger.
func Close(fd int) {
	_, _, _ = unix.RawSyscall(unix.SYS_CLOSE, uintptr(fd), 0, 0)
}

// Ready asks epoll for events that are there already; it does not wait.
func Ready(poll int, events []unix.EpollEvent) (int, syscall.Errno) {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(poll), uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// Retry says that errno asks to try again later.
func Retry(errno syscall.Errno) bool {
	return errno == unix.EAGAIN || errno == unix.EINTR
}
