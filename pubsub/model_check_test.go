package pubsub

import (
	"fmt"
	"strings"

	"github.com/troupe-go/troupe/pubsub/glob"
)

// A modelPlace is a place in a channel's stream.
type modelPlace struct {
	channel string
	filter  int16
	Position
}

// check is the oracle. By now all goroutines have ended.
func (r *modelRound) check() {
	at := map[modelPlace]modelID{}
	placed := map[modelID]modelPlace{}
	for _, s := range r.subs {
		if s.cancelled.Load() == 0 { // cancelled from inside, by a callback that has ended since
			s.cancelled.Store(r.tick())
		}
		failed := r.t.Failed()
		s.checkItems(at, placed)
		if r.t.Failed() && !failed {
			r.t.Log(s.story())
		}
	}
	for _, s := range r.subs {
		failed := r.t.Failed()
		s.checkWhole(at)
		s.checkEvents()
		if r.t.Failed() && !failed {
			r.t.Log(s.story())
		}
	}
	for _, p := range r.publishers {
		for n := range p.all {
			r.checkReceivers(modelID{p.id, n})
		}
	}
	r.checkStats()
}

// story tells what a subscription has heard, for those who have to find out why that is wrong.
func (s *modelSub) story() string {
	var b strings.Builder
	fmt.Fprintf(&b, "subscribed at %d to %d, cancelled at %d to %d, caught up at %d; options %+v, after %v; %d dropped, gaps of %d; heard",
		s.began, s.subscribed, s.cancelling.Load(), s.cancelled.Load(), s.caughtUp, s.options, s.options.After, s.subscription().Dropped(), s.missed)
	var last modelItem
	for i, item := range s.heard {
		follows := item.kind == Data && last.kind == Data && item.channel == last.channel && item.Epoch == last.Epoch && item.Sequence == last.Sequence+1
		if !follows || i == len(s.heard)-1 {
			began, returned := int64(0), int64(0)
			if p := s.round.publication(item.id); p != nil {
				began, returned = p.began, p.returned
			}
			fmt.Fprintf(&b, "\n%v %v %x:%d %v published %d-%d %s %d", item.kind, item.channel, item.Epoch>>48, item.Sequence, item.id, began, returned, item.member, item.missed)
		}
		last = item
	}
	return b.String()
}

func (r *modelRound) publication(id modelID) *modelPublication {
	if id.publisher >= len(r.publishers) || id.n >= len(r.publishers[id.publisher].all) {
		return nil
	}
	return &r.publishers[id.publisher].all[id.n]
}

func (s *modelSub) matches(channel string, filter int16) bool {
	if s.filter != filter {
		return false
	}
	if s.pattern {
		return glob.Match(s.name, channel)
	}
	return s.name == channel
}

// checkItems: what was heard was published, for this subscription, in its time, once, in each publisher's order, and at
// the place in the stream where everybody else has heard it.
func (s *modelSub) checkItems(at map[modelPlace]modelID, placed map[modelID]modelPlace) {
	fail := func(format string, args ...any) { s.round.t.Errorf("%v: %s", s, fmt.Sprintf(format, args...)) }
	seen := map[modelID]bool{}
	type line struct {
		publisher int
		channel   string
	}
	last := map[line]int{}
	before := 0 // messages from the past
	for _, item := range s.heard {
		if item.kind != Data {
			continue
		}
		p := s.round.publication(item.id)
		if p == nil || p.err != nil {
			fail("heard %v, which was refused or never published", item.id)
			continue
		}
		place := modelPlace{item.channel, s.filter, item.Position}
		switch known, ok := at[place]; {
		case seen[item.id]:
			fail("%v twice", item.id)
		case p.channel != item.channel || !s.matches(p.channel, p.filter):
			fail("heard %v of channel %q, filter %d as of %q", item.id, p.channel, p.filter, item.channel)
		case p.exclude != nil && p.exclude == s.owner && (!s.past() || s.subscribed < p.began): // before, it is the past
			fail("heard %v, from which it was excluded", item.id)
		case p.began > s.cancelled.Load():
			fail("heard %v, published after Cancel had returned", item.id)
		case ok && known != item.id:
			fail("%v where others heard %v: %+v", item.id, known, place)
		case placed[item.id] != modelPlace{} && placed[item.id] != place:
			fail("%v at %+v, where others heard it at %+v", item.id, place, placed[item.id])
		}
		if p.returned < s.began {
			before++
			if !s.past() {
				fail("heard %v, published before Subscribe was called", item.id)
			}
			if o := &s.options; !o.From.IsZero() && item.time < o.From.UnixMilli() {
				fail("heard %v, older than From", item.id)
			}
		}
		l := line{item.id.publisher, item.channel}
		if n, ok := last[l]; ok && n >= item.id.n {
			fail("heard message %d of publisher %d after %d", item.id.n, l.publisher, n)
		}
		last[l] = item.id.n
		seen[item.id], at[place], placed[item.id] = true, item.id, place
	}
	if o := &s.options; o.Last > 0 && before > o.Last {
		fail("heard %d from the past, and asked for %d", before, o.Last)
	}
	s.checkComplete(seen)
}

// checkComplete: what was published from when Subscribe had returned until Cancel was called was heard or counted as
// dropped.
func (s *modelSub) checkComplete(seen map[modelID]bool) {
	missing, possible := 0, 0
	end := s.cancelling.Load()
	if s.past() { // Cancel ends a replay where it is
		end = s.caughtUp
	}
	var example modelID
	for _, p := range s.round.publishers {
		for n := range p.all {
			m := &p.all[n]
			if m.err != nil || !s.matches(m.channel, m.filter) || m.exclude != nil && m.exclude == s.owner || seen[modelID{p.id, n}] {
				continue
			}
			possible++
			if s.subscribed < m.began && m.returned < end {
				missing++
				example = modelID{p.id, n}
			}
		}
	}
	dropped := int(s.subscription().Dropped())
	if missing > dropped+int(s.missed) {
		s.round.t.Errorf("%v: %d messages are missing (%v is one), and %d were dropped", s, missing, example, dropped)
	}
	if events := s.options.Events; dropped > possible && !events && !s.past() { // events and gaps are dropped as well
		s.round.t.Errorf("%v: %d messages dropped, and %d were not heard", s, dropped, possible)
	}
}

// checkWhole: an exact subscription hears every message of the channel from the first to the last; a Gap says how many
// are not there.
func (s *modelSub) checkWhole(at map[modelPlace]modelID) {
	if s.pattern {
		return
	}
	fail := func(format string, args ...any) { s.round.t.Errorf("%v: %s", s, fmt.Sprintf(format, args...)) }
	dropped := int(s.subscription().Dropped())
	excluded := 0
	for _, p := range s.round.publishers {
		for _, m := range p.all {
			if m.err == nil && m.channel == s.name && m.filter == s.filter && m.exclude != nil && m.exclude == s.owner {
				excluded++
			}
		}
	}
	var last Position
	if a := s.options.After; a != nil {
		last = *a
	}
	holes, started := 0, false
	for _, item := range s.heard {
		if item.kind == Joined || item.kind == Left {
			continue
		}
		if item.Epoch != last.Epoch {
			if started {
				fail("the epoch changed from %d to %d", last.Epoch, item.Epoch)
			}
			if s.options.After != nil && last != (Position{}) && dropped == 0 && item.kind != Gap {
				fail("the channel began anew since %v, and there was no Gap", last)
			}
			last = Position{Epoch: item.Epoch, Sequence: item.Sequence}
			if last.Sequence -= item.missed; item.kind == Data {
				last.Sequence--
			}
		} else if !started && s.options.After == nil && item.kind == Data {
			last.Sequence = item.Sequence - 1
		}
		started = true
		switch {
		case item.kind == Gap && item.missed == 0:
			last.Sequence = item.Sequence
		case item.kind == Gap:
			// What was skipped because it excludes the owner is not in the gap.
			if last.Sequence+item.missed > item.Sequence || dropped == 0 && excluded == 0 && last.Sequence+item.missed != item.Sequence {
				fail("a gap of %d after %d, at %d", item.missed, last.Sequence, item.Sequence)
			}
			holes += int(item.Sequence - item.missed - last.Sequence)
			last.Sequence = item.Sequence
		case item.Sequence <= last.Sequence:
			fail("message %d after %d", item.Sequence, last.Sequence)
		default:
			for q := last.Sequence + 1; q < item.Sequence; q++ {
				holes++
				id, known := at[modelPlace{s.name, s.filter, Position{item.Epoch, q}}]
				if !known || dropped > 0 {
					continue
				}
				if p := s.round.publication(id); p.exclude == nil || p.exclude != s.owner || p.returned < s.began {
					fail("heard %d after %d, not %v between", item.Sequence, last.Sequence, id)
				}
			}
			last.Sequence = item.Sequence
		}
	}
	if holes > dropped+excluded+int(s.missed) {
		fail("%d messages between others were not heard, %d dropped, excluded from %d", holes, dropped, excluded)
	}
}

// checkEvents: who asked hears of each member in turn that it joined and that it left; who did not ask hears nothing.
func (s *modelSub) checkEvents() {
	type line struct{ channel, member string }
	last := map[line]Kind{}
	for _, item := range s.heard {
		if item.kind != Joined && item.kind != Left {
			continue
		}
		if !s.options.Events {
			s.round.t.Errorf("%v: heard of %s, and did not ask", s, item.member)
		}
		l := line{item.channel, item.member}
		if before, ok := last[l]; ok && before == item.kind && s.subscription().Dropped() == 0 {
			s.round.t.Errorf("%v: heard twice in a row that %s %v", s, item.member, item.kind)
		}
		last[l] = item.kind
	}
}
