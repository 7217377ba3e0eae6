package pubsub

import (
	"fmt"
	"testing"
)

// neighbours are n channels whose names are in one shard.
func neighbours(b *Broker, n int) (names []string) {
	first := b.plain.shard("0")
	for i := 0; len(names) < n; i++ {
		if name := fmt.Sprint(i); b.plain.shard(name) == first {
			names = append(names, name)
		}
	}
	return names
}

// TestHistoryGivesUpNeighbours: where histories have no room left, one that nobody has subscribed to ends for the sake of
// one that is published to, which is not forgotten itself meanwhile.
func TestHistoryGivesUpNeighbours(t *testing.T) {
	for _, idle := range []int{-1, 1, 100_000} {
		b, m := manualBroker(t, Options{History: []HistoryRule{{Pattern: "*", Count: 10}}, MaxHistoryBytes: 700, MaxIdleChannels: idle})
		names := neighbours(b, 4)
		quiet, loud, subscribed := names[0], names[1], names[2]
		l := newListener(t, m.Group()).attach(b, loud, SubscribeOptions{}) // so that it is idle, not new
		l.Cancel()
		s := newListener(t, m.Group()).attach(b, subscribed, SubscribeOptions{})
		publish(t, b, subscribed, "x")
		publish(t, b, quiet, "x")
		publish(t, b, loud, "y")
		m.Run()
		for name, want := range map[string]int{quiet: 0, loud: 1, subscribed: 1} {
			if info := b.Channel(name, 0); info.Kept != want {
				t.Errorf("idle %d: %+v, want %d kept", idle, info, want)
			}
		}
		publish(t, b, loud, "z")
		if info := b.Channel(loud, 0); info.Position.Sequence < 1 || info.Kept != 1 {
			t.Errorf("idle %d: %+v", idle, info)
		}
		late := newListener(t, m.Group()).attach(b, loud, SubscribeOptions{Last: 5})
		m.Run()
		late.want("z")
		sum := 0
		for info := range b.Channels() {
			sum += info.KeptBytes
		}
		if st := b.Stats(); st.HistoryBytes != sum || st.HistoryBytes > 700 {
			t.Errorf("idle %d: %d bytes in the channels, %+v", idle, sum, st)
		}
		s.Cancel()
		late.Cancel()
		m.Run()
	}
}
