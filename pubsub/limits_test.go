package pubsub

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

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
		"bytes":    {SubscribeOptions{MaxWaitingBytes: 5 * sizeOf("c", 100)}, 5},
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
