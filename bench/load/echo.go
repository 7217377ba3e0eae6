package load

import (
	"context"
	"errors"
	"time"
)

var errNoConns = errors.New("load: no connections")

// Echo loads the server in a closed loop: each connection sends its next batch
// when the last one has come back in full.
func Echo(ctx context.Context, config Config) (Report, error) {
	report := Report{Mode: "echo", Conns: config.Conns}
	if config.Conns == 0 {
		return report, errNoConns
	}
	l, err := newLoop(ctx, config, config.Conns)
	if err != nil {
		return report, err
	}
	defer l.shut()
	closed := &closedLoop{loop: l, conns: l.conns}
	l.driver = closed
	if report.RSSBefore, err = l.rss(); err != nil {
		return report, err
	}
	if err := l.ramp(l.conns); err != nil {
		return report, err
	}
	if err := closed.start(); err != nil {
		return report, err
	}
	if err := l.run(l.clock()+l.config.Warmup, nil); err != nil {
		return report, err
	}
	if err := l.measure(&report, l.config.Duration, nil); err != nil {
		return report, err
	}
	closed.stop()
	return report, l.drain()
}

// closedLoop is the driver of a closed loop.
type closedLoop struct {
	loop     *loop
	conns    []conn
	stopping bool
}

func (d *closedLoop) start() error {
	d.loop.now = d.loop.clock()
	for i := range d.conns {
		d.conns[i].began = d.loop.now
		if err := d.loop.request(&d.conns[i]); err != nil {
			return err
		}
	}
	return nil
}

// stop lets what is outstanding be the last.
func (d *closedLoop) stop() { d.stopping = true }

func (d *closedLoop) connected(*conn) error { return nil }

func (d *closedLoop) replied(c *conn) error {
	l := d.loop
	l.recorder.record(int64(l.config.Depth), l.now-c.began)
	if d.stopping {
		return nil
	}
	c.began = l.now
	return l.request(c)
}

func (d *closedLoop) due() (time.Duration, error) { return never, nil }
