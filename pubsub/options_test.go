package pubsub

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// TestBadSubscribeOptions: every combination of options that does not go is refused, by all ways to subscribe, and leaves
// nothing behind.
func TestBadSubscribeOptions(t *testing.T) {
	b, m := manualBroker(t, Options{MaxMembers: 1})
	ann := &Member{ID: "ann"}
	newListener(t, m.Group()).attach(b, "full", SubscribeOptions{Member: ann})
	pos, now := &Position{}, time.Now()
	for name, test := range map[string]struct {
		channel string
		o       SubscribeOptions
		want    error
	}{
		"no name":                   {"", SubscribeOptions{}, ErrName},
		"no pattern":                {"", SubscribeOptions{Pattern: true}, ErrName},
		"long name":                 {strings.Repeat("x", MaxName+1), SubscribeOptions{}, ErrName},
		"long name with a filter":   {strings.Repeat("x", MaxName+1), SubscribeOptions{Filter: 1}, ErrName},
		"long pattern":              {strings.Repeat("*", 1025), SubscribeOptions{Pattern: true}, ErrName},
		"After and From":            {"c", SubscribeOptions{After: pos, From: now}, ErrBadOption},
		"After and Last":            {"c", SubscribeOptions{After: pos, Last: 1}, ErrBadOption},
		"From and Last":             {"c", SubscribeOptions{From: now, Last: 1}, ErrBadOption},
		"all three":                 {"c", SubscribeOptions{After: pos, From: now, Last: 1}, ErrBadOption},
		"negative Last":             {"c", SubscribeOptions{Last: -1}, ErrBadOption},
		"pattern After":             {"c", SubscribeOptions{Pattern: true, After: pos}, ErrBadOption},
		"pattern From":              {"c", SubscribeOptions{Pattern: true, From: now}, ErrBadOption},
		"pattern Last":              {"c", SubscribeOptions{Pattern: true, Last: 1}, ErrBadOption},
		"pattern Member":            {"c", SubscribeOptions{Pattern: true, Member: ann}, ErrBadOption},
		"filter After":              {"c", SubscribeOptions{Filter: 1, After: pos}, ErrBadOption},
		"filter From":               {"c", SubscribeOptions{Filter: 1, From: now}, ErrBadOption},
		"filter Last":               {"c", SubscribeOptions{Filter: 1, Last: 1}, ErrBadOption},
		"filter Member":             {"c", SubscribeOptions{Filter: -1, Member: ann}, ErrBadOption},
		"Member without ID":         {"c", SubscribeOptions{Member: &Member{}}, ErrBadOption},
		"Member with a long ID":     {"c", SubscribeOptions{Member: &Member{ID: strings.Repeat("x", MaxMember+1)}}, ErrBadOption},
		"Member with long Info":     {"c", SubscribeOptions{Member: &Member{ID: "x", Info: make([]byte, MaxInfo+1)}}, ErrBadOption},
		"negative MaxWaiting":       {"c", SubscribeOptions{MaxWaiting: -1}, ErrBadOption},
		"negative MaxWaitingBytes":  {"c", SubscribeOptions{MaxWaitingBytes: -1}, ErrBadOption},
		"a member more than may be": {"full", SubscribeOptions{Member: &Member{ID: "bob"}}, ErrMembers},
	} {
		l := newListener(t, m.Group())
		if err := b.Attach(&l.Subscription, test.channel, l, l.loop, test.o); !errors.Is(err, test.want) {
			t.Errorf("%s: Attach = %v", name, err)
		}
		if s, err := b.Subscribe(test.channel, func(*Message) {}, test.o); !errors.Is(err, test.want) || s != nil {
			t.Errorf("%s: Subscribe = %v, %v", name, s, err)
		}
		if s, _, err := b.SubscribeChan(test.channel, 1, test.o); !errors.Is(err, test.want) || s != nil {
			t.Errorf("%s: SubscribeChan = %v, %v", name, s, err)
		}
		l.Cancel() // of what never stood
	}
	if _, _, err := b.SubscribeChan("c", -1, SubscribeOptions{}); !errors.Is(err, ErrBadOption) {
		t.Errorf("SubscribeChan with capacity -1: %v", err)
	}
	l := newListener(t, m.Group())
	if err := b.Attach(&l.Subscription, "c", nil, l.loop, SubscribeOptions{}); !errors.Is(err, ErrNilSubscriber) {
		t.Errorf("Attach to nobody: %v", err)
	}
	m.Run()
	if s := b.Stats(); s.Subscriptions != 1 || s.Members != 1 || s.Channels != 1 || s.Patterns != 0 || len(b.free) != 0 {
		t.Errorf("left: %+v, %d free", s, len(b.free))
	}
}

// TestMaxPatterns: patterns are bounded in length and in number; more subscriptions to a known one are not more patterns,
// and one that has gone makes room.
func TestMaxPatterns(t *testing.T) {
	b, m := manualBroker(t, Options{MaxPattern: 3, MaxPatterns: 2})
	var standing []*listener
	for _, step := range []struct {
		name string
		want error
	}{{"a*", nil}, {"abc*", ErrName}, {"ab*", nil}, {"b*", ErrPatterns}, {"a*", nil}, {"c*", ErrPatterns}} {
		l := newListener(t, m.Group())
		if err := b.Attach(&l.Subscription, step.name, l, l.loop, SubscribeOptions{Pattern: true}); !errors.Is(err, step.want) {
			t.Errorf("%s: %v", step.name, err)
		}
		if step.want == nil {
			standing = append(standing, l)
		}
	}
	if n := publish(t, b, "abc", "x"); n != 3 {
		t.Errorf("%d receivers", n)
	}
	standing[0].Cancel()
	if _, err := b.Subscribe("b*", func(*Message) {}, SubscribeOptions{Pattern: true}); !errors.Is(err, ErrPatterns) {
		t.Error(err)
	}
	standing[1].Cancel()
	if _, err := b.Subscribe("b*", func(*Message) {}, SubscribeOptions{Pattern: true}); err != nil {
		t.Error(err)
	}
	m.Run()
}

// TestForeignLoop: a subscription lives on a loop of the broker's group.
func TestForeignLoop(t *testing.T) {
	b, m := manualBroker(t, Options{})
	_, other := manualBroker(t, Options{})
	l := newListener(t, other.Group())
	if err := b.Attach(&l.Subscription, "c", l, l.loop, SubscribeOptions{}); !errors.Is(err, ErrBadOption) {
		t.Error(err)
	}
	m.Run()
}

// TestSubscriptionIsUsedOnce: it cannot be attached again, neither while it stands nor later.
func TestSubscriptionIsUsedOnce(t *testing.T) {
	b, m := manualBroker(t, Options{})
	l := newListener(t, m.Group()).attach(b, "c", SubscribeOptions{Filter: 3})
	again := func() error { return b.Attach(&l.Subscription, "d", l, l.loop, SubscribeOptions{}) }
	if err := again(); !errors.Is(err, ErrSubscribed) {
		t.Error(err)
	}
	if l.Name() != "c" || l.IsPattern() || l.Filter() != 3 {
		t.Errorf("%q, %v, %d", l.Name(), l.IsPattern(), l.Filter())
	}
	l.Cancel()
	m.Run()
	if err := again(); !errors.Is(err, ErrSubscribed) {
		t.Error(err)
	}
}

// TestBadOptions: New and SetHistory refuse what they cannot do.
func TestBadOptions(t *testing.T) {
	b, m := manualBroker(t, Options{})
	for name, o := range map[string]Options{
		"MaxBacklog":        {MaxBacklog: -1},
		"MaxBacklogBytes":   {MaxBacklogBytes: -1},
		"MaxHistoryBytes":   {MaxHistoryBytes: -1},
		"MaxMembers":        {MaxMembers: -1},
		"no bound":          {History: []HistoryRule{{Pattern: "*"}}},
		"negative Count":    {History: []HistoryRule{{Pattern: "*", Count: -1, Bytes: 1}}},
		"negative Bytes":    {History: []HistoryRule{{Pattern: "*", Count: 1, Bytes: -1}}},
		"negative Age":      {History: []HistoryRule{{Pattern: "*", Count: 1, Age: -1}}},
		"long Pattern":      {History: []HistoryRule{{Pattern: strings.Repeat("x", MaxName+1), Count: 1}}},
		"the second's Age":  {History: []HistoryRule{{Pattern: "*", Count: 1}, {Pattern: "x", Age: -1}}},
		"the second's none": {History: []HistoryRule{{Pattern: "*", Count: 1}, {Pattern: "x"}}},
	} {
		if _, err := New(m.Group(), o); !errors.Is(err, ErrBadOption) || !errors.Is(o.Validate(), ErrBadOption) {
			t.Errorf("%s: New = %v, Validate = %v", name, err, o.Validate())
		}
		if len(o.History) > 0 {
			if err := b.SetHistory(o.History); !errors.Is(err, ErrBadOption) {
				t.Errorf("%s: SetHistory = %v", name, err)
			}
		}
	}
	if err := (Options{MaxIdleChannels: -1}).Validate(); err != nil {
		t.Error(err)
	}
}
