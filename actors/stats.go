package actors

import (
	"sync/atomic"

	"github.com/troupe-go/troupe/reactor"
)

// counters count what is rare enough to be counted by everybody together.
type counters struct {
	failures, resumes, restarts, escalations            atomic.Uint64
	closed                                              [ProtocolError + 1]atomic.Uint64
	lostBytes, closeTimeouts, closeErrors               atomic.Uint64
	acceptPauses, acceptErrors                          atomic.Uint64
	mailboxFull, deadLetters, undelivered, refusedTasks atomic.Uint64
	direct                                              atomic.Uint64
	refused, tooLarge                                   dropCounter
	droppedOldest, droppedNewest, conflated             dropCounter
}

type dropCounter struct{ messages, bytes atomic.Uint64 }

func (d *dropCounter) load() Dropped { return Dropped{d.messages.Load(), d.bytes.Load()} }

// Stats describe a System. Numbers are since its start unless they are said to be of the moment. Everything that is
// dropped, refused or retried is counted somewhere here.
type Stats struct {
	Loops       reactor.GroupStats
	Connections int // open or being opened, of the moment
	Listeners   int // of the moment
	Lingering   int // closed connections whose peers are waited for, of the moment
	Timers      int // of the System, of the moment
	Tasks       int // that wait, of the moment

	Closed map[ReasonCode]uint64 // connections that ended, by reason

	Failures    uint64 // callbacks that panicked
	Resumes     uint64 // ... after which the connection went on
	Restarts    uint64 // ... after which the protocol object was replaced
	Escalations uint64 // ... after which the listener ended

	AcceptPauses uint64 // accepting had to pause because descriptors or memory had run out
	AcceptErrors uint64 // connections that were gone when they were accepted, or could not be registered
	CloseErrors  uint64 // close(2) failed

	LostBytes     uint64 // written by protocols, not sent when their connection ended
	CloseTimeouts uint64 // closing connections that did not write everything in time
	DirectBytes   uint64 // large writes sent without being queued; not in Loops.BytesWritten

	RefusedWrites Dropped // did not fit into the outbound budget: policies Disconnect and SuspendReads
	TooLarge      Dropped // can never fit
	DroppedOldest Dropped // by policy DropOldest and Conflate
	DroppedNewest Dropped // by policy DropNewest
	Conflated     Dropped // replaced by a newer message with the same key

	MailboxFull  uint64 // messages refused
	DeadLetters  uint64 // messages to connections that ended before they served them
	Undelivered  uint64 // publications to subscribers' handlers that were not served
	RefusedTasks uint64 // functions that Defer refused
}

// Stats gathers the System's statistics. Those of busy loops may be some milliseconds old. Safe from any goroutine, but
// not meant to be called often.
func (s *System) Stats() Stats {
	n := &s.counters
	out := Stats{
		Loops:         s.group.Stats(),
		Connections:   s.Count(),
		Lingering:     int(s.lingerers.Load()),
		Tasks:         int(s.tasks.Load()),
		Closed:        map[ReasonCode]uint64{},
		Failures:      n.failures.Load(),
		Resumes:       n.resumes.Load(),
		Restarts:      n.restarts.Load(),
		Escalations:   n.escalations.Load(),
		AcceptPauses:  n.acceptPauses.Load(),
		AcceptErrors:  n.acceptErrors.Load(),
		CloseErrors:   n.closeErrors.Load(),
		LostBytes:     n.lostBytes.Load(),
		CloseTimeouts: n.closeTimeouts.Load(),
		DirectBytes:   n.direct.Load(),
		RefusedWrites: n.refused.load(),
		TooLarge:      n.tooLarge.load(),
		DroppedOldest: n.droppedOldest.load(),
		DroppedNewest: n.droppedNewest.load(),
		Conflated:     n.conflated.load(),
		MailboxFull:   n.mailboxFull.Load(),
		DeadLetters:   n.deadLetters.Load(),
		Undelivered:   n.undelivered.Load(),
		RefusedTasks:  n.refusedTasks.Load(),
	}
	for code := range n.closed {
		if count := n.closed[code].Load(); count > 0 {
			out.Closed[ReasonCode(code)] = count
		}
	}
	s.mu.Lock()
	out.Listeners, out.Timers = len(s.listeners), len(s.timers)
	s.mu.Unlock()
	return out
}
