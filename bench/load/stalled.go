package load

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/troupe-go/troupe/bench/internal/rawcall"
)

// StalledFill is how many bytes are published to the stalled subscriber before
// the others come: more than the kernel keeps for one connection (4 MiB, the
// usual maximum in tcp_wmem, tcp(7)) and a server's budget of 1 MiB together, so
// that both are full and each further message is one too many.
const StalledFill = 8 << 20

const (
	// fillDepth is how many messages of the filling are under way at a time:
	// few enough for servers that keep a fixed number for each subscriber.
	fillDepth = 128
	// stalledPhase is the length of the alternating windows, with and without
	// the stalled subscriber.
	stalledPhase = 250 * time.Millisecond
	// stalledSettle is the time after each change that is not measured.
	stalledSettle = 30 * time.Millisecond
)

// Stalled has one connection publish to Conns subscribers in an open loop of
// Rate messages per second, and measures each delivery while one more
// subscriber reads nothing at all: it stopped long before, so that the server
// has its buffers for it full and has to do with each message whatever it does
// then. Windows with and without that subscriber, which for the latter
// unsubscribes, take turns until each have lasted for Duration. In the end it
// reads what there is for it, which must be whole messages.
func Stalled(ctx context.Context, config Config) (Report, error) {
	report := Report{Mode: "stalled", Conns: config.Conns}
	switch {
	case config.Conns == 0:
		return report, errNoConns
	case config.Rate == 0:
		return report, errNoRate
	case config.Depth > 1:
		return report, errors.New("load: messages beside a stalled subscriber cannot be pipelined")
	}
	l, err := newFanoutLoop(ctx, config, 2+config.Conns)
	if err != nil {
		return report, err
	}
	defer l.shut()
	if report.RSSBefore, err = l.rss(); err != nil {
		return report, err
	}
	watch := &stalledWatch{loop: l, stalled: &l.conns[1+config.Conns], report: &StalledReport{}}
	report.Stalled = watch.report
	if err := watch.fill(); err != nil {
		return report, err
	}
	if err := l.join(l.conns[2 : 1+config.Conns]); err != nil {
		return report, err
	}
	fan := newFanner(l, l.conns[1:1+config.Conns])
	fan.pace()
	if err := l.run(l.clock()+l.config.Warmup, nil); err != nil {
		return report, err
	}
	if err := watch.measure(&report); err != nil {
		return report, err
	}
	report.Behind = fan.behind()
	fan.stopping = true
	if err := l.drain(); err != nil {
		return report, err
	}
	return report, watch.empty()
}

// stalledWatch sees to the subscriber that does not read.
type stalledWatch struct {
	loop    *loop
	stalled *conn
	report  *StalledReport
	// subscribed is whether it is subscribed now.
	subscribed bool
}

// fill makes the stalled subscriber what it is: it subscribes, is not looked at
// any more, and messages are published until nobody can have room for more. A
// witness, which will be the first of the others, tells when each has passed
// the server.
func (d *stalledWatch) fill() error {
	l := d.loop
	l.driver = &joiner{loop: l}
	for _, conns := range [][]conn{l.conns[:2], l.conns[len(l.conns)-1:]} {
		if err := l.greet(conns); err != nil {
			return err
		}
	}
	if err := unix.EpollCtl(l.poll, unix.EPOLL_CTL_DEL, d.stalled.fd, nil); err != nil {
		return os.NewSyscallError("epoll_ctl", err)
	}
	d.subscribed = true
	usual := l.pattern
	l.pattern = newPattern(fillDepth * l.config.Size)
	fan := newFanner(l, l.conns[1:2])
	if err := fan.publish(); err != nil {
		return err
	}
	filled := func() bool { return fan.publisher.batches*fillDepth*l.config.Size >= StalledFill }
	if err := l.run(l.clock()+rampLimit, filled); err != nil {
		return err
	}
	if !filled() {
		return fmt.Errorf("load: a stalled subscriber is not filled in %v", rampLimit)
	}
	fan.stopping = true
	if err := l.drain(); err != nil {
		return err
	}
	l.pattern = usual
	return d.toggle(false)
}

// toggle has the stalled subscriber subscribed or not, and waits until the
// server has noticed.
func (d *stalledWatch) toggle(subscribed bool) error {
	if d.subscribed != subscribed && !d.report.Closed {
		command := []byte{unsubscribe}
		if subscribed {
			command[0] = subscribe
		}
		switch _, errno := rawcall.Write(d.stalled.fd, command); errno {
		case 0:
		case unix.EPIPE, unix.ECONNRESET:
			d.report.Closed = true // as its server's policy is
		default:
			return os.NewSyscallError("write", errno)
		}
		d.subscribed = subscribed
	}
	return d.loop.run(d.loop.clock()+stalledSettle, nil)
}

// measure adds up the windows of both sorts.
func (d *stalledWatch) measure(report *Report) error {
	l := d.loop
	var calm, stalled Report
	calmly, beside := newRecorder(), newRecorder()
	phase := min(stalledPhase, l.config.Duration)
	for stalled.Window < l.config.Duration {
		for _, window := range []struct {
			sum      *Report
			recorder *recorder
		}{{&calm, &calmly}, {&stalled, &beside}} {
			if err := d.toggle(window.sum == &stalled); err != nil {
				return err
			}
			var part Report
			if err := l.measure(&part, phase, nil); err != nil {
				return err
			}
			window.recorder.add(&l.recorder)
			window.sum.Window += part.Window
			window.sum.ServerCPU += part.ServerCPU
			window.sum.LoadCPU += part.LoadCPU
			window.sum.RSS = part.RSS
		}
	}
	report.Window, report.ServerCPU, report.LoadCPU, report.RSS = stalled.Window, stalled.ServerCPU, stalled.LoadCPU, stalled.RSS
	report.Ops, report.Latency = beside.ops, beside.latency()
	d.report.CalmOps, d.report.Calm, d.report.CalmServerCPU = calmly.ops, calmly.latency(), calm.ServerCPU
	return nil
}
