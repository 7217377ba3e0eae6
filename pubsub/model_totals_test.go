package pubsub

import "math"

// checkReceivers: Publish has counted those who had subscribed, and of those who were coming or going what it may.
func (r *modelRound) checkReceivers(id modelID) {
	p := r.publication(id)
	if p.err != nil {
		if p.receivers != 0 {
			r.t.Errorf("refused for %d receivers", p.receivers)
		}
		return
	}
	low, high := 0, 0
	for _, s := range r.subs {
		if !s.matches(p.channel, p.filter) {
			continue
		}
		cancelling := s.cancelling.Load()
		if cancelling == 0 {
			cancelling = math.MaxInt64
		}
		possible := s.began < p.returned && p.began < s.cancelled.Load()
		certain := s.subscribed < p.began && p.returned < cancelling
		switch {
		case p.exclude == nil || p.exclude != s.owner:
			if certain {
				low++
			}
			if possible {
				high++
			}
		case possible && !certain: // the owner's, and it may have been counted as its or as another's
			low--
			high++
		}
	}
	if p.receivers < max(low, 0) || p.receivers > high {
		r.t.Errorf("%v to %q, filter %d: %d receivers, want %d to %d", id, p.channel, p.filter, p.receivers, low, high)
	}
}

func (r *modelRound) checkStats() {
	st := r.broker.Stats()
	var published, heard, failed, dropped uint64
	for _, p := range r.publishers {
		for _, m := range p.all {
			if m.err == nil {
				published++
			}
		}
	}
	for _, s := range r.subs {
		heard += uint64(len(s.heard))
		failed += uint64(s.failed)
		dropped += s.subscription().Dropped()
		if !s.free() && uint64(s.refused) != s.subscription().Dropped() {
			r.t.Errorf("%v: refused %d, and %d counted", s, s.refused, s.subscription().Dropped())
		}
	}
	if st.Published != published || st.Delivered+st.Dropped+failed != heard+dropped {
		r.t.Errorf("published %d; heard %d, dropped %d, failed %d: %+v", published, heard, dropped, failed, st)
	}
	if st.Subscriptions != 0 || st.Members != 0 || st.Patterns != 0 || st.Waiting != 0 {
		r.t.Errorf("something is left: %+v", st)
	}
}
