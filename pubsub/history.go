package pubsub

import "sort"

// A history is the last messages of a channel (feature S11). Their sequence numbers follow on each other; only the
// newest may be missing, if there was no room for them. The shard's lock guards it.
type history struct {
	rule  HistoryRule
	ring  []*Message // oldest first, from head
	head  int
	bytes int
}

func (h *history) len() int { return len(h.ring) - h.head }

func (h *history) at(i int) *Message { return h.ring[h.head+i] }

// admit makes room for a message by giving up the oldest ones, and the histories of channels that nobody has subscribed
// to, and takes it, with a reference. If there is no room the history is empty after it: what it had would have a hole.
func (h *history) admit(b *Broker, m *Message) {
	t := m.audience
	size := m.size()
	if h.rule.Age > 0 {
		h.expire(b, m.Time)
	}
	for h.len() > 0 && (h.rule.Count > 0 && h.len() >= h.rule.Count || h.rule.Bytes > 0 && h.bytes+size > h.rule.Bytes) {
		h.drop(b)
	}
	if h.rule.Bytes > 0 && size > h.rule.Bytes {
		b.unkept.Add(1)
		return
	}
	for !b.reserveHistory(size) {
		switch {
		case t.space.giveUp(t.space.shard(t.name), t):
		case h.len() > 0:
			h.drop(b)
		default:
			b.unkept.Add(1)
			return
		}
	}
	h.bytes += size
	if h.head > 32 && h.head > len(h.ring)/2 {
		n := copy(h.ring, h.ring[h.head:])
		clear(h.ring[n:])
		h.ring, h.head = h.ring[:n], 0
	}
	m.keeper = b
	h.ring = append(h.ring, m.Retain())
}

// reserveHistory takes bytes from the budget of all histories, if it has so many.
func (b *Broker) reserveHistory(size int) bool {
	for {
		used := b.historyBytes.Load()
		if used+int64(size) > int64(b.options.MaxHistoryBytes) {
			return false
		}
		if b.historyBytes.CompareAndSwap(used, used+int64(size)) {
			return true
		}
	}
}

// drop forgets the oldest message.
func (h *history) drop(b *Broker) {
	m := h.ring[h.head]
	h.ring[h.head] = nil
	h.head++
	size := m.size()
	h.bytes -= size
	b.historyBytes.Add(-int64(size))
	m.Release()
	if h.head == len(h.ring) {
		h.ring, h.head = nil, 0
	}
}

// expire forgets what is too old.
func (h *history) expire(b *Broker, now int64) {
	if h.rule.Age <= 0 {
		return
	}
	for h.len() > 0 && h.at(0).Time+h.rule.Age.Milliseconds() <= now {
		h.drop(b)
	}
}

// reconsider applies the broker's rules anew. With the shard's lock.
func (t *topic) reconsider() {
	b := t.space.broker
	rule := t.space.ruleFor(t.name)
	switch {
	case rule == nil && t.history != nil:
		t.history.empty(b)
		t.history = nil
	case rule != nil && t.history == nil:
		t.history = &history{rule: *rule}
	case rule != nil:
		h := t.history
		h.rule = *rule
		for h.len() > 0 && (h.rule.Count > 0 && h.len() > h.rule.Count || h.rule.Bytes > 0 && h.bytes > h.rule.Bytes) {
			h.drop(b)
		}
	}
}

// empty forgets everything.
func (h *history) empty(b *Broker) {
	for h.len() > 0 {
		h.drop(b)
	}
}

// find is the index of the first message with a sequence number of at least n.
func (h *history) find(n uint64) int {
	return sort.Search(h.len(), func(i int) bool { return h.at(i).Sequence >= n })
}
