package load

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/bench/internal/blocking"
)

// blockedLimit bounds the time in which all blocked connections must have
// their replies, though the server block them one after the other.
const blockedLimit = 30 * time.Second

// Blocked lets BlockedConns connections send one blocking message each, all at
// once and of all kinds in turn, while Conns others echo: at Rate, or in a
// closed loop if that is 0. It measures these others for Duration while all is
// calm, and then until the last of the blocked has its reply.
func Blocked(ctx context.Context, config Config) (Report, error) {
	report := Report{Mode: "blocked", Conns: config.Conns}
	if config.Conns == 0 || config.BlockedConns == 0 {
		return report, errNoConns
	}
	if config.Depth > 1 {
		return report, errors.New("load: blocking messages cannot be pipelined")
	}
	l, err := newLoop(ctx, config, config.Conns+config.BlockedConns)
	if err != nil {
		return report, err
	}
	defer l.shut()
	watch := newBlockedWatch(l)
	l.driver = watch
	if report.RSSBefore, err = l.rss(); err != nil {
		return report, err
	}
	if err := l.ramp(l.conns); err != nil {
		return report, err
	}
	if err := watch.neighbours.start(); err != nil {
		return report, err
	}
	if err := l.run(l.clock()+l.config.Warmup, nil); err != nil {
		return report, err
	}
	if err := l.measure(&report, l.config.Duration, nil); err != nil {
		return report, err
	}
	calm := report.Latency
	if err := watch.measureBlocked(&report); err != nil {
		return report, err
	}
	report.Blocked.Calm = calm
	return report, nil
}

// neighbours drive the connections that do not block.
type neighbours interface {
	driver
	start() error
	stop()
}

// blockedWatch tells the blocked connections from their neighbours.
type blockedWatch struct {
	loop *loop
	neighbours
	blocked []conn
	waiting int
	report  *BlockedReport
}

func newBlockedWatch(l *loop) *blockedWatch {
	conns, blocked := l.conns[:l.config.Conns], l.conns[l.config.Conns:]
	d := &blockedWatch{loop: l, blocked: blocked, report: &BlockedReport{Conns: len(blocked)}}
	if l.config.Rate > 0 {
		d.neighbours = &pacer{loop: l, conns: conns}
	} else {
		d.neighbours = &closedLoop{loop: l, conns: conns}
	}
	return d
}

// measureBlocked includes the neighbours' last replies in their latency: those
// that a stalled server holds back until after the window tell the most.
func (d *blockedWatch) measureBlocked(report *Report) error {
	l := d.loop
	report.Blocked = d.report
	if err := d.block(); err != nil {
		return err
	}
	if err := l.measure(report, blockedLimit, func() bool { return d.waiting == 0 }); err != nil {
		return err
	}
	if d.waiting > 0 {
		return fmt.Errorf("load: %d blocked connections without reply after %v", d.waiting, blockedLimit)
	}
	d.neighbours.stop()
	err := l.drain()
	report.Latency = l.recorder.latency()
	return err
}

func (d *blockedWatch) block() error {
	l := d.loop
	l.now = l.clock()
	d.waiting = len(d.blocked)
	for i := range d.blocked {
		d.blocked[i].began = l.now
		command := blocking.Commands[i%len(blocking.Commands)]
		if err := l.send(&d.blocked[i], l.pattern.command(command)); err != nil {
			return err
		}
	}
	return nil
}

// replied takes the replies of blocked connections for itself.
func (d *blockedWatch) replied(c *conn) error {
	if int(c.index) < d.loop.config.Conns {
		return d.neighbours.replied(c)
	}
	took := d.loop.now - c.began
	if took < blocking.Duration {
		return fmt.Errorf("load: a blocking message came back after only %v", took)
	}
	if d.waiting == len(d.blocked) {
		d.report.First = took
	}
	d.waiting--
	d.report.Last = took
	return nil
}
