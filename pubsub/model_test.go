package pubsub

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/reactor"
)

var (
	modelDuration = flag.Duration("model.duration", 4*time.Second, "how long TestModel runs")
	modelSeed     = flag.Uint64("model.seed", 0, "seed of TestModel's first round; 0 for a random one")
)

// TestModel: publishers and subscribers of all kinds do what they like, all at once, and write down when. Afterwards
// modelRound.check compares what was heard with the contract: nothing lost, nothing twice, everybody in the same order,
// every drop and every gap accounted for.
//
// A round has a broker of its own. It is repeated with -model.seed; for long runs there is -model.duration.
func TestModel(t *testing.T) {
	seed := *modelSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	for end := time.Now().Add(*modelDuration); time.Now().Before(end) && !t.Failed(); seed++ {
		t.Run(fmt.Sprintf("seed=%d", seed), func(t *testing.T) { newModelRound(t, seed).run() })
	}
}

// The names are few, so that they meet.
var (
	modelNames    = []string{"a", "b", "ab", "h1", "h2"} // those with h have a history
	modelPatterns = []string{"*", "?", "a*", "[bh]*", "*1", "a"}
	modelFilters  = []int16{0, 0, 0, 0, 7, -32768, 32767}
)

const (
	modelPublishers = 4
	modelChurners   = 4
	modelMessages   = 700 // of each publisher
	modelStanding   = 12  // subscriptions of each churner
)

// A modelRound is one run of the model.
type modelRound struct {
	t      *testing.T
	seed   uint64
	broker *Broker
	group  *reactor.Group
	clock  atomic.Int64
	owners []*modelOwner

	mu         sync.Mutex
	publishers []*modelPublisher
	subs       []*modelSub
}

// A modelPublication is a Publish, and when it was.
type modelPublication struct {
	channel         string
	filter          int16
	exclude         *modelOwner
	began, returned int64
	receivers       int
	err             error
}

// A modelPublisher publishes one message after the other. It belongs to one goroutine.
type modelPublisher struct {
	round *modelRound
	id    int
	all   []modelPublication
}

func newModelRound(t *testing.T, seed uint64) *modelRound {
	rng := rand.New(rand.NewPCG(seed, 1))
	o := Options{
		History:         []HistoryRule{{Pattern: "h1", Count: 1 + rng.IntN(60)}, {Pattern: "h*", Bytes: 300 + rng.IntN(40_000)}},
		MaxIdleChannels: []int{0, -1, 1}[rng.IntN(3)],
		MaxBacklog:      []int{0, 0, 100}[rng.IntN(3)],
	}
	b, g := startBroker(t, 1+rng.IntN(3), o)
	r := &modelRound{t: t, seed: seed, broker: b, group: g}
	for range 3 {
		r.owners = append(r.owners, &modelOwner{id: NewOwnerID()})
	}
	return r
}

func (r *modelRound) tick() int64 { return r.clock.Add(1) }

func (r *modelRound) rng(stream int) *rand.Rand { return rand.New(rand.NewPCG(r.seed, uint64(stream))) }

func (r *modelRound) publisher() *modelPublisher {
	r.mu.Lock()
	defer r.mu.Unlock()
	p := &modelPublisher{round: r, id: len(r.publishers)}
	r.publishers = append(r.publishers, p)
	return p
}

// publish publishes the next message, of some size.
func (p *modelPublisher) publish(rng *rand.Rand, channel string, filter int16, exclude *modelOwner) modelPublication {
	r := p.round
	size := modelHeader + rng.IntN(40)
	if rng.IntN(20) == 0 {
		size += rng.IntN(3000)
	}
	m := modelPublication{channel: channel, filter: filter, exclude: exclude}
	out := Publication{Channel: channel, Filter: filter, Payload: modelPayload(size, p.id, len(p.all))}
	if exclude != nil {
		out.Exclude = exclude
	}
	m.began = r.tick()
	m.receivers, m.err = r.broker.Send(out)
	m.returned = r.tick()
	if m.err != nil && !errors.Is(m.err, ErrBacklog) && !errors.Is(m.err, ErrClosed) {
		r.t.Errorf("Send: %v", m.err)
	}
	p.all = append(p.all, m)
	return m
}

func (r *modelRound) run() {
	var publishing, churning sync.WaitGroup
	var quiet atomic.Bool
	for i := range modelPublishers {
		publishing.Go(func() { r.publishMany(r.rng(100+i), r.publisher()) })
	}
	for i := range modelChurners {
		churning.Go(func() { r.churn(r.rng(200+i), &quiet) })
	}
	rng := r.rng(300)
	if rng.IntN(4) == 0 { // with everything in flight
		publishing.Go(func() {
			pause(rng, 100*time.Millisecond)
			r.close()
		})
	}
	publishing.Wait()
	quiet.Store(true)
	churning.Wait()
	if rng.IntN(2) == 0 { // those that are free are cancelled by it
		r.close()
	}
	for _, s := range r.subs {
		s.cancel()
	}
	for _, s := range r.subs {
		await(r.t, s.gone, "the end of "+s.String())
	}
	r.check()
}

// pause is for a moment at most. It makes other things happen in between; nothing waits for it.
func pause(rng *rand.Rand, most time.Duration) { time.Sleep(time.Duration(rng.Int64N(int64(most)))) }

func (r *modelRound) publishMany(rng *rand.Rand, p *modelPublisher) {
	for len(p.all) < modelMessages {
		var exclude *modelOwner
		if rng.IntN(4) == 0 {
			exclude = r.owners[rng.IntN(len(r.owners))]
		}
		m := p.publish(rng, modelNames[rng.IntN(len(modelNames))], modelFilters[rng.IntN(len(modelFilters))], exclude)
		switch {
		case errors.Is(m.err, ErrClosed):
			return
		case m.err != nil || rng.IntN(30) == 0:
			pause(rng, 2*time.Millisecond)
		case rng.IntN(8) == 0:
			runtime.Gosched()
		}
	}
}

// churn subscribes and cancels until it is quiet, and then once more.
func (r *modelRound) churn(rng *rand.Rand, quiet *atomic.Bool) {
	p := r.publisher()
	var standing []*modelSub
	var resume []*modelSub // have ended, and may be resumed
	for last := false; !last; {
		last = quiet.Load()
		if len(standing) < modelStanding && rng.IntN(3) > 0 {
			if s := r.subscribe(rng, resume); s != nil {
				standing = append(standing, s)
			}
		} else if n := len(standing); n > 0 {
			i := rng.IntN(n)
			s := standing[i]
			standing[i] = standing[n-1]
			standing = standing[:n-1]
			r.end(rng, p, s)
			if s.past() {
				resume = append(resume, s)
			}
		}
		if n := len(standing); n > 0 && rng.IntN(3) == 0 {
			if s := standing[rng.IntN(n)]; s.options.Member != nil {
				s.subscription().SetMember(&Member{ID: fmt.Sprint("member ", rng.IntN(3))})
			}
		}
		if rng.IntN(4) == 0 {
			pause(rng, time.Millisecond)
		}
	}
}

// end cancels a subscription; perhaps after a message of its own has come, which tells that it had caught up.
func (r *modelRound) end(rng *rand.Rand, p *modelPublisher, s *modelSub) {
	if !s.pattern && rng.IntN(2) == 0 {
		s.marker.Store(uint64(p.id)<<32 | uint64(len(p.all)))
		if m := p.publish(rng, s.name, s.filter, nil); m.err == nil && s.cancelling.Load() == 0 {
			if s.awaitMark() {
				s.caughtUp = m.began
			}
		}
	}
	s.cancel()
	if rng.IntN(3) == 0 || s.past() {
		await(r.t, s.gone, "the end of "+s.String())
	}
}

// awaitMark waits for the message that marker names. It may be dropped, and it may be in a Gap.
func (s *modelSub) awaitMark() (came bool) {
	for waited := time.Duration(0); waited < long; waited += 50 * time.Millisecond {
		select {
		case <-s.marked:
			return !s.hasGap
		case <-s.gone: // somebody else cancelled it
			return false
		case <-time.After(50 * time.Millisecond):
			if s.subscription().Dropped() > 0 {
				return false
			}
		}
	}
	s.round.t.Errorf("%v: message %x did not come", s, s.marker.Load())
	return false
}

// close closes the broker, which cancels the free subscriptions that there are.
func (r *modelRound) close() {
	r.mu.Lock() // nobody subscribes meanwhile; who is about to is refused
	defer r.mu.Unlock()
	began := r.tick()
	for _, s := range r.subs {
		if s.free() {
			s.cancelling.CompareAndSwap(0, began)
		}
	}
	r.broker.Close()
	ended := r.tick()
	for _, s := range r.subs {
		if s.free() {
			s.cancelled.CompareAndSwap(0, ended)
		}
	}
}
