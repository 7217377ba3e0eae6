package actors_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/actors/actorstest"
	"github.com/troupe-go/troupe/pubsub"
	"github.com/troupe-go/troupe/supervision"
)

// A starter subscribes and starts a timer in OnOpen. Each object has a number.
type starter struct {
	actors.Base
	n   int
	log *[]string
	fin func(*actors.Conn) // called by the timer's finish hook
	uns func(*actors.Conn) // called by OnUnsubscribed
}

func (p *starter) say(format string, args ...any) {
	*p.log = append(*p.log, fmt.Sprintf("%d ", p.n)+fmt.Sprintf(format, args...))
}

func (p *starter) OnOpen(c *actors.Conn) {
	p.say("open")
	c.Subscribe("news", actors.SubscribeOptions{Member: &pubsub.Member{ID: "me"}})
	c.Subscribe("told", actors.SubscribeOptions{
		Handler: func(_ *actors.Conn, m *pubsub.Message) {
			if string(m.Payload()) == "panic" {
				panic(errBomb)
			}
			p.say("told %s", m.Payload())
		},
		OnUnsubscribed: func(c *actors.Conn, _ *pubsub.Subscription) {
			p.say("unsubscribed")
			if p.uns != nil {
				p.uns(c)
			}
		},
	})
	c.Every(time.Minute, 0, func(*actors.Conn) { p.say("timer") }, func(c *actors.Conn) {
		p.say("finished")
		if p.fin != nil {
			p.fin(c)
		}
	})
}

func (p *starter) OnData(c *actors.Conn, b []byte) int {
	if len(b) > 5 && string(b[len(b)-5:]) == "panic" {
		panic(errBomb)
	}
	return 0
}

func (p *starter) OnMessage(*actors.Conn, any) { panic(errBomb) }

func (p *starter) OnClose(*actors.Conn, actors.Reason) { p.say("close") }

const starterBackOff = time.Second

// openStarter opens a connection that is always restarted. equip, which may be nil, sees each object first.
func openStarter(t *testing.T, equip func(*starter)) (*actorstest.Peer, *[]string) {
	t.Helper()
	var log []string
	objects := 0
	p := quietWorld(t).OpenWith(func() actors.Protocol {
		objects++
		s := &starter{n: objects, log: &log}
		if equip != nil {
			equip(s)
		}
		return s
	}, restarting(starterBackOff))
	return p, &log
}

func wantLog(t *testing.T, log *[]string, want ...string) {
	t.Helper()
	if !slices.Equal(*log, want) {
		t.Errorf("it went %q, want %q", *log, want)
	}
	*log = nil
}

// failAndRestart has the connection restarted once.
func failAndRestart(p *actorstest.Peer) {
	p.Conn().Send("panic")
	p.World().Run()
	p.Advance(starterBackOff)
}

// TestRestartEndsSubscriptions: however often a protocol is restarted, what it subscribes to in OnOpen comes once.
func TestRestartEndsSubscriptions(t *testing.T) {
	p, log := openStarter(t, nil)
	*log = nil
	broker := p.World().System().Broker()
	for n := range 4 {
		publish := func(channel, payload string) {
			t.Helper()
			if n, err := broker.Publish(channel, []byte(payload)); n != 1 || err != nil {
				t.Errorf("%d receivers on %s, %v", n, channel, err)
			}
			p.World().Run()
		}
		publish("news", "hello")
		p.Expect("hello")
		publish("told", "hello")
		wantLog(t, log, fmt.Sprintf("%d told hello", n+1))
		if members := broker.Members("news"); len(members) != 1 {
			t.Errorf("%d members", len(members))
		}
		if all := p.Conn().Subscriptions(); len(all) != 2 {
			t.Errorf("%d subscriptions", len(all))
		}
		p.Advance(time.Minute)
		wantLog(t, log, fmt.Sprintf("%d timer", n+1))
		failAndRestart(p)
		wantLog(t, log, fmt.Sprintf("%d finished", n+1), fmt.Sprintf("%d unsubscribed", n+1), fmt.Sprintf("%d open", n+2))
	}
	closeConn(p)
	wantLog(t, log, "5 finished", "5 unsubscribed", "5 close")
}

// TestRestartDropsHandedMessages: a message that waits for the failed object's handler does not come after its
// OnUnsubscribed, and not to the next object's handler.
func TestRestartDropsHandedMessages(t *testing.T) {
	p, log := openStarter(t, nil)
	*log = nil
	broker, before := p.World().System().Broker(), p.World().System().Stats().Undelivered
	for _, payload := range []string{"a", "panic", "b"} {
		broker.Publish("told", []byte(payload))
	}
	p.World().Run()
	broker.Publish("told", []byte("c")) // during the back-off
	p.World().Run()
	wantLog(t, log, "1 told a")
	p.Advance(starterBackOff)
	broker.Publish("told", []byte("d"))
	p.World().Run()
	wantLog(t, log, "1 finished", "1 unsubscribed", "2 open", "2 told d")
	if n := p.World().System().Stats().Undelivered - before; n != 2 {
		t.Errorf("%d undelivered, want 2", n)
	}
}

// TestRestartKeepsConnection: what is the connection's and not the object's stays.
func TestRestartKeepsConnection(t *testing.T) {
	p, log := openStarter(t, nil)
	c := p.Conn()
	if err := c.SetTag("tag"); err != nil {
		t.Fatal(err)
	}
	pid := c.PID()
	p.Send("half")
	p.Window(0)
	c.WriteString("written")
	p.World().Run()
	failAndRestart(p)
	p.Window(-1)
	p.Expect("written")
	if tagged, _ := p.World().System().Tagged("tag"); tagged != c || !c.PID().Equal(pid) {
		t.Error("the tag or the PID is lost")
	}
	*log = nil
	p.Send("panic") // only together with what came before it
	p.Advance(starterBackOff)
	wantLog(t, log, "2 finished", "2 unsubscribed", "3 open")
}

// TestSwapKeepsSubscriptions: Swap is no restart.
func TestSwapKeepsSubscriptions(t *testing.T) {
	p, log := openStarter(t, nil)
	p.Conn().Swap(actors.Base{})
	p.World().Run()
	p.World().System().Broker().Publish("told", []byte("x"))
	p.World().Run()
	p.Advance(time.Minute)
	wantLog(t, log, "1 open", "1 told x", "1 timer")
}

// TestRestartHooksThatBeginAnew: what a hook subscribes to or starts outlives the restart that called it, and a restart
// ends with hooks that always do so.
func TestRestartHooksThatBeginAnew(t *testing.T) {
	p, log := openStarter(t, func(s *starter) {
		if s.n > 1 {
			return
		}
		s.fin = func(c *actors.Conn) { c.Every(time.Minute, 0, func(*actors.Conn) {}, s.fin) }
		s.uns = func(c *actors.Conn) { c.Subscribe("more", actors.SubscribeOptions{}) }
	})
	failAndRestart(p)
	wantLog(t, log, "1 open", "1 finished", "1 unsubscribed", "2 open")
	p.World().System().Broker().Publish("more", []byte("more"))
	p.World().Run()
	p.Expect("more")
}

// TestRestartHooksThatPanic: it is a failure like any other; the next restart goes on after it, and no hook is called
// twice.
func TestRestartHooksThatPanic(t *testing.T) {
	p, log := openStarter(t, func(s *starter) {
		if s.n == 1 {
			s.fin = func(*actors.Conn) { panic(errBomb) }
			s.uns = s.fin
		}
	})
	failAndRestart(p)
	wantLog(t, log, "1 open", "1 finished")
	p.Advance(starterBackOff)
	wantLog(t, log, "1 unsubscribed")
	p.Advance(starterBackOff)
	wantLog(t, log, "2 open")
	if n := p.World().System().Stats().Restarts; n != 3 {
		t.Errorf("%d restarts", n)
	}
	p.World().System().Broker().Publish("news", []byte("hello"))
	p.World().Run()
	p.Expect("hello")
}

// TestCloseInRestartHook: a hook may close the connection; then there is no next object.
func TestCloseInRestartHook(t *testing.T) {
	p, log := openStarter(t, func(s *starter) { s.fin = (*actors.Conn).Close })
	full(p)
	failAndRestart(p)
	wantLog(t, log, "1 open", "1 finished", "1 unsubscribed")
	p.Shutdown() // changes nothing
	p.Window(-1)
	p.Expect("rest")
	p.ExpectClosed(actors.LocalClose)
	wantLog(t, log, "1 close")
}

// TestBackOffSleepsAfterHangUp: a peer that hangs up while a restart is waited for is noticed after it, and keeps
// nobody busy before.
func TestBackOffSleepsAfterHangUp(t *testing.T) {
	s := system(t, actors.Options{Loops: 1})
	p := newProbe(t)
	failed := make(chan struct{})
	first := true
	ln := listenAt(t, s, "unix", filepath.Join(t.TempDir(), "s"), func() actors.Protocol {
		if first {
			first = false
			return panicsInOpen{}
		}
		return p
	}, actors.ListenOptions{ConnOptions: actors.ConnOptions{
		Supervision: supervision.Strategy{Decide: supervision.Always(supervision.Restart), BackOff: 300 * time.Millisecond},
		OnFailure:   func(actors.Ref, *supervision.Failure) { close(failed) },
	}})
	conn := peer(t, ln.Addr())
	get(t, failed, "the failure")
	before := s.Stats().Loops.Turns
	if err := conn.Close(); err != nil && !errors.Is(err, os.ErrClosed) {
		t.Fatal(err)
	}
	p.wantClose(actors.PeerClosed)
	if turns := s.Stats().Loops.Turns - before; turns > 20 {
		t.Errorf("%d turns until the restart", turns)
	}
}
