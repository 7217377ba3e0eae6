package proc

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// RaiseFileLimit lifts the soft limit of open files to the hard limit and
// returns it.
func RaiseFileLimit() (uint64, error) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("file limit: %w", err)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return 0, fmt.Errorf("file limit: %w", err)
	}
	return limit.Cur, nil
}
