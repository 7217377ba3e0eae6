package pubsub

import (
	"errors"
	"fmt"
	"math"
	"testing"
)

// TestFilters: a filter is a namespace of its own, whatever its number; names may be empty there.
func TestFilters(t *testing.T) {
	b, m := manualBroker(t, Options{})
	filters := []int16{0, 1, -1, math.MaxInt16, math.MinInt16, 256}
	names := []string{"c", ""}
	type space struct {
		filter int16
		name   string
	}
	exact, patterns := map[space]*listener{}, map[int16]*listener{}
	for _, f := range filters {
		patterns[f] = newListener(t, m.Group()).attach(b, "*", SubscribeOptions{Pattern: true, Filter: f})
		for _, name := range names {
			if f != 0 || name != "" {
				exact[space{f, name}] = newListener(t, m.Group()).attach(b, name, SubscribeOptions{Filter: f})
			}
		}
	}
	for _, f := range filters {
		for _, name := range names {
			want, payload := 2, fmt.Sprint(f, name)
			if name == "" { // no pattern but the empty one matches it
				want = 1
			}
			n, err := b.Send(Publication{Channel: name, Filter: f, Payload: []byte(payload)})
			if f == 0 && name == "" {
				want = 0
				if !errors.Is(err, ErrName) {
					t.Error(err)
				}
			} else if err != nil {
				t.Error(err)
			}
			if n != want {
				t.Errorf("%d receivers of %q, filter %d", n, name, f)
			}
		}
	}
	m.Run()
	for at, l := range exact {
		l.want(fmt.Sprint(at.filter, at.name))
	}
	for f, l := range patterns {
		l.want(fmt.Sprint(f, "c"))
	}
	empty := newListener(t, m.Group()).attach(b, "", SubscribeOptions{Pattern: true, Filter: 9})
	if n, err := b.Send(Publication{Filter: 9}); n != 1 || err != nil { // neither name nor payload, but a filter
		t.Error(n, err)
	}
	m.Run()
	empty.want("")
	count := 0
	for info := range b.Channels() {
		if info.Subscriptions != 1 || exact[space{info.Filter, info.Name}] == nil {
			t.Errorf("%+v", info)
		}
		count++
	}
	if count != len(exact) {
		t.Errorf("%d channels", count)
	}
}
