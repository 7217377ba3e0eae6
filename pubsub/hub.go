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

	// guarded by the cell's mutex
	in       []entry
	messages int // in in and batch, those served since the turn began included
	bytes    int // the same in bytes
	burst    burst

	// The turn's. A turn may end anywhere, by takeover, by its budget, or with its goroutine: the next one goes on from
	// here.
	all     roster
	watch   roster // those that want events
	batch   []entry
	at      int // the first unserved entry of batch
	served  int // messages that are no longer in batch, but in messages
	freed   int // the same in bytes
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

// hasRoom reports whether a message of so many bytes may be posted. One alone may always be.
func (h *hub) hasRoom(size int) bool {
	h.cell.Lock()
	defer h.cell.Unlock()
	return h.free(size)
}

// free is hasRoom with the mutex.
func (h *hub) free(size int) bool {
	o := &h.broker.options
	return h.messages == 0 || h.messages < o.MaxBacklog && h.bytes+size <= o.MaxBacklogBytes
}

// take appends a message and reports whether the caller has to call the cell's Wake. If look is set, it looks for room
// before, and reports whether there was. If the message has no payload yet, it gets a copy. With the lock of the
// channel's shard.
func (h *hub) take(m *Message, payload []byte, look bool) (wake, ok bool) {
	h.cell.Lock()
	defer h.cell.Unlock()
	if look && !h.free(sizeOf(m.Channel, len(payload))) {
		return false, false
	}
	if m.payload.Buffer == nil && m.Kind == Data {
		m.payload = h.burst.hold(m.audience, payload)
	} else {
		h.burst.end()
	}
	h.messages++
	h.bytes += m.size()
	h.in = append(h.in, entry{message: m})
	return h.cell.NeedsWake(), true
}

// post appends what happens to a subscription, and reports whether the caller has to call the cell's Wake.
func (h *hub) post(s *Subscription, c change) (wake bool) {
	h.cell.Lock()
	defer h.cell.Unlock()
	h.in = append(h.in, entry{subscription: s, change: c})
	return h.cell.NeedsWake()
}

// waiting is how much waits for the hub's turn.
func (h *hub) waiting() (messages, bytes int) {
	h.cell.Lock()
	defer h.cell.Unlock()
	return h.messages, h.bytes
}

// Turn implements reactor.Turner.
func (h *hub) Turn(w *reactor.Worker, events reactor.Events) (out reactor.Outcome) {
	ended := false
	defer func() {
		if ended {
			return
		}
		// A subscriber ended the goroutine (runtime.Goexit), which goes on ending: the next turn has to be asked for.
		h.recoverFrom("subscriber", errGoexit)
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
	h.settleAccounts()
	if h.at == len(h.batch) {
		h.batch, h.in, h.at = h.in, h.batch[:0], 0
		h.burst.end()
	}
	h.cell.Unlock()
}

func (h *hub) end() reactor.Outcome {
	if h.at == len(h.batch) && cap(h.batch) > 4*maxRun*maxRun {
		h.batch, h.at = nil, 0 // after a flood
	}
	h.cell.Lock()
	defer h.cell.Unlock()
	h.settleAccounts()
	return h.cell.End(h.busy() || h.at < len(h.batch) || len(h.in) > 0, false)
}

// settleAccounts makes room for what was served. With the mutex.
func (h *hub) settleAccounts() {
	h.messages -= h.served
	h.bytes -= h.freed
	h.served, h.freed = 0, 0
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
		h.watchFor(s)
	case leaves:
		h.remove(s)
	case catches:
		h.watchFor(s) // events are not in the history: those that come meanwhile are told at once
		h.startReplay(s)
	}
}

// watchFor lets a subscription that wants events have them.
func (h *hub) watchFor(s *Subscription) {
	if s.more != nil && s.more.events && s.more.watchIndex < 0 && !s.more.left {
		s.more.watchIndex = h.watch.add(s)
	}
}

// remove ends a subscription.
func (h *hub) remove(s *Subscription) {
	if s.index >= 0 {
		if moved := h.all.remove(s.audience, s.index); moved != nil {
			moved.index = s.index
		}
		s.index = -1
	}
	if m := s.more; m != nil {
		if m.watchIndex >= 0 {
			if moved := h.watch.remove(s.audience, m.watchIndex); moved != nil {
				moved.more.watchIndex = m.watchIndex
			}
			m.watchIndex = -1
		}
		if m.replay != nil {
			m.replay.release()
		}
		m.replay, m.left = nil, true
	}
	defer h.recovered("Unsubscribed")
	s.subscriber.Unsubscribed(s)
}

// recovered ends a panic of foreign code. It is to be deferred.
func (h *hub) recovered(where string) { h.recoverFrom(where, recover()) }

// recoverFrom counts and reports a panic with the given value, unless it is nil.
func (h *hub) recoverFrom(where string, value any) {
	if value == nil {
		return
	}
	h.failures.Add(1)
	h.broker.report(where, value)
}

// Settle implements reactor.Turner.
func (h *hub) Settle(*reactor.Loop) {}

// Stop implements reactor.Turner.
func (h *hub) Stop(*reactor.Loop) {}
