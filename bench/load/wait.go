package load

import (
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/troupe-go/troupe/bench/internal/rawcall"
)

// wait fills events with what is ready, and sleeps for at most timeout when
// nothing is. It uses epoll_pwait2 (Linux 5.11): a paced load needs finer steps
// than the milliseconds of epoll_wait.
func wait(poll int, events []unix.EpollEvent, timeout time.Duration) (int, error) {
	n, errno := rawcall.Ready(poll, events)
	if errno == 0 && n == 0 && timeout > 0 {
		spec := unix.NsecToTimespec(timeout.Nanoseconds())
		var ready uintptr
		ready, _, errno = unix.Syscall6(unix.SYS_EPOLL_PWAIT2, uintptr(poll),
			uintptr(unsafe.Pointer(unsafe.SliceData(events))), uintptr(len(events)),
			uintptr(unsafe.Pointer(&spec)), 0, 0)
		n = int(ready)
	}
	if errno == unix.EINTR {
		return 0, nil
	}
	if errno != 0 {
		return 0, os.NewSyscallError("epoll_pwait2", errno)
	}
	return n, nil
}

// exactTimers makes the sleeps of this thread end on time instead of up to
// 50 µs late (PR_SET_TIMERSLACK, prctl(2)).
func exactTimers() {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
}

// usualTimers undoes exactTimers.
func usualTimers() {
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 0, 0, 0, 0)
}
