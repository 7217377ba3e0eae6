package load

import (
	"context"
	"time"
)

// Churn keeps Conns slots busy: each connects, sends one batch, takes its echo,
// closes and begins again. An operation is one such connection.
func Churn(ctx context.Context, config Config) (Report, error) {
	report := Report{Mode: "churn", Conns: config.Conns}
	if config.Conns == 0 {
		return report, errNoConns
	}
	l, err := newLoop(ctx, config, config.Conns)
	if err != nil {
		return report, err
	}
	defer l.shut()
	churn := &churner{loop: l}
	l.driver = churn
	if report.RSSBefore, err = l.rss(); err != nil {
		return report, err
	}
	for i := range l.conns {
		l.now = l.clock()
		if err := l.dial(&l.conns[i]); err != nil {
			return report, err
		}
	}
	if err := l.run(l.clock()+l.config.Warmup, nil); err != nil {
		return report, err
	}
	if err := l.measure(&report, l.config.Duration, nil); err != nil {
		return report, err
	}
	churn.stopping = true
	return report, l.drain()
}

type churner struct {
	loop     *loop
	stopping bool
}

func (d *churner) connected(c *conn) error { return d.loop.request(c) }

func (d *churner) replied(c *conn) error {
	l := d.loop
	l.recorder.record(1, l.now-c.began)
	l.close(c)
	if d.stopping {
		return nil
	}
	return l.dial(c)
}

func (d *churner) due() (time.Duration, error) { return never, nil }
