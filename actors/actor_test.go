package actors_test

import (
	"errors"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/troupe-go/troupe/actors"
)

func TestActorMessages(t *testing.T) {
	s := system(t, actors.Options{})
	p := newProbe(t)
	got := make(chan any, 16)
	p.message = func(c *actors.Conn, m any) {
		switch m := m.(type) {
		case int:
			c.Context().Respond(m + 1)
		case string:
			if h := c.Context().MessageHeader(); h != nil {
				m += h.Get("from")
			}
			got <- m
		}
	}
	c, _ := one(t, s, p, actors.ListenOptions{})
	if err := c.Send("before it is an actor"); err != nil || get(t, got, "message") != "before it is an actor" {
		t.Error(err)
	}
	root := s.Root()
	root.Send(c.PID(), "plain")
	if m := get(t, got, "message"); m != "plain" {
		t.Error(m)
	}
	envelope := &actor.MessageEnvelope{Message: "greetings"}
	envelope.SetHeader("from", " me")
	root.Send(c.PID(), envelope)
	if m := get(t, got, "message"); m != "greetings me" {
		t.Error(m)
	}
	if m, err := root.RequestFuture(c.PID(), 41, patience).Result(); err != nil || m != 42 {
		t.Error(m, err)
	}
	answer := make(chan any, 1)
	asker := root.Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
		switch m := ctx.Message().(type) {
		case *actor.Started:
			ctx.Request(c.PID(), 1)
		case int:
			answer <- m
		}
	}))
	if m := get(t, answer, "the answer"); m != 2 {
		t.Error(m)
	}
	root.StopFuture(asker).Wait()
	// A connection asks an actor.
	server := spawn2(s, func(ctx actor.Context) {
		if m, ok := ctx.Message().(float64); ok {
			ctx.Respond("half " + time.Duration(m/2).String())
		}
	})
	c.Do(func(c *actors.Conn) { c.Context().Request(server, float64(8)) }, nil)
	if m := get(t, got, "the answer"); m != "half 4ns" {
		t.Error(m)
	}
	root.StopFuture(server).Wait()
}

func spawn2(s *actors.System, f func(actor.Context)) *actor.PID {
	return s.Root().Spawn(actor.PropsFromFunc(f))
}

func TestActorIsWatched(t *testing.T) {
	s := system(t, actors.Options{})
	for name, end := range map[string]func(*actors.Conn){
		"Close": (*actors.Conn).Close, "ForceClose": (*actors.Conn).ForceClose,
		"Stop":         func(c *actors.Conn) { s.Root().Stop(c.PID()) },
		"Poison":       func(c *actors.Conn) { s.Root().Poison(c.PID()) },
		"StopFuture":   func(c *actors.Conn) { s.Root().StopFuture(c.PID()).Wait() },
		"PoisonFuture": func(c *actors.Conn) { s.Root().PoisonFuture(c.PID()).Wait() },
	} {
		t.Run(name, func(t *testing.T) {
			p := newProbe(t)
			var closed atomic.Bool
			p.close = func(*actors.Conn, actors.Reason) { closed.Store(true) }
			c, _ := one(t, s, p, actors.ListenOptions{})
			pid := c.PID()
			watching, terminated := make(chan struct{}), make(chan *actor.PID, 4)
			watcher := spawn2(s, func(ctx actor.Context) {
				switch m := ctx.Message().(type) {
				case *actor.Started:
					ctx.Watch(pid)
					close(watching)
				case *actor.Terminated:
					if !closed.Load() {
						t.Error("Terminated before OnClose")
					}
					terminated <- m.Who
				}
			})
			get(t, watching, "Started")
			end(c)
			p.wantClose(actors.LocalClose)
			if who := get(t, terminated, "Terminated"); !who.Equal(pid) {
				t.Error(who)
			}
			s.Root().StopFuture(watcher).Wait()
			// One that watches too late is told as well.
			late := spawn2(s, func(ctx actor.Context) {
				switch ctx.Message().(type) {
				case *actor.Started:
					ctx.Watch(pid)
					ctx.Watch(c.PID())
				case *actor.Terminated:
					terminated <- nil
				}
			})
			get(t, terminated, "Terminated for the late watcher")
			s.Root().StopFuture(late).Wait()
			if err := s.Root().StopFuture(pid).Wait(); err != nil {
				t.Error("StopFuture of the dead:", err)
			}
			if _, err := s.Root().RequestFuture(pid, 1, patience).Result(); !errors.Is(err, actor.ErrDeadLetter) {
				t.Error("RequestFuture to the dead:", err)
			}
			c.Listener().Close()
		})
	}
}

func TestActorPoisonComesAfterTheMail(t *testing.T) {
	s := system(t, actors.Options{})
	p := newProbe(t)
	n := 0
	p.message = func(*actors.Conn, any) { n++ }
	p.close = func(*actors.Conn, actors.Reason) {
		if n != 1000 {
			t.Errorf("%d messages before", n)
		}
	}
	c, client := one(t, s, p, actors.ListenOptions{})
	for range 1000 {
		s.Root().Send(c.PID(), "x")
	}
	c.WriteString("rest")
	if err := s.Root().PoisonFuture(c.PID()).Wait(); err != nil {
		t.Error(err)
	}
	p.wantClose(actors.LocalClose)
	wantEnd(t, client, "rest")
}

// Poison gets through though the mailbox is full.
func TestActorPoisonOfFullMailbox(t *testing.T) {
	s := system(t, actors.Options{})
	p := newProbe(t)
	begun, goOn := make(chan struct{}), make(chan struct{})
	c, _ := one(t, s, p, actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxMailbox: 4}})
	c.Do(func(*actors.Conn) { close(begun); <-goOn }, nil)
	get(t, begun, "task")
	var full error
	for i := range 10 {
		if err := c.Send(i); err != nil {
			full = err
		}
	}
	if !errors.Is(full, actors.ErrMailboxFull) || s.Stats().MailboxFull == 0 {
		t.Errorf("%v, counted %d", full, s.Stats().MailboxFull)
	}
	future := s.Root().PoisonFuture(c.PID())
	close(goOn)
	select {
	case r := <-p.closed:
		if r.Code != actors.LocalClose {
			t.Error(r)
		}
		future.Wait()
	case <-time.After(2 * time.Second):
		t.Error("the poison was lost")
	}
}

func TestActorDeadLetters(t *testing.T) {
	s := system(t, actors.Options{})
	var dead sync.Map
	var n atomic.Int32
	sub := s.ActorSystem().EventStream.Subscribe(func(e any) {
		if e, ok := e.(*actor.DeadLetterEvent); ok {
			dead.Store(e.Message, e.PID.Id)
			n.Add(1)
		}
	})
	defer s.ActorSystem().EventStream.Unsubscribe(sub)
	p := newProbe(t)
	c, _ := one(t, s, p, actors.ListenOptions{})
	pid := c.PID()
	before := s.Stats().DeadLetters
	var future *actor.Future
	done := make(chan struct{})
	c.Do(func(c *actors.Conn) {
		future = s.Root().RequestFuture(pid, "unserved request", patience)
		s.Root().Send(pid, "unserved")
		c.Send("unserved too")
		c.Close()
		close(done)
	}, nil)
	get(t, done, "task")
	p.wantClose(actors.LocalClose)
	if _, err := future.Result(); !errors.Is(err, actor.ErrDeadLetter) {
		t.Error(err)
	}
	until(t, "three dead letters", func() bool { return n.Load() >= 3 })
	for _, m := range []string{"unserved", "unserved too", "unserved request"} {
		if id, ok := dead.Load(m); !ok || id != pid.Id {
			t.Errorf("%q: dead letter to %v", m, id)
		}
	}
	if got := s.Stats().DeadLetters - before; got != 3 {
		t.Errorf("counted %d", got)
	}
}

func TestActorWatchesAndSpawns(t *testing.T) {
	s := system(t, actors.Options{})
	p := newProbe(t)
	got := make(chan any, 16)
	p.message = func(_ *actors.Conn, m any) { got <- m }
	q := newProbe(t)
	a, _ := one(t, s, p, actors.ListenOptions{})
	b, clientB := one(t, s, q, actors.ListenOptions{})
	plain := spawn(s, func(any) {})
	childGot, childEnd := make(chan any, 16), make(chan struct{})
	var child *actor.PID
	ready := make(chan struct{})
	a.Do(func(c *actors.Conn) {
		c.Context().Watch(plain)
		c.Context().Watch(b.PID())
		child = c.Context().Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
			switch m := ctx.Message().(type) {
			case string:
				childGot <- m
				ctx.Send(ctx.Parent(), "from the child")
			case *actor.Stopped:
				close(childEnd)
			}
		}))
		close(ready)
	}, nil)
	get(t, ready, "task")
	s.Root().Send(child, "to the child")
	if m := get(t, childGot, "message to the child"); m != "to the child" {
		t.Error(m)
	}
	if m := get(t, got, "message from the child"); m != "from the child" {
		t.Error(m)
	}
	s.Root().Stop(plain)
	if m, ok := get(t, got, "Terminated").(*actor.Terminated); !ok || !m.Who.Equal(plain) {
		t.Error(m)
	}
	clientB.Close()
	if m, ok := get(t, got, "Terminated").(*actor.Terminated); !ok || !m.Who.Equal(b.PID()) && m.Who.Id == "" {
		t.Error(m)
	}
	future := s.Root().StopFuture(a.PID())
	p.wantClose(actors.LocalClose)
	get(t, childEnd, "the child's end")
	if err := future.Wait(); err != nil {
		t.Error("with a child:", err)
	}
}

func TestActorPIDFromManyGoroutines(t *testing.T) {
	s := system(t, actors.Options{})
	for i := range 30 {
		p := newProbe(t)
		c, client := one(t, s, p, actors.ListenOptions{})
		var pids [16]*actor.PID
		var wg sync.WaitGroup
		for k := range pids {
			wg.Go(func() {
				pids[k] = c.PID()
				s.Root().Send(pids[k], "x")
				c.Send("y")
			})
		}
		if i%2 == 0 {
			wg.Go(func() { client.Close() })
			wg.Go(func() { c.Do(func(c *actors.Conn) { c.Context() }, nil) })
		}
		wg.Wait()
		if i%2 == 1 {
			for _, pid := range pids {
				if pid != pids[0] {
					t.Errorf("PIDs %v and %v", pid, pids[0])
				}
			}
			client.Close()
		}
		get(t, p.closed, "OnClose")
		for _, pid := range pids { // whichever it is, it leads nowhere now, and says so
			if err := s.Root().StopFuture(pid).Wait(); err != nil {
				t.Error(err)
			}
		}
		c.Listener().Close()
	}
}

// A function that a connection's Context runs later, in the connection's name, may panic like a callback.
func TestActorReenterAfterMayPanic(t *testing.T) {
	if os.Getenv("TROUPE_TEST_REENTER") == "" {
		me, err := os.Executable()
		if err != nil {
			t.Skip(err)
		}
		cmd := exec.Command(me, "-test.run=^TestActorReenterAfterMayPanic$", "-test.v")
		cmd.Env = append(os.Environ(), "TROUPE_TEST_REENTER=1")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("the panic ended the process: %v\n%.2000s", err, out)
		}
		return
	}
	s := system(t, actors.Options{})
	p := newProbe(t)
	c, _ := one(t, s, p, actors.ListenOptions{})
	server := spawn2(s, func(ctx actor.Context) {
		if _, ok := ctx.Message().(int); ok {
			ctx.Respond("answer")
		}
	})
	c.Do(func(c *actors.Conn) {
		c.Context().ReenterAfter(c.Context().RequestFuture(server, 1, patience), func(any, error) { panic("reentered") })
	}, nil)
	p.wantClose(actors.Panicked)
	s.Root().StopFuture(server).Wait()
}

func TestActorLoopsAnswer(t *testing.T) {
	s := system(t, actors.Options{Loops: 2})
	if len(s.Loops()) != 2 {
		t.Fatal(s.Loops())
	}
	for _, pid := range s.Loops() {
		s.Root().Stop(pid)
		s.Root().Poison(pid)
		if m, err := s.Root().RequestFuture(pid, getStats, patience).Result(); err != nil {
			t.Error(m, err)
		}
	}
}
