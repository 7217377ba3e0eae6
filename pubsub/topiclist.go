package pubsub

// A topicList is topics in the order in which they were used last. A topic is in one list at most.
type topicList struct {
	oldest, newest *topic
	len            int
	weight         int // of all of them: see topic.weight
}

// add appends t as the newest; to no list is nowhere.
func (l *topicList) add(t *topic) {
	if l == nil {
		return
	}
	t.list, t.older = l, l.newest
	if l.newest != nil {
		l.newest.newer = t
	} else {
		l.oldest = t
	}
	l.newest = t
	l.len++
	l.weight += t.weight()
}

func (l *topicList) remove(t *topic) {
	if l == nil {
		return
	}
	if t.older != nil {
		t.older.newer = t.newer
	} else {
		l.oldest = t.newer
	}
	if t.newer != nil {
		t.newer.older = t.older
	} else {
		l.newest = t.older
	}
	t.list, t.older, t.newer = nil, nil, nil
	l.len--
	l.weight -= t.weight()
}
