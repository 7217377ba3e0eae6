package pubsub

import (
	"errors"
	"fmt"
	"math"
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

// TestBacklogRefusesWholly: a message for several loops, one of which is behind, is refused for all of them: nobody gets
// it, and everybody gets what was accepted.
func TestBacklogRefusesWholly(t *testing.T) {
	for _, o := range []Options{{MaxBacklog: 20}, {MaxBacklogBytes: 20 * 300}} {
		b, g := startBroker(t, 2, o)
		var fast, slow *listener
		for fast == nil || slow == nil {
			l := newListener(t, g)
			switch l.loop.Index() {
			case 0:
				fast = l
			default:
				slow = l
			}
		}
		entered, blocked := make(chan struct{}), make(chan struct{})
		once := true
		slow.onRun = func(*Run) {
			if once {
				once = false
				close(entered)
				<-blocked
			}
		}
		heard := make(chan string, 100)
		fast.onText = func(text string) { heard <- text }
		fast.attach(b, "c", SubscribeOptions{})
		slow.attach(b, "c", SubscribeOptions{})
		publish(t, b, "c", "first")
		await(t, entered, "the delivery that blocks")
		await(t, heard, "the first message")
		accepted, refused := []string{"first"}, 0
		for i := range 100 {
			text := fmt.Sprintf("%044d", i)
			switch n, err := b.Publish("c", []byte(text)); {
			case err == nil:
				accepted = append(accepted, text)
				if got := await(t, heard, "what was accepted"); got != text || n != 2 {
					t.Errorf("heard %s, want %s, %d receivers", got, text, n)
				}
			case errors.Is(err, ErrBacklog) && n == 0:
				refused++
			default:
				t.Error(n, err)
			}
		}
		if len(accepted) < 15 || len(accepted) > 25 || refused != 101-len(accepted) || b.Stats().Refused != uint64(refused) {
			t.Errorf("%d accepted, %d refused, %d counted", len(accepted), refused, b.Stats().Refused)
		}
		// Nobody but the fast loop is concerned by what goes there only.
		other := newListener(t, g)
		if other.loop != fast.loop {
			other = newListener(t, g)
		}
		other.attach(b, "other", SubscribeOptions{})
		if _, err := b.Publish("other", []byte("x")); err != nil {
			t.Error(err)
		}
		close(blocked)
		for _, l := range []*listener{fast, slow, other} {
			l.Cancel()
			await(t, l.gone, "Unsubscribed")
		}
		slow.want(accepted...)
		if n := b.Channel("c", 0).Position.Sequence; n != uint64(len(accepted)) && n != 0 {
			t.Errorf("%d messages counted, %d accepted", n, len(accepted))
		}
	}
}

// TestHugeMessageAlone: one message is never too large for the bounds on bytes.
func TestHugeMessageAlone(t *testing.T) {
	b, m := manualBroker(t, Options{MaxBacklogBytes: 1000})
	l := newListener(t, m.Group()).attach(b, "c", SubscribeOptions{})
	huge := strings.Repeat("x", MaxPayload)
	var got int
	s, err := b.Subscribe("c", func(m *Message) { got += len(m.Payload()) }, SubscribeOptions{MaxWaitingBytes: 1})
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		publish(t, b, "c", huge)
		if _, err := b.Publish("c", nil); !errors.Is(err, ErrBacklog) {
			t.Error("accepted beyond the bound")
		}
		m.Run()
	}
	l.want(huge, huge)
	if got != 2*MaxPayload || s.Dropped() != 0 {
		t.Errorf("%d bytes, %d dropped", got, s.Dropped())
	}
}

// TestMaxWaiting: what waits for a function is bounded in number and bytes; what does not fit is dropped and counted, and
// it is the newest.
func TestMaxWaiting(t *testing.T) {
	for name, test := range map[string]struct {
		o    SubscribeOptions
		want int
	}{
		"messages": {SubscribeOptions{MaxWaiting: 7}, 7},
		"bytes":    {SubscribeOptions{MaxWaitingBytes: 5 * (100 + 256)}, 5},
	} {
		t.Run(name, func(t *testing.T) {
			b, m := manualBroker(t, Options{})
			var got []string
			s, err := b.Subscribe("c", func(m *Message) { got = append(got, string(m.Payload())) }, test.o)
			if err != nil {
				t.Fatal(err)
			}
			m.Run()
			for round := range 3 {
				got = nil
				for i := range 30 {
					publish(t, b, "c", fmt.Sprintf("%0100d", i))
				}
				m.Run() // all of them are one run, or what fits into one
				if len(got) != test.want || s.Dropped() != uint64((round+1)*(30-test.want)) {
					t.Errorf("got %d, %d dropped", len(got), s.Dropped())
				}
				for i, text := range got {
					if text != fmt.Sprintf("%0100d", i) {
						t.Errorf("message %d: %s", i, text)
					}
				}
			}
			if st := b.Stats(); st.Delivered != uint64(3*test.want) || st.Dropped != s.Dropped() {
				t.Errorf("%+v", st)
			}
		})
	}
}

// TestForgottenChannels: a channel that nobody needs is remembered as long as there is room for it, and its numbers go
// on; then they begin anew, in another epoch, and that is counted.
func TestForgottenChannels(t *testing.T) {
	visit := func(b *Broker, l *listener, run func(), name string) Position {
		l.attach(b, name, SubscribeOptions{})
		publish(t, b, name, "x")
		run()
		at := b.Channel(name, 0).Position
		l.Cancel()
		run()
		return at
	}
	b, m := manualBroker(t, Options{MaxIdleChannels: -1})
	one := visit(b, newListener(t, m.Group()), m.Run, "c")
	two := visit(b, newListener(t, m.Group()), m.Run, "c")
	if one.Epoch == two.Epoch || one.Sequence != 1 || two.Sequence != 1 || b.Stats().Forgotten != 2 || b.Channel("c", 0).Position.Epoch != 0 {
		t.Errorf("%v, %v, %+v", one, two, b.Stats())
	}
	b, m = manualBroker(t, Options{MaxIdleChannels: 1}) // in each part
	one = visit(b, newListener(t, m.Group()), m.Run, "c")
	two = visit(b, newListener(t, m.Group()), m.Run, "c")
	if one.Epoch != two.Epoch || two.Sequence != 2 || b.Stats().IdleChannels != 1 {
		t.Errorf("%v, %v, %+v", one, two, b.Stats())
	}
	for i := range 5000 {
		visit(b, newListener(t, m.Group()), m.Run, fmt.Sprint(i))
	}
	s := b.Stats()
	if three := visit(b, newListener(t, m.Group()), m.Run, "c"); three.Epoch == one.Epoch || three.Sequence != 1 {
		t.Errorf("%v, %v", one, three)
	}
	if s.IdleChannels > plainShards || s.IdleChannels+int(s.Forgotten) != 5001 || s.Channels != 0 {
		t.Errorf("%+v", s)
	}
}
