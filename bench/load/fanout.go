package load

import (
	"context"
	"time"
)

// What the connections of a fan-out say first, and the server answers by the
// same byte. From then on a subscriber gets every message and sends no more,
// and a publisher sends messages of the fixed size, with nothing between them.
const (
	subscribe   = 'S'
	unsubscribe = 'U' // has no answer
	publish     = 'P'
)

// fanoutEvents is how many events one epoll_wait of a fan-out brings at most:
// a message makes all subscribers ready at once.
const fanoutEvents = 4096

// Fanout has one connection publish to Conns subscribers in a closed loop: the
// next batch leaves when each subscriber has all of the last one. An operation
// is the delivery of one message to one subscriber; the latency is that of the
// whole batch, from its sending until the last subscriber has its last byte.
func Fanout(ctx context.Context, config Config) (Report, error) {
	report := Report{Mode: "fanout", Conns: config.Conns}
	if config.Conns == 0 {
		return report, errNoConns
	}
	l, err := newFanoutLoop(ctx, config, 1+config.Conns)
	if err != nil {
		return report, err
	}
	defer l.shut()
	if report.RSSBefore, err = l.rss(); err != nil {
		return report, err
	}
	if err := l.join(l.conns); err != nil {
		return report, err
	}
	fan := newFanner(l, l.conns[1:])
	if err := fan.publish(); err != nil {
		return report, err
	}
	if err := l.run(l.clock()+l.config.Warmup, nil); err != nil {
		return report, err
	}
	if err := l.measure(&report, l.config.Duration, nil); err != nil {
		return report, err
	}
	fan.stopping = true
	return report, l.drain()
}

// newFanoutLoop prepares a publisher, which is connection 0, and others.
func newFanoutLoop(ctx context.Context, config Config, conns int) (*loop, error) {
	l, err := newLoop(ctx, config, conns)
	if err != nil {
		return nil, err
	}
	l.events = make([]event, fanoutEvents)
	return l, nil
}

// join connects and has each connection say what it is, until the server has
// answered all of them.
func (l *loop) join(conns []conn) error {
	l.driver = &joiner{loop: l}
	return l.greet(conns)
}

// joiner says on each new connection what it is.
type joiner struct{ loop *loop }

func (d *joiner) connected(c *conn) error {
	if c.index == 0 {
		return d.loop.send(c, []byte{publish})
	}
	return d.loop.send(c, []byte{subscribe})
}

func (d *joiner) replied(*conn) error         { return nil }
func (d *joiner) due() (time.Duration, error) { return never, nil }

// fanner is the driver of a fan-out: in a closed loop, or in an open one if it
// has a step.
type fanner struct {
	loop        *loop
	publisher   *conn
	subscribers []conn
	// began is where the latency of the batch under way counts from.
	began time.Duration
	// each says that the latency of each delivery counts, not that of the last.
	each bool
	// next is when the next batch of an open loop is due. It leaves no earlier
	// than the last one has arrived, and its latency counts from next all the
	// same, so that a server which stalls pays for all that had to wait.
	next, step time.Duration
	stopping   bool
}

// newFanner makes the driver of a closed loop that publishes to subscribers.
func newFanner(l *loop, subscribers []conn) *fanner {
	d := &fanner{loop: l, publisher: &l.conns[0], subscribers: subscribers}
	l.driver = d
	return d
}

// pace makes the loop an open one that publishes at the configured rate.
func (d *fanner) pace() {
	d.step = time.Duration(float64(time.Second) / d.loop.config.Rate)
	d.next = d.loop.clock()
	d.each = true
}

// publish sends the next batch, which all subscribers have had the last of.
func (d *fanner) publish() error {
	l, p := d.loop, d.publisher
	batch := l.pattern.batch(p.batches)
	p.batches++
	for i := range d.subscribers {
		d.subscribers[i].due = batch
	}
	l.outstanding += len(d.subscribers)
	p.unsent = batch
	if d.step == 0 {
		d.began = l.clock()
	}
	return l.flush(p)
}

func (d *fanner) connected(*conn) error { return nil }

func (d *fanner) replied(*conn) error {
	l := d.loop
	l.recorder.ops += int64(l.config.Depth)
	last := l.outstanding == 0
	if last || d.each {
		l.recorder.record(0, l.now-d.began)
	}
	if !last || d.stopping || d.step > 0 {
		return nil
	}
	return d.publish()
}

func (d *fanner) due() (time.Duration, error) {
	l := d.loop
	if d.step == 0 || d.stopping || l.outstanding > 0 {
		return never, nil // or a delivery wakes the loop
	}
	if d.next <= l.now {
		d.began = d.next
		d.next += d.step
		return never, d.publish()
	}
	return d.next, nil
}

// behind counts the batches that are due and not sent.
func (d *fanner) behind() int64 {
	return int64(max(0, d.loop.clock()-d.next) / d.step)
}
