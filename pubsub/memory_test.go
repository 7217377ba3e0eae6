package pubsub

import (
	"runtime"
	"strconv"
	"testing"

	"github.com/troupe-go/troupe/reactor"
)

// liveHeap is the heap that is in use, with nothing left in pools.
func liveHeap() int64 {
	for range 3 { // sync.Pool keeps what it has for two
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// An embedding is a Subscriber that has its Subscription in its own memory, as large as that of a connection.
type embedding struct {
	Subscription
	_ [5]uintptr
}

func (e *embedding) Deliver(*Subscription, *Run) int { return 0 }
func (e *embedding) Unsubscribed(*Subscription)      {}

// TestMemoryOfSubscriptions: what a subscription to a channel costs, its subscriber's own memory counted in, when channels
// have ten each; and that it is all given back.
func TestMemoryOfSubscriptions(t *testing.T) {
	subscriptions, channels := 1_000_000, 100_000
	if raceDetector || testing.Short() {
		subscriptions, channels = 10_000, 1_000
	}
	b, m := manualBroker(t, Options{MaxIdleChannels: -1})
	loop := m.Group().Loops()[0]
	names := make([]string, channels)
	for i := range names {
		names[i] = "channel:" + strconv.Itoa(i)
	}
	all := make([]*embedding, subscriptions)
	before := liveHeap()
	for i := range all {
		all[i] = &embedding{}
		if err := b.Attach(&all[i].Subscription, names[i%channels], all[i], loop, SubscribeOptions{}); err != nil {
			t.Fatal(err)
		}
		if i%10_000 == 0 {
			m.Run()
		}
	}
	m.Run()
	each := (liveHeap() - before) / int64(subscriptions)
	t.Logf("%d subscriptions to %d channels: %d B each", subscriptions, channels, each)
	if each > 200 && !raceDetector {
		t.Errorf("%d B a subscription, want 200", each)
	}
	if s := b.Stats(); s.Subscriptions != subscriptions || s.Channels != channels {
		t.Errorf("%+v", s)
	}
	for i, e := range all {
		e.Cancel()
		all[i] = nil
		if i%10_000 == 0 {
			m.Run()
		}
	}
	m.Run()
	if s := b.Stats(); s.Channels != 0 || s.Subscriptions != 0 {
		t.Errorf("left: %+v", s)
	}
	// Maps of Go never shrink: what they keep of their buckets is bounded by what they held once.
	left := liveHeap() - before
	t.Logf("%d B a subscription are left when all are gone", left/int64(subscriptions))
	if left/int64(subscriptions) > 20 && !raceDetector {
		t.Errorf("%d B are left", left)
	}
	runtime.KeepAlive(names)
}

// TestMemoryOfFloods: what a burst needed is given back: queues, encoders' memory, runs.
func TestMemoryOfFloods(t *testing.T) {
	if raceDetector {
		t.Skip("memory under the race detector is not what it is")
	}
	b, m := manualBroker(t, Options{})
	flood := func(n int) {
		for i := range n {
			publish(t, b, strconv.Itoa(i%3), "payload")
		}
		m.Run()
	}
	encoder := NewEncoder("", 2, bracket)
	for i := range 3 {
		l := &floodListener{encoder: encoder}
		if err := b.Attach(&l.Subscription, strconv.Itoa(i), l, m.Group().Loops()[0], SubscribeOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	flood(100)
	before, buffers := liveHeap(), reactor.LiveBuffers()
	for range 3 {
		flood(90_000)
	}
	grown := liveHeap() - before
	t.Logf("%d B more after a flood", grown)
	if grown > 2<<20 || reactor.LiveBuffers() != buffers {
		t.Errorf("%d B and %d buffers are kept", grown, reactor.LiveBuffers()-buffers)
	}
}

type floodListener struct {
	embedding
	encoder *Encoder
}

func (f *floodListener) Deliver(_ *Subscription, run *Run) int {
	run.Frames(f.encoder)
	return 0
}
