package actors_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
)

// A joiner is a Protocol that is present on the channel "room" by two subscriptions. Its first byte says what happens.
type joiner struct {
	actors.Base
	t     testing.TB
	id    string
	echo  bool // it says nothing but what it is told
	order []string
}

var joiners atomic.Int64

func (j *joiner) OnOpen(c *actors.Conn) {
	for range 2 {
		_, err := c.Subscribe("room", actors.SubscribeOptions{
			Member:         &pubsub.Member{ID: j.id},
			OnUnsubscribed: func(*actors.Conn, *pubsub.Subscription) { j.order = append(j.order, "unsubscribed") },
			Handler: func(_ *actors.Conn, m *pubsub.Message) {
				if string(m.Payload()) == "panic" {
					panic("expected")
				}
			},
		})
		if err != nil {
			j.t.Error(err)
		}
	}
	if !j.echo {
		c.WriteString("joined\n")
	}
}

func (j *joiner) OnData(c *actors.Conn, p []byte) int {
	if j.echo {
		c.Write(p)
		return len(p)
	}
	switch string(p) {
	case "panic":
		panic("expected")
	case "exit":
		runtime.Goexit()
	case "kill":
		c.ForceClose()
	case "close":
		c.Close()
	case "message":
		c.Publish("room", []byte("panic"))
	}
	return len(p)
}

func (j *joiner) OnClose(*actors.Conn, actors.Reason) {
	if !slices.Equal(j.order, []string{"unsubscribed", "unsubscribed"}) {
		j.t.Errorf("before OnClose: %q", j.order)
	}
}

// TestPresenceEndsWithConnection: however a connection ends, its member leaves, once, and its hooks are called before
// OnClose.
func TestPresenceEndsWithConnection(t *testing.T) {
	for name, end := range map[string]func(c net.Conn){
		"peer closes":        func(c net.Conn) { c.Close() },
		"peer resets":        func(c net.Conn) { reset(t, c) },
		"panic":              func(c net.Conn) { io.WriteString(c, "panic") },
		"goexit":             func(c net.Conn) { io.WriteString(c, "exit") },
		"kill":               func(c net.Conn) { io.WriteString(c, "kill") },
		"close":              func(c net.Conn) { io.WriteString(c, "close") },
		"panic on a message": func(c net.Conn) { io.WriteString(c, "message") },
	} {
		t.Run(name, func(t *testing.T) {
			noBuffersLeft(t)
			s := system(t, actors.Options{})
			ln := listen(t, s, func() actors.Protocol {
				return &joiner{t: t, id: fmt.Sprint("member ", joiners.Add(1))}
			}, actors.ListenOptions{})
			events := watchRoom(t, s)
			for range 5 {
				c := peer(t, ln.Addr())
				mustGet(t, c, "joined\n")
				joined := get(t, events, "Joined")
				if m := s.Broker().Members("room"); len(m) != 1 || m[0].Subscriptions != 2 || joined != "+"+m[0].ID {
					t.Fatalf("members %+v after %q", m, joined)
				}
				end(c)
				if left := get(t, events, "Left"); left != "-"+joined[1:] {
					t.Fatalf("%q after %q", left, joined)
				}
				if m := s.Broker().Members("room"); len(m) != 0 {
					t.Errorf("members %+v", m)
				}
			}
			until(t, "all are gone", func() bool { return s.Count() == 0 })
			if st := s.Broker().Stats(); st.Subscriptions != 1 || st.Members != 0 {
				t.Errorf("%+v", st)
			}
		})
	}
}

// watchRoom tells who comes and goes.
func watchRoom(t testing.TB, s *actors.System) <-chan string {
	t.Helper()
	events := make(chan string, 1000)
	_, err := s.Broker().Subscribe("room", func(m *pubsub.Message) {
		switch m.Kind {
		case pubsub.Joined:
			events <- "+" + m.Member.ID
		case pubsub.Left:
			events <- "-" + m.Member.ID
		}
	}, pubsub.SubscribeOptions{Events: true})
	if err != nil {
		t.Fatal(err)
	}
	return events
}

// TestPresenceOfKilledProcess: the peers are another process, which is killed: each of their members leaves, once.
func TestPresenceOfKilledProcess(t *testing.T) {
	const peers = 50
	s := system(t, actors.Options{})
	events := watchRoom(t, s)
	ln := listen(t, s, func() actors.Protocol {
		return &joiner{t: t, id: fmt.Sprint("member ", joiners.Add(1)), echo: true}
	}, actors.ListenOptions{})
	clients := startChild(t, "clients", ln.Addr().Network(), ln.Addr(), peers)
	here := map[string]bool{}
	for range peers {
		if e := get(t, events, "Joined"); e[0] != '+' || here[e[1:]] {
			t.Errorf("event %q", e)
		} else {
			here[e[1:]] = true
		}
	}
	clients.line()
	if err := clients.cmd.Process.Signal(os.Kill); err != nil {
		t.Fatal(err)
	}
	clients.cmd.Wait()
	for range peers {
		if e := get(t, events, "Left"); e[0] != '-' || !here[e[1:]] {
			t.Errorf("event %q", e)
		} else {
			delete(here, e[1:])
		}
	}
	if m := s.Broker().Members("room"); len(m) != 0 {
		t.Errorf("members %+v", m)
	}
	select {
	case e := <-events:
		t.Errorf("one more: %q", e)
	default:
	}
}

// TestLargestMessage: 16 MiB, on a channel with the longest name, come through to peers, as one frame that all share.
func TestLargestMessage(t *testing.T) {
	noBuffersLeft(t)
	s := system(t, actors.Options{})
	p := newProbe(t)
	name := string(bytes.Repeat([]byte("n"), pubsub.MaxName))
	p.opened = make(chan *actors.Conn, 3)
	ln := listen(t, s, func() actors.Protocol {
		q := newProbe(t)
		q.opened = p.opened
		return q
	}, actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: 40 << 20}})
	payload := make([]byte, pubsub.MaxPayload)
	for i := range payload {
		payload[i] = byte(i * i >> 7)
	}
	var peers []net.Conn
	for range 3 {
		peers = append(peers, peer(t, ln.Addr()))
		if _, err := get(t, p.opened, "OnOpen").Subscribe(name, actors.SubscribeOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	for range 2 {
		if n, err := s.Broker().Publish(name, payload); n != 3 || err != nil {
			t.Fatal(n, err)
		}
	}
	for _, c := range peers {
		got := make([]byte, len(payload))
		for range 2 {
			if _, err := io.ReadFull(c, got); err != nil || !bytes.Equal(got, payload) {
				t.Fatalf("%v, equal: %v", err, bytes.Equal(got, payload))
			}
		}
	}
}

// TestShutdownWithSubscriptions: functions, Go channels that nobody reads, histories, members, connections in the middle
// of a replay, publishers that go on: Shutdown ends all of it in time, and every hook is called once.
func TestShutdownWithSubscriptions(t *testing.T) {
	noBuffersLeft(t)
	for round := range 2 {
		s := looseSystem(t, actors.Options{PubSub: keeping(500)})
		ln := listen(t, s, func() actors.Protocol { return &joiner{t: t, id: fmt.Sprint(joiners.Add(1))} }, actors.ListenOptions{})
		replaying := listen(t, s, actors.Shared(replayer{}), actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: 4 << 10, Linger: -1}})
		for range 300 {
			s.Broker().Publish("history", make([]byte, 1000))
		}
		var hooks atomic.Int32
		hook := func(*pubsub.Subscription) { hooks.Add(1) }
		const free = 30
		for i := range free {
			var err error
			if i%2 == 0 {
				_, err = s.Broker().Subscribe("room", func(*pubsub.Message) {}, pubsub.SubscribeOptions{OnUnsubscribed: hook})
			} else {
				_, _, err = s.Broker().SubscribeChan("*", i%3, pubsub.SubscribeOptions{Pattern: true, OnUnsubscribed: hook})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		for range 10 {
			mustGet(t, peer(t, ln.Addr()), "joined\n")
			stuckPeer(t, replaying.Addr())
		}
		stopped := make(chan struct{})
		for i := range 2 {
			go func() {
				for n := 0; ; n++ {
					if n%20 == 0 {
						time.Sleep(time.Millisecond)
					}
					if _, err := s.Broker().Publish([]string{"room", "history"}[i], make([]byte, 100)); err == pubsub.ErrClosed {
						stopped <- struct{}{}
						return
					}
				}
			}()
		}
		time.Sleep(time.Duration(round) * time.Millisecond) // some of it is under way
		ctx, cancel := context.WithTimeout(context.Background(), 6*time.Second)
		err := s.Shutdown(ctx)
		cancel()
		var forced *actors.ShutdownError
		if err != nil && (!asShutdown(err, &forced) || forced.Stuck > 0) { // the peers of replays take nothing
			t.Error(err)
		}
		get(t, stopped, "ErrClosed")
		get(t, stopped, "ErrClosed")
		if n := hooks.Load(); n != free {
			t.Errorf("%d hooks of %d", n, free)
		}
		if st := s.Broker().Stats(); st.Subscriptions != 0 || st.Members != 0 || st.HistoryBytes != 0 || st.Waiting != 0 {
			t.Errorf("%+v", st)
		}
	}
}

func asShutdown(err error, to **actors.ShutdownError) bool {
	e, ok := err.(*actors.ShutdownError)
	*to = e
	return ok
}

// A replayer asks for all of a history.
type replayer struct{ actors.Base }

func (replayer) OnOpen(c *actors.Conn) {
	c.Subscribe("history", actors.SubscribeOptions{After: &pubsub.Position{}})
}
