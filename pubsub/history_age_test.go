package pubsub

import (
	"fmt"
	"sync"
	"testing"
	"time"
)

// TestHistoryGrowsOld: messages older than the rule's Age are gone, also if nothing is published any more; then the
// channel is not needed any more either.
func TestHistoryGrowsOld(t *testing.T) {
	b, m := manualBroker(t, Options{History: []HistoryRule{{Pattern: "*", Age: 5 * time.Millisecond}}, MaxIdleChannels: -1})
	const channels = 50
	for i := range channels {
		publish(t, b, fmt.Sprint(i), "x")
	}
	m.Run()
	if s := b.Stats(); s.HistoryBytes == 0 {
		t.Error("nothing was kept")
	}
	eventually(t, "everything is too old", func() bool {
		m.Advance(time.Second) // the janitor's second
		s := b.Stats()
		return s.HistoryBytes == 0 && s.Channels == 0 && s.Forgotten == channels
	})
	m.Advance(5 * time.Second)
	if b.janitor.awake.Load() {
		t.Error("the janitor does not sleep, and there is nothing to do")
	}
	publish(t, b, "again", "x")
	m.Run()
	eventually(t, "the new message is too old, too", func() bool {
		m.Advance(time.Second)
		return b.Stats().HistoryBytes == 0
	})
}

// TestOldMessagesAreNotReplayed: even if nobody has taken them away yet. What is missing is told.
func TestOldMessagesAreNotReplayed(t *testing.T) {
	b, m := manualBroker(t, Options{History: []HistoryRule{{Pattern: "*", Age: time.Millisecond}}})
	l := newListener(t, m.Group()).attach(b, "c", SubscribeOptions{}) // keeps the channel
	for i := range 3 {
		publish(t, b, "c", fmt.Sprint(i))
	}
	m.Run()
	l.want("0", "1", "2")
	first := b.Channel("c", 0).Position
	first.Sequence = 1
	old := time.Now().Add(2 * time.Millisecond)
	eventually(t, "they are old", func() bool { return time.Now().After(old) })
	late := newListener(t, m.Group()).attach(b, "c", SubscribeOptions{After: &first})
	last := newListener(t, m.Group()).attach(b, "c", SubscribeOptions{Last: 3})
	m.Run()
	late.want("gap of 2")
	last.want()
}

// TestFirstRuleCounts: of several rules that match a channel's name.
func TestFirstRuleCounts(t *testing.T) {
	rules := []HistoryRule{{Pattern: "a*", Count: 2}, {Pattern: "*", Count: 5}, {Pattern: "ab", Count: 7}, {Pattern: "a*", Count: 9}}
	b, _ := manualBroker(t, Options{History: rules})
	want := func(channel string, n int) {
		t.Helper()
		for range 20 {
			publish(t, b, channel, "x")
		}
		if kept := b.Channel(channel, 0).Kept; kept != n {
			t.Errorf("%s keeps %d, want %d", channel, kept, n)
		}
	}
	want("ab", 2)
	want("b", 5)
	if err := b.SetHistory([]HistoryRule{rules[2], rules[1], rules[0]}); err != nil {
		t.Fatal(err)
	}
	want("ab", 7)
	want("abc", 5)
	if err := b.SetHistory(nil); err != nil {
		t.Fatal(err)
	}
	if s := b.Stats(); s.HistoryBytes != 0 {
		t.Errorf("%+v", s)
	}
	want("ab", 0)
}

// TestHistoryBytesOfAllChannels: the bound on all histories together holds at every moment, however many publish at once.
func TestHistoryBytesOfAllChannels(t *testing.T) {
	const most = 50_000
	b, _ := startBroker(t, 2, Options{History: []HistoryRule{{Pattern: "*", Count: 1000}}, MaxHistoryBytes: most})
	var publishing sync.WaitGroup
	for p := range 4 {
		publishing.Go(func() {
			for i := range 2000 {
				publish(t, b, fmt.Sprint(p, i%7), string(make([]byte, i%3000)))
				if n := b.historyBytes.Load(); n > most {
					t.Errorf("%d bytes, %d allowed", n, most)
					return
				}
			}
		})
	}
	publishing.Wait()
	sum := 0
	for info := range b.Channels() {
		sum += info.KeptBytes
	}
	if s := b.Stats(); s.HistoryBytes != sum || sum > most {
		t.Errorf("%d bytes in all, %d in the channels", s.HistoryBytes, sum)
	}
}
