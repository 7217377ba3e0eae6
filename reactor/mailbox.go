package reactor

import "sync"

// A mailbox is the queue of one cell. It exists only while there is mail: an idle cell has none.
//
// Senders append to in and system under the cell's mutex. The cell's turn takes all of in at once and serves it
// from batch without the mutex; what a turn leaves over stays in batch, before anything that comes later.
type mailbox struct {
	in     []any // guarded by the cell's mutex
	system []any // guarded by the cell's mutex: protoactor's system messages, served before any other

	held int // guarded by the cell's mutex: how many of batch were unserved when the last turn began or ended

	batch []any // the turn's own
	next  int   // the turn's own: the first unserved entry of batch
}

// mailboxKeep is the capacity, in messages, above which an emptied mailbox is left to the garbage collector.
const mailboxKeep = 1024

var mailboxPool = sync.Pool{New: func() any { return new(mailbox) }}

// len is how many user messages wait, those that a running turn has served meanwhile included.
func (m *mailbox) len() int { return len(m.in) + m.held }

// refill takes what came in, if the last batch is served. For the turn, with the mutex held.
func (m *mailbox) refill() {
	if m.next == len(m.batch) && len(m.in) > 0 {
		m.in, m.batch, m.next = m.batch[:0], m.in, 0
	}
	m.held = len(m.batch) - m.next
}

// empty is for the turn, with the mutex held.
func (m *mailbox) empty() bool { return len(m.in) == 0 && len(m.system) == 0 && m.next == len(m.batch) }

func (m *mailbox) recycle() {
	if cap(m.in)+cap(m.batch) > mailboxKeep || cap(m.system) > mailboxKeep {
		return
	}
	m.in, m.system, m.batch, m.next, m.held = m.in[:0], m.system[:0], m.batch[:0], 0, 0
	mailboxPool.Put(m)
}
