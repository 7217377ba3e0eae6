package pubsub

import (
	"encoding/binary"
	"math"
	"runtime"
	"time"
)

// cancel cancels the subscription, unless somebody else does.
func (s *modelSub) cancel() {
	if !s.cancelling.CompareAndSwap(0, s.round.tick()) {
		return
	}
	s.subscription().Cancel()
	s.cancelled.Store(s.round.tick())
}

// hear writes a message down.
func (s *modelSub) hear(m *Message) {
	if s.over {
		s.round.t.Errorf("%v: told something after its end", s)
	}
	item := modelItem{kind: m.Kind, channel: m.Channel, Position: m.Position, time: m.Time, missed: m.Missed}
	switch m.Kind {
	case Joined, Left:
		item.member = m.Member.ID
	case Data:
		item.id = s.decode(m)
	}
	if m.Filter != s.filter {
		s.round.t.Errorf("%v: got a message of filter %d", s, m.Filter)
	}
	s.heard = append(s.heard, item)
	s.count(m)
	// A Gap may stand for the message that is waited for.
	if marker := s.marker.Load(); !s.hasMark && marker != math.MaxUint64 &&
		(m.Kind == Gap || m.Kind == Data && marker == uint64(item.id.publisher)<<32|uint64(item.id.n)) {
		s.hasMark, s.hasGap = true, m.Kind == Gap
		close(s.marked)
	}
}

// count counts what a Gap stands for; that is at most everything if it is unknown.
func (s *modelSub) count(m *Message) {
	if s.missed += m.Missed; m.Kind == Gap && m.Missed == 0 {
		s.missed += m.Sequence
	}
}

func (s *modelSub) decode(m *Message) (id modelID) {
	p := m.Payload()
	if len(p) < modelHeader || int(binary.LittleEndian.Uint32(p)) != len(p) {
		s.round.t.Errorf("%v: garbled message of %d bytes", s, len(p))
		return id
	}
	id = modelID{int(binary.LittleEndian.Uint32(p[4:])), int(binary.LittleEndian.Uint32(p[8:]))}
	for i := modelHeader; i < len(p); i++ {
		if p[i] != byte(id.publisher+id.n+i) {
			s.round.t.Errorf("%v: garbled message %v at byte %d", s, id, i)
			break
		}
	}
	return id
}

func (s *modelSub) unsubscribed(*Subscription) {
	if s.overs++; s.overs > 1 {
		s.round.t.Errorf("%v: unsubscribed %d times", s, s.overs)
		return
	}
	s.over = true
	if s.owner != nil {
		s.owner.note(&s.own, false)
	}
	close(s.gone)
}

// misbehave does, rarely, what a callback should not do, or what it may do but need not.
func (s *modelSub) misbehave() {
	if s.wild == 0 || s.rng.IntN(s.wild) > 0 {
		return
	}
	switch s.rng.IntN(6) {
	case 0:
		time.Sleep(time.Duration(s.rng.IntN(4)) * time.Millisecond) // it blocks
	case 1:
		panic("expected")
	case 2:
		runtime.Goexit()
	case 3:
		if !s.free() {
			s.cancel()
		}
	default:
		if len(s.self.all) < 20 {
			s.self.publish(s.rng, modelNames[s.rng.IntN(len(modelNames))], s.filter, nil)
		}
	}
}

func (s *modelSub) call(m *Message) {
	s.hear(m)
	s.misbehave()
}

func (s *modelSub) read(ch <-chan *Message) {
	for m := range ch {
		s.hear(m)
		if s.wild > 0 && s.rng.IntN(s.wild) == 0 {
			pause(s.rng, 4*time.Millisecond)
		}
	}
	s.unsubscribed(nil)
}

// modelPlainSub is a modelSub as a Subscriber.
type modelPlainSub modelSub

func (p *modelPlainSub) Deliver(_ *Subscription, run *Run) (dropped int) {
	s := (*modelSub)(p)
	for i, m := range run.Messages() {
		if s.wild > 0 && s.rng.IntN(100) == 0 { // slow
			dropped = len(run.Messages()) - i
			s.refused += dropped
			s.count(m) // a Gap has no run but its own
			return dropped
		}
		s.hear(m)
	}
	s.failed += len(run.Messages())
	s.misbehave()
	s.failed -= len(run.Messages())
	return 0
}

func (p *modelPlainSub) Unsubscribed(sub *Subscription) {
	s := (*modelSub)(p)
	defer s.unsubscribed(sub)
	s.misbehave()
}

type modelOwnedSub struct{ *modelSub }

func (o *modelOwnedSub) Deliver(sub *Subscription, run *Run) int {
	return (*modelPlainSub)(o.modelSub).Deliver(sub, run)
}
func (o *modelOwnedSub) Unsubscribed(sub *Subscription) {
	(*modelPlainSub)(o.modelSub).Unsubscribed(sub)
}
func (o *modelOwnedSub) OwnerID() OwnerID { return o.owner.id }

// modelPatientSub has little room, or none for a moment.
type modelPatientSub struct{ *modelSub }

func (p *modelPatientSub) Deliver(sub *Subscription, run *Run) int {
	return (*modelPlainSub)(p.modelSub).Deliver(sub, run)
}

func (p *modelPatientSub) Unsubscribed(sub *Subscription) {
	(*modelPlainSub)(p.modelSub).Unsubscribed(sub)
}

func (p *modelPatientSub) Room(sub *Subscription, next *Run) (messages int) {
	if p.rng.IntN(3) == 0 {
		go sub.Ready()
		return p.rng.IntN(2) - 1
	}
	for _, m := range next.Messages() {
		if m.Kind == Data {
			(*modelSub)(p.modelSub).decode(m)
		}
	}
	return 1 + p.rng.IntN(len(next.Messages())+5)
}
