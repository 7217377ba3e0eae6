package proc

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the processor time, user and system, that process pid has used
// since it started, summed over all its threads, living and dead.
//
// It reads the kernel's clock of another process's CPU time (clock_getcpuclockid(3)):
// nanoseconds taken from the scheduler, where utime+stime of /proc/PID/stat
// counts ticks of 10 ms, and where /proc/PID/task/*/schedstat forgets the
// threads that have exited. A thread that is running at this moment is counted
// up to its last tick (4 ms at HZ=250).
func CPU(pid int) (time.Duration, error) {
	// MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED), linux/posix-timers.h.
	const cpuclockSched = 2
	clock := ^int32(pid)<<3 | cpuclockSched
	var ts unix.Timespec
	if err := unix.ClockGettime(clock, &ts); err != nil {
		return 0, fmt.Errorf("cpu clock of process %d: %w", pid, err)
	}
	return time.Duration(ts.Nano()), nil
}
