package actors_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
	"github.com/troupe-go/troupe/supervision"
)

// panicPlaces are the callbacks that can panic, by the names that failures give them, with the reason that OnClose gets
// then; zero means that OnClose is not called.
var panicPlaces = map[string]actors.ReasonCode{
	"OnOpen": actors.Panicked, "OnData": actors.Panicked, "OnMessage": actors.Panicked, "OnDrained": actors.Panicked,
	"OnTimeout": actors.Panicked, "OnShutdown": actors.Panicked, "OnHalfClose": actors.Panicked, "OnSwap": actors.Panicked,
	"task": actors.Panicked, "timer": actors.Panicked, "timer's finish": actors.Panicked,
	"subscription's handler": actors.Panicked, "unsubscribed hook": actors.Panicked,
	"fallback": actors.LocalClose, "OnClose": actors.LocalClose, "Factory": 0,
}

// A bomb panics in one of its callbacks, which its first byte brings about.
type bomb struct {
	actors.Base
	test  *bombTest
	place string

	closes int
}

// bombTest is what bombs report to.
type bombTest struct {
	t       testing.TB
	mu      sync.Mutex
	reasons map[string][]actors.Reason
	watch   func(*actor.PID)
}

var errBomb = errors.New("bomb")

func (b *bomb) explode(place string) {
	if b.place == place {
		panic(fmt.Errorf("%w in %s", errBomb, place))
	}
}

func (b *bomb) OnOpen(c *actors.Conn) {
	b.test.watch(c.PID())
	b.explode("OnOpen")
}

func (b *bomb) OnData(c *actors.Conn, p []byte) int {
	b.explode("OnData")
	switch b.place {
	case "OnMessage":
		c.Send("now")
	case "OnDrained":
		c.Trigger(actors.EventDrained)
	case "OnTimeout":
		c.SetTimeout(time.Millisecond)
	case "OnShutdown":
		c.Listener().Shutdown()
	case "OnSwap":
		c.Swap(echo{})
	case "task":
		c.Do(func(*actors.Conn) { b.explode("task") }, nil)
	case "fallback":
		c.Do(func(*actors.Conn) { b.test.t.Error("a task of a closed connection") }, func() { b.explode("fallback") })
		c.ForceClose()
	case "timer":
		c.After(time.Millisecond, func(*actors.Conn) { b.explode("timer") })
	case "timer's finish":
		c.Every(time.Millisecond, 1, func(*actors.Conn) {}, func(*actors.Conn) { b.explode("timer's finish") })
	case "subscription's handler":
		channel := c.Ref().String()
		c.Subscribe(channel, actors.SubscribeOptions{Handler: func(*actors.Conn, *pubsub.Message) { b.explode("subscription's handler") }})
		c.Publish(channel, []byte("now"))
	case "unsubscribed hook":
		s, err := c.Subscribe(c.Ref().String(), actors.SubscribeOptions{
			OnUnsubscribed: func(*actors.Conn, *pubsub.Subscription) { b.explode("unsubscribed hook") },
		})
		if err != nil {
			b.test.t.Error(err)
			return len(p)
		}
		s.Cancel()
	case "OnClose":
		c.Close()
	}
	return len(p)
}

func (b *bomb) OnMessage(*actors.Conn, any) { b.explode("OnMessage") }
func (b *bomb) OnDrained(*actors.Conn)      { b.explode("OnDrained") }
func (b *bomb) OnTimeout(*actors.Conn)      { b.explode("OnTimeout") }
func (b *bomb) OnShutdown(*actors.Conn) time.Duration {
	b.explode("OnShutdown")
	return 0
}
func (b *bomb) OnHalfClose(*actors.Conn)             { b.explode("OnHalfClose") }
func (b *bomb) OnSwap(*actors.Conn, actors.Protocol) { b.explode("OnSwap") }
func (b *bomb) OnClose(_ *actors.Conn, r actors.Reason) {
	if b.closes++; b.closes > 1 {
		b.test.t.Errorf("%s: OnClose, time %d", b.place, b.closes)
	}
	b.test.mu.Lock()
	b.test.reasons[b.place] = append(b.test.reasons[b.place], r)
	b.test.mu.Unlock()
	b.explode("OnClose")
}

// A watcher is an actor that watches PIDs and counts who is Terminated.
type watcher struct {
	mu         sync.Mutex
	watched    map[string]int // how often Terminated came
	terminated int
}

type watchThis struct {
	pid  *actor.PID
	done chan struct{}
}

func (w *watcher) Receive(c actor.Context) {
	switch m := c.Message().(type) {
	case watchThis:
		w.mu.Lock()
		w.watched[m.pid.Id] = 0
		w.mu.Unlock()
		c.Watch(m.pid)
		close(m.done)
	case *actor.Terminated:
		w.mu.Lock()
		w.watched[m.Who.Id]++
		w.terminated++
		w.mu.Unlock()
	}
}

func (w *watcher) count() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.terminated
}

// start starts the actor; the function has it watch a PID, and returns when it does.
func (w *watcher) start(s *actors.System) func(*actor.PID) {
	w.watched = map[string]int{}
	self := s.Root().Spawn(actor.PropsFromProducer(func() actor.Actor { return w }))
	return func(pid *actor.PID) {
		done := make(chan struct{})
		s.Root().Send(self, watchThis{pid, done})
		<-done
	}
}

// TestPanicInEveryCallback: connections that panic in every callback there is, beside as many that do not.
func TestPanicInEveryCallback(t *testing.T) {
	each := scaled(64, 8) // of every place
	s := system(t, actors.Options{})
	w := &watcher{}
	test := &bombTest{t: t, reasons: map[string][]actors.Reason{}, watch: w.start(s)}
	var mu sync.Mutex
	failures := map[string][]*supervision.Failure{}
	onFailure := func(r actors.Ref, f *supervision.Failure) {
		if r.IsZero() {
			t.Error("a failure of nobody")
		}
		mu.Lock()
		failures[f.Callback] = append(failures[f.Callback], f)
		mu.Unlock()
	}
	// The healthy ones echo on a listener of the same loops, from before the first panic until after the last.
	stop := make(chan struct{})
	healthy := healthyEchoes(t, s, len(panicPlaces)*each, stop)

	ended := make(chan struct{}, len(panicPlaces)*each)
	for place := range panicPlaces {
		factory := func() actors.Protocol {
			if place == "Factory" {
				panic(errBomb)
			}
			return &bomb{test: test, place: place}
		}
		o := actors.ListenOptions{ConnOptions: actors.ConnOptions{OnFailure: onFailure, HalfClose: actors.KeepOnHalfClose}}
		for range each {
			ln := listen(t, s, factory, o)
			go func() { // each has a listener of its own, for OnShutdown
				defer func() { ended <- struct{}{} }()
				defer ln.Close()
				c, err := net.Dial("tcp", ln.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				defer c.Close()
				c.SetDeadline(time.Now().Add(2 * patience))
				c.Write([]byte("x"))
				if place == "OnHalfClose" {
					c.(*net.TCPConn).CloseWrite()
				}
				if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
					t.Errorf("%s: the connection was not closed", place)
				}
			}()
		}
	}
	for range len(panicPlaces) * each {
		get(t, ended, "the end of a connection that panics")
	}
	until(t, "the failed connections are gone", func() bool { return s.Count() == len(panicPlaces)*each })
	close(stop)
	if n := get(t, healthy, "the healthy ones"); n == 0 {
		t.Error("the healthy ones have echoed nothing")
	} else {
		t.Logf("%d healthy connections: %d echoes", len(panicPlaces)*each, n)
	}

	for place, code := range panicPlaces {
		fs := failures[place]
		if len(fs) != each {
			t.Errorf("%s: %d failures reported, want %d", place, len(fs), each)
		}
		for _, f := range fs {
			if !errors.Is(f, errBomb) || !bytes.Contains(f.Stack, []byte("panic_test.go")) || f.Directive != supervision.Stop {
				t.Errorf("%s: %v, %v, stack:\n%s", place, f, f.Directive, f.Stack)
				break
			}
		}
		reasons := test.reasons[place]
		if code == 0 {
			if len(reasons) > 0 {
				t.Errorf("%s: OnClose of an object that was never made", place)
			}
			continue
		}
		if len(reasons) != each {
			t.Errorf("%s: %d times OnClose, want %d", place, len(reasons), each)
		}
		for _, r := range reasons {
			var f *supervision.Failure
			if r.Code != code || code == actors.Panicked && (!errors.As(r.Err, &f) || f.Callback != place) {
				t.Errorf("%s: closed for %v", place, r)
				break
			}
		}
	}
	want := (len(panicPlaces) - 1) * each // all but Factory
	until(t, "the watcher is told of all", func() bool { return w.count() >= want })
	w.mu.Lock()
	if w.terminated != want || len(w.watched) != want {
		t.Errorf("%d watched, %d times Terminated, want %d", len(w.watched), w.terminated, want)
	}
	for pid, n := range w.watched {
		if n != 1 {
			t.Errorf("%s: %d times Terminated", pid, n)
		}
	}
	w.mu.Unlock()
	if n := s.Stats().Failures; n != uint64(len(panicPlaces)*each) {
		t.Errorf("%d failures counted, want %d", n, len(panicPlaces)*each)
	}
}

// healthyEchoes opens connections that send random bytes and check what comes back, until stop. Then it tells how many
// rounds all of them have done.
func healthyEchoes(t *testing.T, s *actors.System, n int, stop <-chan struct{}) <-chan int64 {
	ln := listen(t, s, actors.Shared(echo{}), actors.ListenOptions{})
	var rounds atomic.Int64
	var running sync.WaitGroup
	for i := range n {
		c := peer(t, ln.Addr())
		c.SetDeadline(time.Now().Add(3 * patience))
		running.Go(func() {
			rng := rand.New(rand.NewPCG(uint64(i), 0))
			p, q := make([]byte, 2048), make([]byte, 2048)
			for {
				size := 1 + rng.IntN(len(p))
				for i := 0; i+8 <= size; i += 8 {
					binary.LittleEndian.PutUint64(p[i:], rng.Uint64())
				}
				if _, err := c.Write(p[:size]); err != nil {
					t.Error(err)
					return
				}
				if _, err := io.ReadFull(c, q[:size]); err != nil || !bytes.Equal(p[:size], q[:size]) {
					t.Errorf("healthy connection %d: %v", i, err)
					return
				}
				rounds.Add(1)
				select {
				case <-stop:
					c.Close()
					return
				case <-time.After(time.Duration(rng.IntN(10)) * time.Millisecond): // a pace, not a wait
				}
			}
		})
	}
	done := make(chan int64, 1)
	go func() {
		running.Wait()
		done <- rounds.Load()
	}()
	return done
}

// resilient echoes lines, panics at "panic" and keeps a state: how many lines it has seen.
type resilient struct {
	actors.Base
	made   int64
	lines  int
	closed chan actors.Reason
}

func (p *resilient) OnOpen(c *actors.Conn) { fmt.Fprintf(c, "open %d\n", p.made) }

func (p *resilient) OnData(c *actors.Conn, b []byte) (used int) {
	for {
		line, _, ok := strings.Cut(string(b[used:]), "\n")
		if !ok {
			return used
		}
		used += len(line) + 1
		p.lines++
		if line == "panic" {
			panic(errBomb)
		}
		fmt.Fprintf(c, "%d.%d %s\n", p.made, p.lines, line)
	}
}

func (p *resilient) OnMessage(c *actors.Conn, m any) {
	if m == "panic" {
		panic(errBomb)
	}
	fmt.Fprintf(c, "%d mail %v\n", p.made, m)
}
func (p *resilient) OnClose(_ *actors.Conn, r actors.Reason) { p.closed <- r }

// supervised is a connection with a resilient protocol under a strategy.
func supervised(t *testing.T, s *actors.System, strategy supervision.Strategy, onFailure func(actors.Ref, *supervision.Failure)) (
	*actors.Listener, net.Conn, *actors.Conn, chan actors.Reason,
) {
	t.Helper()
	closed := make(chan actors.Reason, 16)
	var made atomic.Int64
	if onFailure == nil {
		onFailure = func(actors.Ref, *supervision.Failure) {}
	}
	ln := listen(t, s, func() actors.Protocol { return &resilient{made: made.Add(1), closed: closed} },
		actors.ListenOptions{ConnOptions: actors.ConnOptions{Supervision: strategy, OnFailure: onFailure}})
	conn := peer(t, ln.Addr())
	mustGet(t, conn, "open 1\n")
	found := make(chan *actors.Conn, 1)
	ln.Each(actors.Ref{}, func(c *actors.Conn) { found <- c }, nil)
	return ln, conn, get(t, found, "the connection"), closed
}

// TestPanicResume: what the failing call was given is lost, and no more.
func TestPanicResume(t *testing.T) {
	s := system(t, actors.Options{})
	_, conn, c, closed := supervised(t, s, supervision.Strategy{Decide: supervision.Always(supervision.Resume)}, nil)
	mustSend(t, conn, "a\nb")
	mustGet(t, conn, "1.1 a\n")
	mustSend(t, conn, "c\npanic\nlost\nlo")
	until(t, "it has failed", func() bool { return s.Stats().Resumes == 1 })
	mustGet(t, conn, "1.2 bc\n")
	mustSend(t, conn, "d\n")
	mustGet(t, conn, "1.4 d\n")
	for i := range 20 {
		c.Send("panic")
		c.Send(i)
		mustGet(t, conn, fmt.Sprintf("1 mail %d\n", i))
	}
	conn.Close()
	if r := get(t, closed, "OnClose"); r.Code != actors.PeerClosed {
		t.Errorf("closed for %v", r)
	}
	if stats := s.Stats(); stats.Failures != 21 || stats.Resumes != 21 {
		t.Errorf("%d failures, %d resumes", stats.Failures, stats.Resumes)
	}
}

// TestPanicRestart: a new object gets OnOpen, and then what came in while it was not there; after too many restarts the
// connection is closed.
func TestPanicRestart(t *testing.T) {
	s := system(t, actors.Options{})
	const backOff = 20 * time.Millisecond
	var directives []supervision.Directive
	var restarts []int
	_, conn, c, closed := supervised(t, s, supervision.Strategy{
		Decide: supervision.Always(supervision.Restart), MaxRestarts: 3, Window: time.Hour, BackOff: backOff,
	}, func(_ actors.Ref, f *supervision.Failure) {
		directives, restarts = append(directives, f.Directive), append(restarts, f.Restarts)
	})
	for n := range 3 {
		start := time.Now()
		if n == 1 { // bytes that were left unconsumed before belong to the new object
			mustSend(t, conn, "half")
			until(t, "the half line was read", func() bool { return s.Stats().Loops.BytesRead >= 4 })
		}
		c.Send("panic")
		until(t, "it has failed", func() bool { return s.Stats().Restarts == uint64(n+1) })
		c.Send(n)
		mustSend(t, conn, "after\n")
		mustGet(t, conn, fmt.Sprintf("open %d\n", n+2))
		if waited := time.Since(start); waited < backOff<<n-2*time.Millisecond {
			t.Errorf("restart %d came after %v, want %v", n+1, waited, backOff<<n)
		}
		mail, line := fmt.Sprintf("%d mail %d\n", n+2, n), fmt.Sprintf("%d.1 after\n", n+2)
		if n == 1 {
			line = fmt.Sprintf("%d.1 halfafter\n", n+2)
		}
		got := make([]byte, len(mail)+len(line))
		if _, err := io.ReadFull(conn, got); err != nil || string(got) != mail+line && string(got) != line+mail {
			t.Fatalf("got %q, %v, want %q and %q", got, err, mail, line)
		}
	}
	c.Send("panic")
	r := get(t, closed, "OnClose")
	var f *supervision.Failure
	if r.Code != actors.Panicked || !errors.As(r.Err, &f) || f.Restarts != 3 || len(closed) > 0 {
		t.Errorf("closed for %v", r)
	}
	wantEnd(t, conn, "")
	if fmt.Sprint(directives, restarts) != "[restart restart restart stop] [0 1 2 3]" {
		t.Errorf("reported %v %v", directives, restarts)
	}
	if stats := s.Stats(); stats.Restarts != 3 || stats.Failures != 4 {
		t.Errorf("%d restarts, %d failures", stats.Restarts, stats.Failures)
	}
}

// TestPanicRestartInFactoryAndOpen: failing to make the object, or in its OnOpen, is a failure like any other.
func TestPanicRestartInFactoryAndOpen(t *testing.T) {
	s := system(t, actors.Options{})
	for _, place := range []string{"Factory", "OnOpen"} {
		p := newProbe(t)
		tries := 0
		factory := func() actors.Protocol {
			if tries++; tries < 4 {
				if place == "Factory" {
					panic(errBomb)
				}
				return panicsInOpen{}
			}
			return p
		}
		p.data = func(c *actors.Conn, b []byte) int { c.Write(b); return len(b) }
		ln := listen(t, s, factory, actors.ListenOptions{ConnOptions: actors.ConnOptions{
			Supervision: supervision.Strategy{Decide: supervision.Always(supervision.Restart), BackOff: time.Millisecond},
		}})
		conn := peer(t, ln.Addr())
		mustSend(t, conn, "early")
		mustGet(t, conn, "early")
		conn.Close()
		p.wantClose(actors.PeerClosed)
		if tries != 4 {
			t.Errorf("%s: %d tries", place, tries)
		}
	}
}

type panicsInOpen struct{ actors.Base }

func (panicsInOpen) OnOpen(*actors.Conn) { panic(errBomb) }

// TestPanicBackOffSleeps: while a restart is waited for the loop does nothing, also when the peer goes meanwhile.
func TestPanicBackOffSleeps(t *testing.T) {
	s := system(t, actors.Options{Loops: 1})
	_, conn, c, closed := supervised(t, s, supervision.Strategy{
		Decide: supervision.Always(supervision.Restart), BackOff: 300 * time.Millisecond,
	}, nil)
	c.Send("panic")
	until(t, "it has failed", func() bool { return s.Stats().Restarts == 1 })
	before := s.Stats().Loops.Turns
	reset(t, conn)
	get(t, closed, "OnClose")
	if turns := s.Stats().Loops.Turns - before; turns > 20 {
		t.Errorf("%d turns until the restart", turns)
	}
}

// TestPanicCloseWhileBackingOff: a connection that waits for its restart can be closed.
func TestPanicCloseWhileBackingOff(t *testing.T) {
	s := system(t, actors.Options{Loops: 1})
	for name, end := range map[string]func(*actors.Conn){
		"Close": (*actors.Conn).Close, "ForceClose": (*actors.Conn).ForceClose,
		"Stop": func(c *actors.Conn) { s.Root().Stop(c.PID()) },
	} {
		_, conn, c, closed := supervised(t, s, supervision.Strategy{
			Decide: supervision.Always(supervision.Restart), BackOff: time.Hour, MaxBackOff: time.Hour,
		}, nil)
		c.Send("panic")
		until(t, "it has failed", func() bool { return c.Closed() || s.Stats().Restarts > 0 })
		end(c)
		if r := get(t, closed, name+": OnClose"); r.Code != actors.LocalClose && r.Code != actors.Panicked {
			t.Errorf("%s: closed for %v", name, r)
		}
		wantEnd(t, conn, "")
	}
}

// TestPanicEscalate: the listener ends, its other connections say goodbye, other listeners do not notice.
func TestPanicEscalate(t *testing.T) {
	s := system(t, actors.Options{})
	other := peer(t, listen(t, s, actors.Shared(echo{}), actors.ListenOptions{}).Addr())
	const n = 20
	goodbyes := make(chan actors.Reason, n)
	ln := listen(t, s, func() actors.Protocol { return &escalating{closed: goodbyes} }, actors.ListenOptions{
		ConnOptions: actors.ConnOptions{
			Supervision: supervision.Strategy{Decide: supervision.Always(supervision.Escalate)},
			OnFailure:   func(actors.Ref, *supervision.Failure) {},
		},
	})
	var conns []net.Conn
	for range n {
		c := peer(t, ln.Addr())
		mustSend(t, c, "x")
		mustGet(t, c, "x")
		conns = append(conns, c)
	}
	mustSend(t, conns[0], "panic")
	wantEnd(t, conns[0], "")
	for _, c := range conns[1:] {
		wantEnd(t, c, "goodbye")
	}
	get(t, ln.Done(), "the end of the listener")
	codes := map[actors.ReasonCode]int{}
	for range n {
		codes[get(t, goodbyes, "OnClose").Code]++
	}
	if codes[actors.Panicked] != 1 || codes[actors.Shutdown] != n-1 {
		t.Errorf("closed for %v", codes)
	}
	var f *supervision.Failure
	if err := ln.Err(); !errors.As(err, &f) || !errors.Is(err, errBomb) || f.Directive != supervision.Escalate {
		t.Errorf("the listener's error is %v", err)
	}
	if c, err := net.Dial("tcp", ln.Addr().String()); err == nil {
		c.Close()
		t.Error("the listener still accepts")
	}
	mustSend(t, other, "y")
	mustGet(t, other, "y")
	if n := s.Stats().Escalations; n != 1 {
		t.Errorf("%d escalations", n)
	}
}

type escalating struct {
	actors.Base
	closed chan actors.Reason
}

func (p *escalating) OnData(c *actors.Conn, b []byte) int {
	if string(b) == "panic" {
		panic(errBomb)
	}
	c.Write(b)
	return len(b)
}

func (p *escalating) OnShutdown(c *actors.Conn) time.Duration {
	c.WriteString("goodbye")
	return 0
}
func (p *escalating) OnClose(_ *actors.Conn, r actors.Reason) { p.closed <- r }

// TestPanicInSupervision: a strategy that panics means Stop, a hook that panics is left out; the loop goes on.
func TestPanicInSupervision(t *testing.T) {
	for name, test := range map[string]struct {
		decide func(*supervision.Failure) supervision.Directive
		hook   func(actors.Ref, *supervision.Failure)
	}{
		"Decide panics":         {func(*supervision.Failure) supervision.Directive { panic("decide") }, nil},
		"Decide answers wrong":  {supervision.Always(99), nil},
		"OnFailure panics":      {nil, func(actors.Ref, *supervision.Failure) { panic("hook") }},
		"both panic":            {func(*supervision.Failure) supervision.Directive { panic("decide") }, func(actors.Ref, *supervision.Failure) { panic("hook") }},
		"OnFailure panics, nil": {nil, func(actors.Ref, *supervision.Failure) { var s *actors.System; s.Count() }},
	} {
		t.Run(name, func(t *testing.T) {
			s := system(t, actors.Options{Loops: 1})
			_, conn, _, closed := supervised(t, s, supervision.Strategy{Decide: test.decide}, test.hook)
			mustSend(t, conn, "panic\n")
			if r := get(t, closed, "OnClose"); r.Code != actors.Panicked || !errors.Is(r.Err, errBomb) {
				t.Errorf("closed for %v", r)
			}
			wantEnd(t, conn, "")
			again := peer(t, listen(t, s, actors.Shared(echo{}), actors.ListenOptions{}).Addr())
			mustSend(t, again, "x")
			mustGet(t, again, "x")
		})
	}
}

// TestPanicIsLogged: without a hook the logger is told.
func TestPanicIsLogged(t *testing.T) {
	var mu sync.Mutex
	var log bytes.Buffer
	s := system(t, actors.Options{Logger: slog.New(slog.NewTextHandler(lockedWriter{&mu, &log}, nil))})
	conn := peer(t, listen(t, s, actors.Shared(&escalating{closed: make(chan actors.Reason, 1)}), actors.ListenOptions{}).Addr())
	mustSend(t, conn, "panic")
	wantEnd(t, conn, "")
	until(t, "the log", func() bool {
		mu.Lock()
		defer mu.Unlock()
		return strings.Contains(log.String(), "callback=OnData") && strings.Contains(log.String(), "panic=bomb")
	})
}

type lockedWriter struct {
	mu *sync.Mutex
	w  io.Writer
}

func (w lockedWriter) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.w.Write(p)
}

// TestPanicInSystem: tasks, timers and hooks of the System may panic too.
func TestPanicInSystem(t *testing.T) {
	s := system(t, actors.Options{Loops: 1})
	finished := make(chan struct{})
	s.Defer(func() { panic(errBomb) })
	s.Every(time.Millisecond, 3, func() { panic(errBomb) }, func() { close(finished); panic(errBomb) })
	s.OnStop(func() { panic(errBomb) })
	last := make(chan struct{})
	get(t, finished, "the end of the timer")
	s.Defer(func() { close(last) })
	get(t, last, "a task after one that panicked")
	ln := listen(t, s, actors.Shared(echo{}), actors.ListenOptions{
		OnStart: func(*actors.Listener) { panic(errBomb) }, OnFinish: func(*actors.Listener) { panic(errBomb) },
	})
	conn := peer(t, ln.Addr())
	mustSend(t, conn, "x")
	mustGet(t, conn, "x")
	conn.Close()
	ln.Close()
	get(t, ln.Done(), "the end of the listener")
}
