package load

import (
	"context"
	"errors"
	"time"
)

var errNoRate = errors.New("load: an open loop needs a rate")

// Paced loads the server in an open loop: Rate batches per second in even
// steps, spread over the connections in turn. Latency counts from the moment a
// batch was due, so that a server which stalls pays for all that had to wait.
func Paced(ctx context.Context, config Config) (Report, error) {
	report := Report{Mode: "paced", Conns: config.Conns}
	switch {
	case config.Conns == 0:
		return report, errNoConns
	case config.Rate == 0:
		return report, errNoRate
	}
	l, err := newLoop(ctx, config, config.Conns)
	if err != nil {
		return report, err
	}
	defer l.shut()
	pace := &pacer{loop: l, conns: l.conns}
	l.driver = pace
	if report.RSSBefore, err = l.rss(); err != nil {
		return report, err
	}
	if err := l.ramp(l.conns); err != nil {
		return report, err
	}
	if err := pace.start(); err != nil {
		return report, err
	}
	if err := l.run(l.clock()+l.config.Warmup, nil); err != nil {
		return report, err
	}
	if err := l.measure(&report, l.config.Duration, nil); err != nil {
		return report, err
	}
	report.Behind = pace.behind()
	pace.stop()
	return report, l.drain()
}

// pacer is the driver of an open loop.
type pacer struct {
	loop  *loop
	conns []conn
	// next is when the next batch is due; it advances by step only when one
	// is sent, which keeps the queue of those that could not be sent.
	next, step time.Duration
	cursor     int
	stopping   bool
}

func (d *pacer) start() error {
	d.step = time.Duration(float64(time.Second) / d.loop.config.Rate)
	d.next = d.loop.clock()
	return nil
}

// stop lets what is outstanding be the last.
func (d *pacer) stop() { d.stopping = true }

func (d *pacer) connected(*conn) error { return nil }

func (d *pacer) replied(c *conn) error {
	l := d.loop
	l.recorder.record(int64(l.config.Depth), l.now-c.began)
	return nil
}

func (d *pacer) due() (time.Duration, error) {
	if d.stopping {
		return never, nil
	}
	for d.next <= d.loop.now {
		c := d.idleConn()
		if c == nil {
			return never, nil // a reply wakes the loop
		}
		c.began = d.next
		d.next += d.step
		if err := d.loop.request(c); err != nil {
			return 0, err
		}
	}
	return d.next, nil
}

// idleConn returns an idle connection, in turn, or nil if all are busy.
func (d *pacer) idleConn() *conn {
	for range d.conns {
		c := &d.conns[d.cursor]
		d.cursor = (d.cursor + 1) % len(d.conns)
		if c.idle() {
			return c
		}
	}
	return nil
}

// behind counts the batches that are due and not sent.
func (d *pacer) behind() int64 {
	late := d.loop.clock() - d.next
	if late < 0 {
		return 0
	}
	return int64(late / d.step)
}
