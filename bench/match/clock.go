package match

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// processTime is the processor time that this process has used. It does not
// count what other processes take meanwhile, but does what a contender leaves
// to the garbage collector or to other goroutines. Reading it is a system call.
func processTime() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_PROCESS_CPUTIME_ID, &ts) // the clock always exists
	return time.Duration(ts.Nano())
}

// mean is that of n operations in nanoseconds.
func mean(spent time.Duration, n int) float64 {
	return float64(max(0, spent)) / float64(n)
}

// single measures single operations, which are too short for a system call
// around each: by the time of day, and without the slowest 0.5 %, among which
// are those during which another process had the processor.
type single struct {
	samples []time.Duration
	began   time.Time
}

func (s *single) begin() { s.began = time.Now() }

func (s *single) end() { s.samples = append(s.samples, time.Since(s.began)) }

func (s *single) mean() float64 {
	slices.Sort(s.samples)
	kept := s.samples[:len(s.samples)-len(s.samples)/200]
	var sum time.Duration
	for _, sample := range kept {
		sum += sample - clockCost
	}
	return mean(sum, len(kept))
}

// clockCost is what reading the clock adds to a sample.
var clockCost = func() time.Duration {
	var s single
	for range 1001 {
		s.begin()
		s.end()
	}
	slices.Sort(s.samples)
	return s.samples[len(s.samples)/2]
}()
