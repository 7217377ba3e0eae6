package pubsub

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"
)

// TestEngineChurn: engines come and go while subscriptions do. recorder checks that each is told of each topic in turn;
// at the end everybody wants the same.
func TestEngineChurn(t *testing.T) {
	b, g := startBroker(t, 2, Options{MaxIdleChannels: -1})
	var churning, attaching sync.WaitGroup
	stop := make(chan struct{})
	for i := range 2 {
		attaching.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 1))
			for {
				select {
				case <-stop:
					return
				default:
				}
				e := &recorder{t: t}
				if err := b.AttachEngine(e); err != nil {
					t.Error(err)
				}
				if rng.IntN(2) == 0 {
					b.SetDefault(e)
				}
				pause(rng, 500_000)
				listed := map[Topic]bool{}
				e.in.Topics(func(t Topic) { listed[t] = true })
				if err := b.DetachEngine(e); err != nil {
					t.Error(err)
				}
			}
		})
	}
	standing := &recorder{t: t}
	if err := b.AttachEngine(standing); err != nil {
		t.Fatal(err)
	}
	var left sync.Map
	for c := range 3 {
		churning.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(c), 3))
			var all []*listener
			for range 500 {
				if len(all) > 0 && rng.IntN(2) == 0 {
					all[0].Cancel()
					all = all[1:]
					continue
				}
				name, o := fmt.Sprint(rng.IntN(5)), SubscribeOptions{Pattern: rng.IntN(2) == 0, Filter: int16(rng.IntN(3) / 2)}
				all = append(all, newListener(t, g).attach(b, name, o))
				b.Publish(name, nil)
			}
			for _, l := range all {
				left.Store(l, true)
			}
		})
	}
	churning.Wait()
	close(stop)
	attaching.Wait()
	late := &recorder{t: t}
	if err := b.AttachEngine(late); err != nil {
		t.Fatal(err)
	}
	want := map[Topic]bool{}
	left.Range(func(l, _ any) bool {
		if s := l.(*listener); s.Filter() == 0 {
			want[Topic{s.Name(), s.IsPattern()}] = true
		}
		return true
	})
	if !maps.Equal(standing.wants(), want) || !maps.Equal(late.wants(), want) {
		t.Errorf("wants %v and %v, want %v", standing.wants(), late.wants(), want)
	}
	left.Range(func(l, _ any) bool {
		l.(*listener).Cancel()
		await(t, l.(*listener).gone, "Unsubscribed")
		return true
	})
	if len(standing.wants()) != 0 || len(late.wants()) != 0 {
		t.Errorf("wants %v and %v at the end", standing.wants(), late.wants())
	}
}

// TestEngineOrder: what one publisher publishes on one channel is carried in order.
func TestEngineOrder(t *testing.T) {
	b, _ := startBroker(t, 2, Options{})
	e := &recorder{t: t}
	if err := b.AttachEngine(e); err != nil {
		t.Fatal(err)
	}
	var publishing sync.WaitGroup
	for p := range 3 {
		publishing.Go(func() {
			for i := range 500 {
				publish(t, b, "c", fmt.Sprint(p, " ", i))
			}
		})
	}
	publishing.Wait()
	var next [3]int
	for _, text := range e.take() {
		var p, i int
		fmt.Sscanf(text, "c:%d %d", &p, &i)
		if i != next[p] {
			t.Fatalf("message %d of publisher %d, want %d", i, p, next[p])
		}
		next[p]++
	}
	if next != [3]int{500, 500, 500} {
		t.Errorf("carried %v", next)
	}
}
