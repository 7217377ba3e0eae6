package pubsub

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
)

// TestPatientGetsParts: a history much larger than the subscriber's room comes in parts of that size, and what is
// published meanwhile comes after it, each message once.
func TestPatientGetsParts(t *testing.T) {
	for _, room := range []struct{ messages, bytes, most int }{
		{1, 1, 1}, {1, 1 << 20, 1}, {7, 1 << 20, 7}, {1000, 1 << 20, partMessages}, {1000, 3 * (messageCost + 2), 3}, {1000, 0, 1}, {5, -1, 1},
	} {
		b, m := manualBroker(t, kept(500))
		next := 0
		say := func(n int) {
			for range n {
				publish(t, b, "c", strconv.Itoa(10+next%90))
				next++
			}
		}
		say(200)
		p := &patient{listener: newListener(t, m.Group()), bytes: room.bytes}
		p.attachAs(b, p, "c", SubscribeOptions{After: &Position{}})
		m.Run()
		p.want()
		heard := 0
		for parts := 0; heard < next && parts < 1000; parts++ {
			if parts < 30 {
				say(2)
			}
			p.messages = room.messages
			p.Ready()
			m.Run()
			for _, text := range p.got {
				if text != strconv.Itoa(10+heard%90) {
					t.Fatalf("%+v: message %d is %s", room, heard, text)
				}
				heard++
			}
			p.got = nil
		}
		if heard != next || p.most > room.most {
			t.Errorf("%+v: heard %d of %d, %d at once", room, heard, next, p.most)
		}
		asked := p.asked
		say(3)
		p.Ready() // it is there already
		m.Run()
		if len(p.got) != 3 || p.asked != asked {
			t.Errorf("heard %q, asked %d times more", p.got, p.asked-asked)
		}
		if s := b.Stats(); s.Replayed < 200 || s.Gaps != 0 || s.Dropped != 0 {
			t.Errorf("%+v", s)
		}
		p.Cancel()
		m.Run()
		p.Ready()
		m.Run()
	}
}

// TestCancelDuringReplay: it ends where it is; nothing comes after Unsubscribed, and nothing is kept.
func TestCancelDuringReplay(t *testing.T) {
	b, m := manualBroker(t, kept(500))
	for i := range 300 {
		publish(t, b, "c", strconv.Itoa(i))
	}
	for parts := range 4 {
		for _, ready := range []bool{false, true} {
			p := &patient{listener: newListener(t, m.Group()), bytes: 1 << 20}
			p.attachAs(b, p, "c", SubscribeOptions{Last: 250, Events: true, Member: &Member{ID: "me"}})
			for range parts {
				p.messages = 10
				p.Ready()
				m.Run()
			}
			if ready {
				p.messages = 10
				p.Ready()
			}
			p.Cancel()
			p.Ready()
			m.Run()
			if !p.over || len(b.Members("c")) != 0 {
				t.Error("it goes on")
			}
			p.Ready()
			m.Run()
		}
	}
	if s := b.Stats(); s.Subscriptions != 0 || s.Waiting != 0 {
		t.Errorf("%+v", s)
	}
}

// TestCancelFromReplay: a subscriber that cancels while it is being told of the past hears the rest of that part at most.
func TestCancelFromReplay(t *testing.T) {
	b, m := manualBroker(t, kept(500))
	for i := range 300 {
		publish(t, b, "c", strconv.Itoa(i))
	}
	l := newListener(t, m.Group())
	l.onRun = func(*Run) { l.Cancel() }
	l.attach(b, "c", SubscribeOptions{Last: 300})
	m.Run()
	if !l.over || len(l.got) == 0 || len(l.got) > partMessages {
		t.Errorf("heard %d, over: %v", len(l.got), l.over)
	}
}

// TestPatientThatPanics: one whose Room panics gets no more of the past, until it asks for it.
func TestPatientThatPanics(t *testing.T) {
	b, m := manualBroker(t, kept(500))
	for i := range 10 {
		publish(t, b, "c", strconv.Itoa(i))
	}
	p := &panicky{patient: patient{listener: newListener(t, m.Group()), bytes: 1 << 20}}
	p.attachAs(b, p, "c", SubscribeOptions{Last: 3})
	other := newListener(t, m.Group()).attach(b, "c", SubscribeOptions{Last: 3})
	m.Run()
	p.want()
	other.want("7", "8", "9")
	if n := b.Stats().Failures; n != 1 {
		t.Errorf("%d failures", n)
	}
	p.messages = 10
	p.Ready()
	m.Run()
	p.want("7", "8", "9")
}

type panicky struct {
	patient
	calm bool
}

func (p *panicky) Room(s *Subscription, next *Run) (messages int) {
	if !p.calm {
		p.calm = true
		panic("expected")
	}
	return p.patient.Room(s, next)
}

// TestEventsDuringReplay: who is being told of the past hears at once who comes and goes.
func TestEventsDuringReplay(t *testing.T) {
	b, m := manualBroker(t, kept(500))
	publish(t, b, "c", "0")
	publish(t, b, "c", "1")
	p := &patient{listener: newListener(t, m.Group()), bytes: 1 << 20, messages: 1}
	p.attachAs(b, p, "c", SubscribeOptions{After: &Position{}, Events: true})
	m.Run()
	ann := newListener(t, m.Group()).attach(b, "c", SubscribeOptions{Member: &Member{ID: "ann"}})
	m.Run()
	p.want("0", "+ann")
	ann.Cancel()
	p.messages = 5
	p.Ready()
	m.Run()
	slices.Sort(p.got) // of the order between events and the past nothing is said
	p.want("-ann", "1")
	publish(t, b, "c", "2")
	m.Run()
	p.want("2")
	p.Cancel()
	m.Run()
}

// TestReconnect: a reader that comes back again and again with the position of the last message that it got, while others
// publish, gets every message exactly once, or a Gap that says how many it has missed.
func TestReconnect(t *testing.T) {
	for _, keep := range []int{100_000, 40} {
		t.Run(fmt.Sprint("keeping ", keep), func(t *testing.T) {
			b, g := startBroker(t, 2, kept(keep))
			const messages = 3000
			var publishing sync.WaitGroup
			var done atomic.Bool
			publishing.Go(func() {
				defer done.Store(true)
				rng := rand.New(rand.NewPCG(1, 2))
				for i := range messages {
					publish(t, b, "c", strconv.Itoa(i+1))
					if i%5 == 0 {
						pause(rng, 100_000)
					}
				}
			})
			var readers sync.WaitGroup
			for r := range 3 {
				readers.Go(func() {
					rng := rand.New(rand.NewPCG(uint64(r), 4))
					last, gaps := Position{}, uint64(0)
					for last.Sequence < messages {
						enough := 1 + rng.IntN(50)
						l := newListener(t, g)
						l.onRun = func(run *Run) {
							for _, m := range run.Messages() {
								switch {
								case m.Kind == Gap && keep < messages && m.Sequence == last.Sequence+m.Missed:
									gaps += m.Missed
								case m.Kind == Data && m.Sequence == last.Sequence+1 && string(m.Payload()) == strconv.FormatUint(m.Sequence, 10):
									enough--
								case last == Position{}: // the beginning of what there is
								default:
									t.Errorf("%v %d, %q, missed %d, after %d", m.Kind, m.Sequence, m.Payload(), m.Missed, last.Sequence)
								}
								last = m.Position
							}
							if enough <= 0 || last.Sequence == messages {
								l.Cancel()
							}
						}
						after := last
						l.attach(b, "c", SubscribeOptions{After: &after})
						await(t, l.gone, "enough messages")
						pause(rng, 300_000)
					}
					t.Logf("%d missed", gaps)
				})
			}
			readers.Wait()
			publishing.Wait()
		})
	}
}

// TestReplayWhilePublishing: subscriptions that ask for everything while it is published hear all of it in order, whatever
// moment they came at.
func TestReplayWhilePublishing(t *testing.T) {
	b, g := startBroker(t, 3, kept(1<<20))
	const messages, subscribers = 2000, 30
	var publishing sync.WaitGroup
	for p := range 2 {
		publishing.Go(func() {
			for i := range messages / 2 {
				publish(t, b, "c", fmt.Sprint(p, " ", i))
			}
		})
	}
	all := make([]*listener, subscribers)
	ends := make([]chan struct{}, subscribers)
	for i := range all {
		l, end := newListener(t, g), make(chan struct{})
		count := 0
		l.onRun = func(run *Run) {
			if count += len(run.Messages()); count == messages {
				close(end)
			}
		}
		all[i], ends[i] = l.attach(b, "c", SubscribeOptions{After: &Position{}}), end
	}
	publishing.Wait()
	for i, l := range all {
		await(t, ends[i], "all messages")
		l.Cancel()
		await(t, l.gone, "Unsubscribed")
		if !slices.Equal(l.got, all[0].got) {
			t.Error("two subscribers heard different things")
		}
	}
}
