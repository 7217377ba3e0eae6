package load

import (
	"os"
	"time"

	"github.com/troupe-go/troupe/bench/internal/proc"
)

// usage is what the server and the load generator have used at one moment.
type usage struct {
	at     time.Duration
	server time.Duration
	load   time.Duration
}

func (l *loop) usage() (usage, error) {
	u := usage{at: l.clock()}
	var err error
	if u.load, err = proc.CPU(os.Getpid()); err != nil {
		return u, err
	}
	if l.config.ServerPID != 0 {
		u.server, err = proc.CPU(l.config.ServerPID)
	}
	return u, err
}

func (l *loop) rss() (int64, error) {
	if l.config.ServerPID == 0 {
		return 0, nil
	}
	return proc.RSS(l.config.ServerPID)
}

// measure runs the loop for a window of length d, or until done, and fills in
// what was measured in it.
func (l *loop) measure(report *Report, d time.Duration, done func() bool) error {
	l.recorder.reset()
	before, err := l.usage()
	if err != nil {
		return err
	}
	if err := l.run(before.at+d, done); err != nil {
		return err
	}
	after, err := l.usage()
	if err != nil {
		return err
	}
	report.Window = after.at - before.at
	report.ServerCPU = after.server - before.server
	report.LoadCPU = after.load - before.load
	report.Ops = l.recorder.ops
	report.Latency = l.recorder.latency()
	report.RSS, err = l.rss()
	return err
}
