package pubsub

import (
	"sync/atomic"

	"github.com/troupe-go/troupe/reactor"
)

// A hub delivers on one loop. What is published, and who comes and goes, passes its queue, in the order in which it
// happened; the lists of subscribers are its own, so that they need no lock. A message is there once, however many
// subscribers the loop has.
type hub struct {
	cell   reactor.Cell
	broker *Broker

	in      []entry      // guarded by the cell's mutex
	waiting atomic.Int64 // messages posted and not delivered
	bytes   atomic.Int64 // the same in bytes

	// The turn's. A turn may end anywhere, by takeover, by its budget, or with its goroutine: the next one goes on from
	// here.
	all     roster
	watch   roster // those that want events
	batch   []entry
	at      int // the first unserved entry of batch
	run     Run
	targets [][]*Subscription // of run
	target  int               // the list that is being told
	next    int               // the subscription in it whose turn it is
	replay  *part             // of a history, of which run is or was a piece; or nil

	runs, delivered, dropped, refused, failures, replayed, gaps atomic.Uint64
}

// An entry is a message, or a subscription with what happens to it.
type entry struct {
	message      *Message
	subscription *Subscription
	change       change
}

type change uint8

const (
	joins   change = iota // it gets what comes after this
	leaves                // it gets nothing after this
	catches               // it gets more of the history
)

var _ reactor.Turner = (*hub)(nil)

// hubTurn is how much one turn does, in subscribers told. The connections that were woken have their turns after it, so
// it also bounds how long they wait, and how much memory they touch together.
const hubTurn = 512

func newHub(b *Broker, l *reactor.Loop) *hub {
	h := &hub{broker: b, all: make(roster), watch: make(roster)}
	h.run.hub = h
	h.cell.Init(h, l)
	return h
}

// full reports whether a message of so many bytes has to wait. What is there already may exceed the bound a little,
// because publishers look at the same time.
func (h *hub) full(size int) bool {
	waiting := h.waiting.Load()
	return waiting >= int64(h.broker.options.MaxBacklog) ||
		waiting > 0 && h.bytes.Load()+int64(size)+messageCost > int64(h.broker.options.MaxBacklogBytes)
}

// post appends an entry and reports whether the caller has to call the cell's Wake.
func (h *hub) post(e entry, size int) (wake bool) {
	if e.message != nil {
		h.waiting.Add(1)
		h.bytes.Add(int64(size))
	}
	h.cell.Lock()
	h.in = append(h.in, e)
	wake = h.cell.NeedsWake()
	h.cell.Unlock()
	return wake
}

// Turn implements reactor.Turner.
func (h *hub) Turn(w *reactor.Worker, events reactor.Events) (out reactor.Outcome) {
	ended := false
	defer func() {
		if ended {
			return
		}
		// A subscriber ended the goroutine (runtime.Goexit), which goes on ending: the next turn has to be asked for.
		h.failures.Add(1)
		h.run.wake()
		w.Abandoned = h.end()
	}()
	h.begin(events)
	for budget := hubTurn; budget > 0 && h.step(w, &budget); {
	}
	h.run.wake()
	out = h.end()
	ended = true
	return out
}

func (h *hub) begin(events reactor.Events) {
	h.cell.Lock()
	h.cell.Begin(events)
	if h.at == len(h.batch) {
		h.batch, h.in, h.at = h.in, h.batch[:0], 0
	}
	h.cell.Unlock()
}

func (h *hub) end() reactor.Outcome {
	if h.at == len(h.batch) && cap(h.batch) > 4*maxRun*maxRun {
		h.batch, h.at = nil, 0 // after a flood
	}
	h.cell.Lock()
	defer h.cell.Unlock()
	return h.cell.End(h.busy() || h.at < len(h.batch) || len(h.in) > 0, false)
}

// busy reports whether a delivery is under way.
func (h *hub) busy() bool { return len(h.run.messages) > 0 || h.replay != nil }

// step does the next thing, and reports whether there may be more.
func (h *hub) step(w *reactor.Worker, budget *int) bool {
	switch {
	case len(h.run.messages) > 0:
		h.deliver(budget)
	case h.replay != nil:
		h.goOnReplaying()
	case h.at == len(h.batch):
		return false
	default:
		w.Counters.Messages++
		h.serve(budget)
	}
	return true
}

// serve takes the next entry.
func (h *hub) serve(budget *int) {
	e := h.batch[h.at]
	if e.message != nil {
		h.gather()
		return
	}
	h.batch[h.at] = entry{}
	h.at++
	*budget--
	s := e.subscription
	switch e.change {
	case joins:
		s.index = h.all.add(s)
		if s.more != nil && s.more.events {
			s.more.watchIndex = h.watch.add(s)
		}
	case leaves:
		h.remove(s)
	case catches:
		h.startReplay(s)
	}
}

// gather makes a run of the messages that come next and go to the same subscribers.
func (h *hub) gather() {
	first := h.batch[h.at].message
	size := 0
	for h.at < len(h.batch) && len(h.run.messages) < maxRun {
		m := h.batch[h.at].message
		if m == nil || !m.goesWith(first) {
			break
		}
		size += m.size()
		h.run.messages = append(h.run.messages, m)
		h.batch[h.at] = entry{}
		h.at++
	}
	h.waiting.Add(-int64(len(h.run.messages)))
	h.bytes.Add(-int64(size))
	h.runs.Add(1)
	roster := h.all
	if first.Kind != Data {
		roster = h.watch
	}
	if list := roster[&first.audience.audience]; len(list) > 0 {
		h.targets = append(h.targets, list)
	}
	for _, a := range first.patterns {
		if list := roster[a]; len(list) > 0 {
			h.targets = append(h.targets, list)
		}
	}
}

// goesWith reports whether two messages have the same subscribers.
func (m *Message) goesWith(o *Message) bool {
	if m == o {
		return true
	}
	if m.audience != o.audience || m.Kind != Data || o.Kind != Data || m.exclude != o.exclude || len(m.patterns) != len(o.patterns) {
		return false
	}
	return len(m.patterns) == 0 || &m.patterns[0] == &o.patterns[0]
}

// deliver goes on with the run, for as many subscribers as the budget allows. One that panics is counted, and harms
// nobody but itself.
func (h *hub) deliver(budget *int) {
	delivered, dropped := 0, 0
	defer func() {
		if recover() != nil {
			h.failures.Add(1)
		}
		h.delivered.Add(uint64(delivered))
		h.dropped.Add(uint64(dropped))
	}()
	first := h.run.messages[0]
	for ; h.target < len(h.targets); h.target, h.next = h.target+1, 0 {
		list := h.targets[h.target]
		for h.next < len(list) {
			s := list[h.next]
			h.next++ // before it is told: if it panics or never returns, it has had its chance
			if first.exclude != nil && s.owner() == first.exclude {
				continue
			}
			lost := s.subscriber.Deliver(s, &h.run)
			if lost > 0 {
				s.dropped.Add(uint64(lost))
				dropped += lost
			}
			delivered += len(h.run.messages) - lost
			if *budget--; *budget <= 0 {
				return
			}
		}
	}
	h.run.release()
	clear(h.targets)
	h.targets, h.target, h.next = h.targets[:0], 0, 0
}

// remove ends a subscription.
func (h *hub) remove(s *Subscription) {
	if s.index >= 0 {
		if moved := h.all.remove(s.audience, s.index); moved != nil {
			moved.index = s.index
		}
		if s.more != nil && s.more.events {
			if moved := h.watch.remove(s.audience, s.more.watchIndex); moved != nil {
				moved.more.watchIndex = s.more.watchIndex
			}
		}
		s.index = -1
	}
	if s.more != nil {
		s.more.replay = nil
	}
	defer func() {
		if recover() != nil {
			h.failures.Add(1)
		}
	}()
	s.subscriber.Unsubscribed(s)
}

// failed counts an encoder that panicked.
func (h *hub) failed() { h.failures.Add(1) }

// Settle implements reactor.Turner.
func (h *hub) Settle(*reactor.Loop) {}

// Stop implements reactor.Turner.
func (h *hub) Stop(*reactor.Loop) {}
