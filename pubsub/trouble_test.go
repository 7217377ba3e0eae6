package pubsub

import (
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"
)

// TestTroubleHarmsNobodyElse: a subscriber that blocks, panics or ends its goroutine, in Deliver or in Unsubscribed, has
// had its chance. Everybody else on its loop gets every message exactly once, and those on the other loop are not even
// delayed.
func TestTroubleHarmsNobodyElse(t *testing.T) {
	for name, trouble := range map[string]func(){
		"blocks":       func() { time.Sleep(50 * time.Millisecond) },
		"panics":       func() { panic("expected") },
		"ends":         runtime.Goexit,
		"panics late":  func() { time.Sleep(5 * time.Millisecond); panic("expected") },
		"ends late":    func() { time.Sleep(5 * time.Millisecond); runtime.Goexit() },
		"panics a nil": func() { panic(nil) },
	} {
		t.Run(name, func(t *testing.T) {
			b, g := startBroker(t, 2, Options{})
			loops := g.Loops()
			var all []*listener
			troubled := 0
			for i := range 9 {
				l := newListener(t, g)
				if l.loop = loops[0]; i%3 == 1 { // the one in the middle
					troubled++
					l.onRun = func(*Run) { trouble() }
					defer func() { // its Unsubscribed has no hook: it is told apart by this
						if !l.over {
							t.Error("not told of its end")
						}
					}()
				}
				l.attach(b, []string{"c", "?"}[i%2], SubscribeOptions{Pattern: i%2 == 1})
				all = append(all, l)
			}
			other := newListener(t, g)
			other.loop = loops[1]
			heard := make(chan string, 100)
			other.onText = func(text string) { heard <- text }
			other.attach(b, "c", SubscribeOptions{})
			var want []string
			for i := range 5 {
				want = append(want, fmt.Sprint(i))
				publish(t, b, "c", want[i])
			}
			for i := range want {
				if text := await(t, heard, "a message on the other loop"); text != want[i] {
					t.Errorf("heard %s, want %s", text, want[i])
				}
			}
			for _, l := range append(all, other) {
				l.Cancel()
			}
			for i, l := range all {
				await(t, l.gone, "Unsubscribed")
				if i%3 != 1 && !slices.Equal(l.got, want) {
					t.Errorf("%d got %q, want %q", i, l.got, want)
				}
			}
			await(t, other.gone, "Unsubscribed")
			if n := b.Stats().Failures; (name == "blocks") != (n == 0) || name != "blocks" && n < uint64(troubled) {
				t.Errorf("%d failures", n)
			}
		})
	}
}

// A troubled is a Subscriber with trouble at its end.
type troubled struct {
	*listener
	atEnd func()
}

func (s *troubled) Unsubscribed(sub *Subscription) {
	s.listener.Unsubscribed(sub)
	s.atEnd()
}

// TestTroubleAtTheEnd: what Unsubscribed does concerns nobody else either, and it is called once.
func TestTroubleAtTheEnd(t *testing.T) {
	for name, trouble := range map[string]func(){
		"blocks": func() { time.Sleep(20 * time.Millisecond) },
		"panics": func() { panic("expected") },
		"ends":   runtime.Goexit,
	} {
		t.Run(name, func(t *testing.T) {
			b, g := startBroker(t, 1, Options{})
			var all []*listener
			for range 5 {
				l := newListener(t, g)
				all = append(all, l.attachAs(b, &troubled{l, trouble}, "c", SubscribeOptions{Events: true, Member: &Member{ID: "me"}}))
			}
			l := newListener(t, g).attach(b, "c", SubscribeOptions{})
			for i, l := range all {
				publish(t, b, "c", fmt.Sprint(i))
				l.Cancel()
			}
			for _, l := range all {
				await(t, l.gone, "Unsubscribed")
			}
			l.Cancel()
			await(t, l.gone, "Unsubscribed")
			l.want("0", "1", "2", "3", "4")
			if s := b.Stats(); s.Subscriptions != 0 || s.Members != 0 || (name != "blocks") != (s.Failures == 5) {
				t.Errorf("%+v", s)
			}
		})
	}
}

// TestBlockedHubTakesMessages: while a delivery blocks, its loop's messages wait, and are delivered in order when it is
// over.
func TestBlockedHubTakesMessages(t *testing.T) {
	b, g := startBroker(t, 1, Options{})
	blocker, other := newListener(t, g), newListener(t, g)
	entered, leave := make(chan struct{}), make(chan struct{})
	once := true
	blocker.onRun = func(*Run) {
		if once {
			once = false
			close(entered)
			<-leave
		}
	}
	blocker.attach(b, "c", SubscribeOptions{})
	other.attach(b, "*", SubscribeOptions{Pattern: true})
	publish(t, b, "c", "0")
	await(t, entered, "the delivery")
	var want []string
	for i := range 500 {
		want = append(want, fmt.Sprint(i))
		if i > 0 {
			publish(t, b, "c", want[i])
		}
	}
	echo := make(chan struct{})
	s, err := b.Subscribe("free", func(*Message) { close(echo) }, SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if n := publish(t, b, "free", "x"); n != 2 {
		t.Errorf("%d receivers", n)
	}
	late := newListener(t, g).attach(b, "c", SubscribeOptions{})
	early := newListener(t, g).attach(b, "c", SubscribeOptions{})
	early.Cancel()
	if st := b.Stats(); st.Waiting < 499 {
		t.Errorf("%d wait", st.Waiting)
	}
	close(leave)
	await(t, echo, "the free subscription's message")
	for _, l := range []*listener{blocker, other, late, early} {
		l.Cancel()
		await(t, l.gone, "Unsubscribed")
	}
	s.Cancel()
	blocker.want(want...)
	other.want(append(want, "x")...)
	late.want()
	early.want()
}

// TestCallsFromInside: a subscriber may subscribe, cancel and publish from wherever it is called; nothing waits for
// itself, and the order stays.
func TestCallsFromInside(t *testing.T) {
	b, g := startBroker(t, 2, kept(100))
	const depth = 50
	done := make(chan struct{})
	var ends []*listener
	newEnd := func(name string) *listener {
		l := newListener(t, g).attach(b, name, SubscribeOptions{Last: 10, Events: true, Member: &Member{ID: "inside"}})
		ends = append(ends, l)
		return l
	}
	l := newListener(t, g)
	echo := newListener(t, g).attach(b, "*", SubscribeOptions{Pattern: true, Events: true})
	l.onText = func(text string) {
		var n int
		fmt.Sscan(text, &n)
		inner := newEnd("inner")
		publish(t, b, "inner", "x")
		inner.Cancel()
		s, err := b.Subscribe("c", func(*Message) { b.Publish("inner", nil) }, SubscribeOptions{})
		if err != nil {
			t.Error(err)
		}
		s.Cancel()
		b.Members("c")
		b.Channel("c", 0)
		b.Stats()
		if n == depth {
			l.Cancel()
			close(done)
			return
		}
		publish(t, b, "c", fmt.Sprint(n+1))
	}
	l.attach(b, "c", SubscribeOptions{})
	publish(t, b, "c", "0")
	await(t, done, "the last call")
	await(t, l.gone, "Unsubscribed")
	for _, l := range ends {
		await(t, l.gone, "Unsubscribed")
	}
	echo.Cancel()
	await(t, echo.gone, "Unsubscribed")
	if n := len(b.Members("inner")); n != 0 {
		t.Errorf("%d members", n)
	}
}

// TestFreeFunctionTrouble: a function that blocks, panics or ends its goroutine gets the next message all the same, and
// delays nobody.
func TestFreeFunctionTrouble(t *testing.T) {
	for _, blocking := range []bool{false, true} {
		b, _ := startBroker(t, 1, Options{})
		gone := make(chan struct{})
		var got []string
		s, err := b.Subscribe("c", func(m *Message) {
			got = append(got, string(m.Payload()))
			switch len(got) % 3 {
			case 0:
				panic("expected")
			case 1:
				runtime.Goexit()
			default:
				time.Sleep(3 * time.Millisecond)
			}
		}, SubscribeOptions{Blocking: blocking, OnUnsubscribed: func(*Subscription) { close(gone); runtime.Goexit() }})
		if err != nil {
			t.Fatal(err)
		}
		quick := make(chan string, 100)
		q, err := b.Subscribe("c", func(m *Message) { quick <- string(m.Payload()) }, SubscribeOptions{})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for i := range 30 {
			want = append(want, fmt.Sprint(i))
			publish(t, b, "c", want[i])
		}
		for i := range want {
			if text := await(t, quick, "a message"); text != want[i] {
				t.Errorf("heard %s, want %s", text, want[i])
			}
		}
		s.Cancel()
		q.Cancel()
		await(t, gone, "the hook")
		if !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		eventually(t, "all failures are counted", func() bool { return b.Stats().Failures == 21 })
	}
}
