package load

import (
	"context"
	"time"
)

const (
	// idlePrelude is how many connections are made, echoed and closed before
	// the memory is read for the first time, so that code and buffers which
	// the server touches once do not count as those of its connections.
	idlePrelude = 64
	// idleSettle is the time the server has to see that they are closed.
	idleSettle = 100 * time.Millisecond
)

// Idle connects Conns connections, echoes one batch on each, waits for Warmup
// and then measures the server for Duration while nothing happens. Without
// connections it measures the server alone. Ops stays 0.
func Idle(ctx context.Context, config Config) (Report, error) {
	report := Report{Mode: "idle", Conns: config.Conns}
	l, err := newLoop(ctx, config, config.Conns)
	if err != nil {
		return report, err
	}
	defer l.shut()
	l.driver = &greeter{loop: l}
	if err := l.greet(l.conns[:min(idlePrelude, config.Conns)]); err != nil {
		return report, err
	}
	l.closeAll()
	if err := l.run(l.clock()+idleSettle, nil); err != nil {
		return report, err
	}
	if report.RSSBefore, err = l.rss(); err != nil {
		return report, err
	}
	if err := l.greet(l.conns); err != nil {
		return report, err
	}
	if err := l.run(l.clock()+l.config.Warmup, nil); err != nil {
		return report, err
	}
	return report, l.measure(&report, l.config.Duration, nil)
}

// greet connects and echoes one batch on each.
func (l *loop) greet(conns []conn) error {
	if err := l.ramp(conns); err != nil {
		return err
	}
	return l.drain()
}

// greeter sends one batch on each new connection.
type greeter struct{ loop *loop }

func (d *greeter) connected(c *conn) error     { return d.loop.request(c) }
func (d *greeter) replied(*conn) error         { return nil }
func (d *greeter) due() (time.Duration, error) { return never, nil }
