package pubsub

import (
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/reactor"
)

// A janitor does what is due every second while something is published or kept: it moves the clock that rates are
// counted by, and forgets messages that have grown too old. Otherwise it sleeps.
type janitor struct {
	cell   reactor.Cell
	broker *Broker
	timer  reactor.Timer
	awake  atomic.Bool
	used   atomic.Bool // since the last second: it has to stay awake
	armed  atomic.Bool // the timer runs
	ticked atomic.Bool // a second is over

	// the turn's
	spaces []*space // that are still to be cleaned
	shard  int      // the next of spaces[0]
	aging  int      // messages seen that will be too old one day
	arm    bool     // Settle has to arm the timer
}

// janitorTurn is how many shards one turn cleans.
const janitorTurn = 16

var (
	_ reactor.Turner  = (*janitor)(nil)
	_ reactor.Expirer = (*janitor)(nil)
)

func newJanitor(b *Broker) *janitor {
	j := &janitor{broker: b}
	j.timer.Owner = j
	j.cell.Init(j, b.group.Loops()[0])
	return j
}

// rouse is called whenever something is published.
func (j *janitor) rouse() {
	if !j.used.Load() {
		j.used.Store(true)
	}
	if !j.awake.Load() && !j.awake.Swap(true) {
		j.cell.Due()
	}
}

// Expire implements reactor.Expirer.
func (j *janitor) Expire(*reactor.Loop, *reactor.Timer) {
	j.armed.Store(false)
	j.ticked.Store(true)
	j.cell.Due()
}

// Turn implements reactor.Turner.
func (j *janitor) Turn(_ *reactor.Worker, events reactor.Events) reactor.Outcome {
	j.cell.Lock()
	j.cell.Begin(events)
	j.cell.Unlock()
	if j.ticked.Swap(false) {
		j.broker.spaces(func(s *space) { j.spaces = append(j.spaces, s) })
	}
	j.broker.second.Store(j.broker.group.Clock()/1000 + 1)
	for range janitorTurn {
		if len(j.spaces) == 0 {
			break
		}
		j.clean()
	}
	more := len(j.spaces) > 0
	if !more && !j.armed.Load() {
		j.rest()
	}
	j.cell.Lock()
	defer j.cell.Unlock()
	return j.cell.End(more, false) | reactor.NeedSettle
}

// rest decides whether there will be another second.
func (j *janitor) rest() {
	idle := !j.used.Swap(false) && j.aging == 0 || j.broker.closed.Load()
	j.aging = 0
	if !idle {
		j.arm = true
		return
	}
	j.awake.Store(false)
	if j.used.Load() && !j.awake.Swap(true) { // by somebody who saw it awake
		j.arm = true
	}
}

func (j *janitor) clean() {
	s := j.spaces[0]
	sh := &s.shards[j.shard]
	now := time.Now().UnixMilli()
	sh.mu.Lock()
	for t := range sh.aging {
		if t.history.len() > 0 {
			t.history.expire(j.broker, now)
			s.settle(sh, t)
		}
		j.aging += t.history.len()
	}
	sh.mu.Unlock()
	if j.shard++; j.shard == len(s.shards) {
		j.spaces, j.shard = j.spaces[1:], 0
	}
}

// Settle implements reactor.Turner.
func (j *janitor) Settle(l *reactor.Loop) {
	if j.arm {
		j.arm = false
		j.armed.Store(true)
		l.Arm(&j.timer, l.Now()+int64(time.Second/time.Millisecond))
	}
}

// Stop implements reactor.Turner.
func (j *janitor) Stop(*reactor.Loop) {}
