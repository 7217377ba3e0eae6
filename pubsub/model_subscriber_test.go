package pubsub

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// modelHeader is how many bytes say whose message it is and which.
const modelHeader = 12

// modelPayload is a message whose every byte can be checked.
func modelPayload(size, publisher, n int) []byte {
	p := make([]byte, size)
	binary.LittleEndian.PutUint32(p, uint32(size))
	binary.LittleEndian.PutUint32(p[4:], uint32(publisher))
	binary.LittleEndian.PutUint32(p[8:], uint32(n))
	for i := modelHeader; i < size; i++ {
		p[i] = byte(publisher + n + i)
	}
	return p
}

// A modelID names a message.
type modelID struct{ publisher, n int }

// A modelItem is what a subscriber was told.
type modelItem struct {
	kind    Kind
	channel string
	Position
	time   int64
	id     modelID
	member string
	missed uint64
}

// modelOwner is an Owner of some subscriptions.
type modelOwner struct {
	id  OwnerID
	mu  sync.Mutex
	own map[*Subscription]struct{}
}

func (o *modelOwner) OwnerID() OwnerID { return o.id }

func (o *modelOwner) Subscriptions(f func(*Subscription)) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for s := range o.own {
		f(s)
	}
}

func (o *modelOwner) note(s *Subscription, mine bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if !mine {
		delete(o.own, s)
		return
	}
	if o.own == nil {
		o.own = make(map[*Subscription]struct{})
	}
	o.own[s] = struct{}{}
}

// A modelKind is a kind of subscriber.
type modelKind uint8

const (
	modelPlain modelKind = iota // a Subscriber
	modelPatient
	modelOwned
	modelFunc
	modelChan
)

// A modelSub is a subscriber, and what happened to it when.
type modelSub struct {
	round   *modelRound
	id      int
	kind    modelKind
	name    string
	pattern bool
	filter  int16
	owner   *modelOwner
	options SubscribeOptions
	wild    int // of so many deliveries one is not what it should be; 0 for none

	began, subscribed     int64
	cancelling, cancelled atomic.Int64
	marker                atomic.Uint64 // the message that end waits for
	marked                chan struct{} // closed when it has come
	caughtUp              int64         // the time before which all that was published has come; 0 if not known
	gone                  chan struct{} // closed by the unsubscribed hook, or when the Go channel is closed

	own        Subscription
	standalone atomic.Pointer[Subscription]

	// The turn's; nothing orders the calls but the broker.
	rng     *rand.Rand
	self    *modelPublisher // to publish from inside
	heard   []modelItem
	failed  int // messages in deliveries that did not return
	refused int // messages that were said not to be taken
	over    bool
	overs   int
	hasMark bool
	hasGap  bool   // a Gap came instead of it
	missed  uint64 // messages that Gaps stand for
}

func (s *modelSub) String() string {
	return fmt.Sprintf("subscription %d (kind %d to %q, pattern %v, filter %d, past %v)", s.id, s.kind, s.name, s.pattern, s.filter, s.past())
}

func (s *modelSub) past() bool {
	return s.options.After != nil || !s.options.From.IsZero() || s.options.Last > 0
}

func (s *modelSub) free() bool { return s.kind >= modelFunc }

func (s *modelSub) subscription() *Subscription {
	if s.free() {
		return s.standalone.Load()
	}
	return &s.own
}

// subscribe makes a subscription of some kind. It is nil if the broker is closed.
func (r *modelRound) subscribe(rng *rand.Rand, resume []*modelSub) *modelSub {
	s := &modelSub{
		round: r, kind: modelKind(rng.IntN(int(modelChan) + 1)), name: modelNames[rng.IntN(len(modelNames))],
		filter: modelFilters[rng.IntN(len(modelFilters))], gone: make(chan struct{}), marked: make(chan struct{}),
	}
	s.marker.Store(math.MaxUint64)
	if rng.IntN(3) == 0 {
		s.wild = 20
	}
	if rng.IntN(3) == 0 {
		s.name, s.pattern = modelPatterns[rng.IntN(len(modelPatterns))], true
	}
	o := &s.options
	o.Pattern, o.Filter, o.Events = s.pattern, s.filter, rng.IntN(4) == 0
	if !s.pattern && s.filter == 0 && rng.IntN(4) == 0 {
		o.Member = &Member{ID: fmt.Sprint("member ", rng.IntN(3))}
	}
	if rng.IntN(4) == 0 {
		o.MaxWaiting = 1 + rng.IntN(20)
	}
	o.Blocking = rng.IntN(3) == 0
	switch ask := rng.IntN(6); {
	case s.pattern || s.filter != 0:
	case ask == 0:
		o.Last = 1 + rng.IntN(80)
	case ask == 1:
		o.From = time.Now().Add(-time.Duration(rng.IntN(50)) * time.Millisecond)
	case ask == 2:
		o.After = &Position{}
	case ask == 3 && len(resume) > 0: // go on where another one has ended
		old := resume[rng.IntN(len(resume))]
		s.name, s.filter, o.Filter, o.Member = old.name, old.filter, old.filter, nil
		o.After = &Position{Epoch: 12345, Sequence: 6}
		for _, item := range old.heard {
			if item.kind == Data || item.kind == Gap { // events have no position
				o.After = &item.Position
			}
		}
	}
	if s.kind == modelOwned {
		s.owner = r.owners[rng.IntN(len(r.owners))]
	}
	s.rng = rand.New(rand.NewPCG(rng.Uint64(), rng.Uint64()))
	s.self = r.publisher()
	if !r.attach(rng, s) {
		return nil
	}
	return s
}

// attach subscribes. It excludes close, so that the round knows which subscriptions that has cancelled.
func (r *modelRound) attach(rng *rand.Rand, s *modelSub) bool {
	var err error
	if s.free() {
		r.mu.Lock()
		defer r.mu.Unlock()
	}
	s.began = r.tick()
	switch s.kind {
	case modelFunc:
		s.options.OnUnsubscribed = func(sub *Subscription) {
			defer s.unsubscribed(sub)
			s.misbehave()
		}
		var sub *Subscription
		sub, err = r.broker.Subscribe(s.name, s.call, s.options)
		s.standalone.Store(sub)
	case modelChan:
		var ch <-chan *Message
		var sub *Subscription
		sub, ch, err = r.broker.SubscribeChan(s.name, rng.IntN(10), s.options)
		s.standalone.Store(sub)
		if err == nil {
			go s.read(ch)
		}
	default:
		var to Subscriber = (*modelPlainSub)(s)
		switch s.kind {
		case modelPatient:
			to = &modelPatientSub{s}
		case modelOwned:
			to = &modelOwnedSub{s}
		}
		loops := r.group.Loops()
		err = r.broker.Attach(&s.own, s.name, to, loops[rng.IntN(len(loops))], s.options)
		if err == nil && s.owner != nil {
			s.owner.note(&s.own, true)
		}
	}
	s.subscribed = r.tick()
	if err != nil {
		if !r.broker.closed.Load() {
			r.t.Errorf("subscribe: %v", err)
		}
		return false
	}
	if !s.free() {
		r.mu.Lock()
		defer r.mu.Unlock()
	}
	s.id = len(r.subs)
	r.subs = append(r.subs, s)
	return true
}
