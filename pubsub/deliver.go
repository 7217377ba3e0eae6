package pubsub

// gather makes a run of the messages that come next and go to the same subscribers.
func (h *hub) gather() {
	first := h.batch[h.at].message
	for h.at < len(h.batch) && len(h.run.messages) < maxRun {
		m := h.batch[h.at].message
		if m == nil || !m.goesWith(first) {
			break
		}
		h.freed += m.size()
		h.run.messages = append(h.run.messages, m)
		h.batch[h.at] = entry{}
		h.at++
	}
	h.served += len(h.run.messages)
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
		*budget-- // also for nobody, and if somebody panics
		h.delivered.Add(uint64(delivered))
		h.dropped.Add(uint64(dropped))
	}()
	defer h.recovered("Deliver")
	exclude := h.run.messages[0].exclude // that of all
	if h.replay != nil {
		exclude = 0 // what is replayed was chosen for its subscriber
	}
	for ; h.target < len(h.targets); h.target, h.next = h.target+1, 0 {
		list := h.targets[h.target]
		for h.next < len(list) {
			s := list[h.next]
			h.next++ // before it is told: if it panics or never returns, it has had its chance
			if exclude != 0 && s.owner() == exclude {
				*budget--
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
