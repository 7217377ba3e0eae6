package pubsub

// A roster is the lists of a hub's subscriptions.
type roster map[*audience][]*Subscription

// add appends a subscription and says where it is.
func (r roster) add(s *Subscription) (index int32) {
	list := r[s.audience]
	r[s.audience] = append(list, s)
	return int32(len(list))
}

// remove takes out what is at index, puts the last one there instead, and returns that, or nil if it was the last.
func (r roster) remove(a *audience, index int32) (moved *Subscription) {
	list := r[a]
	last := len(list) - 1
	if int(index) < last {
		moved = list[last]
		list[index] = moved
	}
	list[last] = nil
	list = list[:last]
	switch {
	case last == 0:
		delete(r, a)
		return moved
	case cap(list) > 64 && last < cap(list)/4: // give memory back
		list = append(make([]*Subscription, 0, 2*last), list...)
	}
	r[a] = list
	return moved
}
