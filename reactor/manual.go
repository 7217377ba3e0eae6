package reactor

import (
	"sync/atomic"
	"time"

	"github.com/asynkron/protoactor-go/actor"
)

// A Manual is a group of one loop that has no goroutine, no clock and no kernel: its owner calls Run and Advance, and
// says what is ready. Everything that happens is a consequence of these calls and happens during them, so tests of
// timers and of the order of things need not wait and always go the same way. Turns are never taken over and never run
// beside the loop.
//
// It must be used from one goroutine. Cells may be posted to from others, but are only served by Run.
type Manual struct {
	group  *Group
	loop   *Loop
	worker *Worker
	now    atomic.Int64 // milliseconds
	level  func(fd int) Events
	polled map[int]polled
}

type polled struct {
	token uint64
	want  Events
}

// NewManual makes a Manual. level answers for a registered descriptor, which may be any number, what it is ready for.
func NewManual(system *actor.ActorSystem, level func(fd int) Events) *Manual {
	m := &Manual{level: level, polled: make(map[int]polled)}
	o := Options{System: system, ReadBuffer: DefaultReadBuffer, Loops: 1, MaxDetached: DefaultMaxDetached}
	m.group = &Group{options: o, manual: m, spawner: NewSpawner(system)}
	m.group.spares = spares{group: m.group}
	m.loop = newLoopOn((*manualPoller)(m), m.group, 0)
	m.loop.spawn(m.group.spawner)
	m.group.loops = []*Loop{m.loop}
	m.worker = newWorker(o.ReadBuffer)
	return m
}

// Group is the group, with its one loop.
func (m *Manual) Group() *Group { return m.group }

// Run gives turns until nothing is due any more.
func (m *Manual) Run() {
	for {
		m.loop.pass(m.worker)
		m.loop.wait(m.worker)
		if m.loop.eventCount == 0 && len(m.loop.nextq) == 0 && !m.loop.pending.Load() {
			return
		}
	}
}

// Advance moves the clock, timer by timer, and gives the turns that follow from each.
func (m *Manual) Advance(d time.Duration) {
	m.Run()
	end := m.now.Load() + int64(d/time.Millisecond)
	for {
		when, ok := m.loop.wheel.next()
		if !ok || when > end {
			break
		}
		m.now.Store(max(when, m.now.Load()))
		m.Run()
	}
	m.now.Store(end)
	m.Run()
}

// manualPoller is a Manual as its loop's Poller.
type manualPoller Manual

var _ Poller = (*manualPoller)(nil)

func (p *manualPoller) Add(fd int, token uint64, want Events) error {
	p.polled[fd] = polled{token, want}
	return nil
}

func (p *manualPoller) Modify(fd int, token uint64, want Events) error { return p.Add(fd, token, want) }

func (p *manualPoller) Remove(fd int) error {
	delete(p.polled, fd)
	return nil
}

func (p *manualPoller) Forgets() bool { return false }
func (p *manualPoller) Wake() error   { return nil }
func (p *manualPoller) Close() error  { return nil }

// Wait never waits.
func (p *manualPoller) Wait(ready []Ready, _ time.Duration) (int, error) {
	n := 0
	for fd, at := range p.polled {
		if events := p.level(fd) & (at.want | Broken); events != 0 && n < len(ready) {
			ready[n] = Ready{at.token, events}
			n++
		}
	}
	return n, nil
}
