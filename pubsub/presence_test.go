package pubsub

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
)

func memberIDs(b *Broker, channel string) (ids []string) {
	for _, p := range b.Members(channel) {
		ids = append(ids, fmt.Sprintf("%s*%d", p.ID, p.Subscriptions))
	}
	slices.Sort(ids)
	return ids
}

// TestPresence: who comes and goes is told in order with the messages, once for each member however many subscriptions it
// has, to those who asked, by name and by pattern. Events are no messages: they are not numbered and not kept.
func TestPresence(t *testing.T) {
	b, m := manualBroker(t, kept(100))
	g := m.Group()
	subscribe := func(name string, o SubscribeOptions) *listener { return newListener(t, g).attach(b, name, o) }
	watcher := subscribe("room", SubscribeOptions{Events: true})
	pattern := subscribe("r*", SubscribeOptions{Pattern: true, Events: true})
	deaf := []*listener{subscribe("room", SubscribeOptions{}), subscribe("*m", SubscribeOptions{Pattern: true}), subscribe("other", SubscribeOptions{Events: true})}
	member := func(id, info string) *listener {
		return subscribe("room", SubscribeOptions{Member: &Member{ID: id, Info: []byte(info)}, Events: id == "bob"})
	}
	publish(t, b, "room", "1")
	ann := member("ann", "first")
	publish(t, b, "room", "2")
	ann2, bob := member("ann", "second"), member("bob", "")
	if ids := memberIDs(b, "room"); !slices.Equal(ids, []string{"ann*2", "bob*1"}) {
		t.Errorf("members %q", ids)
	}
	for _, p := range b.Members("room") {
		if p.ID == "ann" && string(p.Info) != "first" || p.Since.IsZero() {
			t.Errorf("%+v", p)
		}
	}
	if n := publish(t, b, "room", "3"); n != 7 {
		t.Errorf("%d receivers", n)
	}
	ann.Cancel()
	ann.Cancel()
	publish(t, b, "room", "4")
	ann2.Cancel()
	publish(t, b, "room", "5")
	bob.Cancel()
	carl := member("carl", "")
	m.Run()
	want := []string{"1", "+ann", "2", "+bob", "3", "4", "-ann", "5", "-bob", "+carl"}
	watcher.want(want...)
	pattern.want(want...)
	deaf[0].want("1", "2", "3", "4", "5")
	deaf[1].want("1", "2", "3", "4", "5")
	deaf[2].want()
	ann.want("2", "3")
	ann2.want("3", "4")
	bob.want("+bob", "3", "4", "-ann", "5")
	carl.want()
	late := subscribe("room", SubscribeOptions{Last: 100, Events: true})
	m.Run()
	late.want("1", "2", "3", "4", "5")
	info, s := b.Channel("room", 0), b.Stats()
	if info.Position.Sequence != 5 || info.Kept != 5 || info.Members != 1 || s.Published != 5 || s.Members != 1 {
		t.Errorf("%+v, %+v", info, s)
	}
	carl.Cancel()
	if ids := memberIDs(b, "room"); ids != nil {
		t.Errorf("members %q", ids)
	}
}

// TestMaxMembers: it counts members, not subscriptions, and who has left makes room.
func TestMaxMembers(t *testing.T) {
	b, m := manualBroker(t, Options{MaxMembers: 2})
	join := func(channel, id string) (*listener, error) {
		l := newListener(t, m.Group())
		return l, b.Attach(&l.Subscription, channel, l, l.loop, SubscribeOptions{Member: &Member{ID: id}})
	}
	ann, err := join("c", "ann")
	for _, step := range []struct {
		channel, id string
		want        error
	}{{"c", "bob", nil}, {"c", "carl", ErrMembers}, {"c", "ann", nil}, {"d", "carl", nil}, {"c", "dora", ErrMembers}} {
		if _, got := join(step.channel, step.id); err != nil || !errors.Is(got, step.want) {
			t.Errorf("%s to %s: %v", step.id, step.channel, got)
		}
	}
	ann.Cancel()
	if _, err := join("c", "carl"); !errors.Is(err, ErrMembers) { // the other of ann's stands
		t.Error(err)
	}
	longest, info := strings.Repeat("x", MaxMember), make([]byte, MaxInfo)
	l := newListener(t, m.Group())
	if err := b.Attach(&l.Subscription, "e", l, l.loop, SubscribeOptions{Member: &Member{ID: longest, Info: info}}); err != nil {
		t.Error(err)
	}
	m.Run()
}

// TestSetMember: a subscription may become that of another member, or nobody's, without missing anything.
func TestSetMember(t *testing.T) {
	b, m := manualBroker(t, Options{MaxMembers: 2})
	watcher := newListener(t, m.Group()).attach(b, "c", SubscribeOptions{Events: true})
	l := newListener(t, m.Group()).attach(b, "c", SubscribeOptions{Member: &Member{ID: "ann"}})
	plain := newListener(t, m.Group()).attach(b, "c", SubscribeOptions{})
	for _, step := range []struct {
		s      *listener
		member *Member
		want   error
	}{
		{l, &Member{ID: "bob"}, nil},
		{l, nil, nil},
		{l, nil, nil},
		{l, &Member{ID: "carl"}, nil},
		{l, &Member{}, ErrBadOption},
		{l, &Member{ID: "x", Info: make([]byte, MaxInfo+1)}, ErrBadOption},
		{plain, &Member{ID: "x"}, ErrBadOption},
		{plain, nil, ErrBadOption},
	} {
		if err := step.s.SetMember(step.member); !errors.Is(err, step.want) {
			t.Errorf("SetMember(%v) = %v", step.member, err)
		}
		publish(t, b, "c", "x")
	}
	newListener(t, m.Group()).attach(b, "c", SubscribeOptions{Member: &Member{ID: "dora"}})
	if err := l.SetMember(&Member{ID: "dora"}); err != nil {
		t.Error(err)
	}
	if ids := memberIDs(b, "c"); !slices.Equal(ids, []string{"dora*2"}) {
		t.Errorf("members %q", ids)
	}
	l.Cancel()
	if err := l.SetMember(nil); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	m.Run()
	watcher.want("+ann", "+bob", "-ann", "x", "-bob", "x", "x", "+carl", "x", "x", "x", "x", "x", "+dora", "-carl")
	l.want("x", "x", "x", "x", "x", "x", "x", "x")
}

// TestPresenceChurn: members come and go from many goroutines and loops; every watcher hears of each in turn that it joined
// and that it left, and at the end nobody is there.
func TestPresenceChurn(t *testing.T) {
	b, g := startBroker(t, 3, Options{})
	var watchers []*listener
	for i := range 6 {
		l := newListener(t, g)
		here := map[string]bool{}
		l.onText = func(text string) {
			if text[0] != '+' && text[0] != '-' {
				return
			}
			if come := text[0] == '+'; here[text[1:]] == come {
				t.Errorf("%s, and that was so before", text)
			}
			here[text[1:]] = text[0] == '+'
		}
		watchers = append(watchers, l.attach(b, []string{"c", "[cd]"}[i%2], SubscribeOptions{Events: true, Pattern: i%2 == 1}))
	}
	var churning sync.WaitGroup
	for c := range 4 {
		churning.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(c), 9))
			var all []*listener
			for range 400 {
				if len(all) > 5 || len(all) > 0 && rng.IntN(2) == 0 {
					l := all[0]
					all = all[1:]
					l.Cancel()
					await(t, l.gone, "Unsubscribed")
					continue
				}
				l := newListener(t, g).attach(b, "c", SubscribeOptions{Member: &Member{ID: fmt.Sprint(rng.IntN(4))}, Events: rng.IntN(3) == 0})
				if rng.IntN(4) == 0 {
					l.SetMember(&Member{ID: fmt.Sprint(rng.IntN(4))})
				}
				publish(t, b, "c", "x")
				all = append(all, l)
			}
			for _, l := range all {
				l.Cancel()
				await(t, l.gone, "Unsubscribed")
			}
		})
	}
	churning.Wait()
	if ids := memberIDs(b, "c"); ids != nil {
		t.Errorf("members %q", ids)
	}
	for _, l := range watchers {
		l.Cancel()
		await(t, l.gone, "Unsubscribed")
	}
}
