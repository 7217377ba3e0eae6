//go:build unix

package reactor

import (
	"errors"
	"runtime"
	"slices"
	"sync"
	"testing"

	"pgregory.net/rapid"
)

// idleLoop is a loop without a goroutine: what is enqueued stays in its inbox, for the test to give turns.
func idleLoop(t testing.TB) *Loop {
	t.Helper()
	l, err := newLoop(&Group{}, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.poller.Close() })
	return l
}

// TestCellModel holds a cell, and turns given as its loop would, to a naive queue.
func TestCellModel(t *testing.T) {
	l := idleLoop(t)
	rapid.Check(t, func(rt *rapid.T) {
		p := newProbe(l)
		var user, system []int // the model: what waits
		closed, next := false, 0
		scheduled := func() int {
			n := 0
			for _, c := range l.inbox {
				if c == &p.cell {
					n++
				}
			}
			return n
		}
		take := func() { l.inbox = slices.DeleteFunc(l.inbox, func(c *Cell) bool { return c == &p.cell }) }
		defer take()
		again := false // the last turn asked for another
		rt.Repeat(map[string]func(*rapid.T){
			"post": func(rt *rapid.T) {
				next++
				limit := rapid.IntRange(0, 4).Draw(rt, "limit")
				err := p.cell.Post(next, limit)
				switch {
				case closed:
					if !errors.Is(err, ErrCellClosed) {
						rt.Fatalf("Post on a closed cell: %v", err)
					}
				case limit > 0 && len(user) >= limit:
					if !errors.Is(err, ErrMailboxFull) {
						rt.Fatalf("Post with %d of %d: %v", len(user), limit, err)
					}
				case err != nil:
					rt.Fatalf("Post: %v", err)
				default:
					user = append(user, next)
				}
			},
			"post system": func(*rapid.T) {
				next++
				p.cell.PostSystem(next)
				system = append(system, next)
			},
			"due": func(*rapid.T) { p.cell.Due() },
			"turn": func(rt *rapid.T) {
				ready := Events(0)
				if rapid.Bool().Draw(rt, "event") {
					ready = Readable
				} else if !again && scheduled() == 0 {
					return // a loop gives no such turn
				}
				if ready == 0 {
					again = false
					take()
				}
				most := rapid.IntRange(0, 6).Draw(rt, "most")
				hold := rapid.Bool().Draw(rt, "hold")
				shut := rapid.IntRange(0, 9).Draw(rt, "close") == 0
				p.cell.Lock()
				p.cell.Begin(ready)
				if p.cell.HasSystem() != (len(system) > 0) {
					rt.Fatal("HasSystem lies")
				}
				for ; len(system) > 0; system = system[1:] {
					if v, ok := p.cell.NextSystem(); !ok || v != system[0] {
						rt.Fatalf("NextSystem = %v, %v; want %d", v, ok, system[0])
					}
				}
				p.cell.Unlock()
				for range most {
					v, ok := p.cell.Next()
					if !ok {
						break
					}
					if len(user) == 0 || v != user[0] {
						rt.Fatalf("Next = %v, want %v", v, user)
					}
					user = user[1:]
					if rapid.IntRange(0, 3).Draw(rt, "meanwhile") == 0 && !closed {
						next++
						p.cell.Post(next, 0)
						user = append(user, next)
					}
				}
				p.cell.Lock()
				if shut {
					var rest []int
					for _, v := range p.cell.Close() {
						rest = append(rest, v.(int))
					}
					if !slices.Equal(rest, user) {
						rt.Fatalf("Close = %v, want %v", rest, user)
					}
					closed, user = true, nil
				}
				if p.cell.Closed() != closed || !p.cell.Running() {
					rt.Fatal("Closed or Running lies")
				}
				out := p.cell.End(false, hold)
				p.cell.Unlock()
				if out&NeedTurn != 0 {
					if again || scheduled() > 0 {
						rt.Fatal("due twice")
					}
					again = true
				}
				if len(user) > 0 && !hold && !again && scheduled() == 0 {
					rt.Fatalf("%v waits, and no turn is due", user)
				}
			},
			"": func(rt *rapid.T) {
				if n := p.cell.Mail(); n != len(user) {
					rt.Fatalf("Mail = %d, want %d", n, len(user))
				}
				if n := scheduled(); n > 1 || n == 1 && again {
					rt.Fatalf("%d times in the inbox, again %v", n, again)
				}
				if len(system) > 0 && !again && scheduled() == 0 {
					rt.Fatal("system messages wait, and no turn is due")
				}
				p.cell.Lock()
				if m := p.cell.mail; m != nil && m.empty() {
					rt.Fatal("an idle cell has a mailbox")
				}
				p.cell.Unlock()
			},
		})
	})
}

// TestMailboxKeepsNothing: a recycled mailbox does not keep alive what passed through it.
func TestMailboxKeepsNothing(t *testing.T) {
	for name, post := range map[string]func(*Cell, any){
		"user":   func(c *Cell, v any) { c.Post(v, 0) },
		"system": (*Cell).PostSystem,
	} {
		t.Run(name, func(t *testing.T) {
			p := newProbe(idleLoop(t))
			kept := new(mailbox) // not from the pool: nothing is in it from before
			p.cell.mail = kept
			for range 5 {
				post(&p.cell, new(int))
			}
			p.Turn(newWorker(512), 0)
			if p.cell.mail != nil {
				t.Fatal("the mailbox was not recycled")
			}
			for _, q := range [][]any{kept.in, kept.batch, kept.system} {
				for i, v := range q[:cap(q)] {
					if v != nil {
						t.Errorf("entry %d of a recycled queue still holds %T", i, v)
					}
				}
			}
		})
	}
}

// TestCellClose: what Close returned is not kept, and not served.
func TestCellClose(t *testing.T) {
	p := newProbe(idleLoop(t))
	for i := range 10 {
		p.post(t, i)
	}
	p.cell.Lock()
	p.cell.Begin(0)
	p.cell.Unlock()
	for range 3 {
		p.cell.Next()
	}
	p.post(t, 10)
	p.cell.Lock()
	m := p.cell.mail
	rest := p.cell.Close()
	if v, ok := p.cell.Next(); ok {
		t.Errorf("Next after Close = %v", v)
	}
	p.cell.End(false, false)
	p.cell.Unlock()
	if !slices.Equal(rest, []any{3, 4, 5, 6, 7, 8, 9, 10}) {
		t.Errorf("Close = %v", rest)
	}
	for _, q := range [][]any{m.in, m.batch} {
		for _, v := range q[:cap(q)] {
			if v != nil {
				t.Errorf("a closed mailbox holds %v", v)
			}
		}
	}
	if err := p.cell.Post(1, 0); !errors.Is(err, ErrCellClosed) {
		t.Errorf("Post = %v", err)
	}
}

// TestCellsSendersInOrder: many goroutines post to cells without descriptors on running loops: each sender's messages
// come in order, none is lost, and the last post is served although nobody posts after it.
func TestCellsSendersInOrder(t *testing.T) {
	g := startGroup(t, Options{Loops: 2})
	const cells, senders, each = 8, 4, 500
	type mail struct{ sender, n int }
	var running sync.WaitGroup
	for range cells {
		p := newProbe(g.Next())
		p.most = 7
		last := [senders]int{}
		served, all := 0, make(chan struct{})
		p.onMail = func(v any) {
			m := v.(mail)
			if m.n != last[m.sender]+1 {
				t.Errorf("%d of sender %d after %d", m.n, m.sender, last[m.sender])
			}
			last[m.sender] = m.n
			if served++; served == senders*each {
				close(all)
			}
		}
		for s := range senders {
			running.Go(func() {
				for n := range each {
					p.post(t, mail{s, n + 1})
					if n%64 == 0 {
						runtime.Gosched()
					}
				}
			})
		}
		running.Go(func() { await(t, all, "the last message") })
	}
	running.Wait()
}

// TestCellNoLostWake posts one message at a time, each when the one before was served: a lost wake-up hangs.
func TestCellNoLostWake(t *testing.T) {
	g := startGroup(t, Options{Loops: 1})
	var running sync.WaitGroup
	for range 4 {
		running.Go(func() {
			p := newProbe(g.Next())
			served := make(chan struct{})
			p.onMail = func(any) { served <- struct{}{} }
			for i := range 500 {
				switch i % 3 {
				case 0:
					p.cell.Due()
				case 1:
					p.cell.PostSystem(i)
				}
				p.post(t, i)
				await(t, served, "a message")
			}
		})
	}
	running.Wait()
}

// TestCellHold: mail that a turn holds is served in the turn after the next wake-up, and not before.
func TestCellHold(t *testing.T) {
	p := newProbe(idleLoop(t))
	p.post(t, 1)
	p.cell.loop.inbox = nil
	p.cell.Lock()
	p.cell.Begin(0)
	if out := p.cell.End(false, true); out != 0 {
		t.Errorf("End = %b: held mail asks for a turn", out)
	}
	p.cell.Unlock()
	p.cell.Due()
	if len(p.cell.loop.inbox) != 1 {
		t.Fatal("Due did not schedule")
	}
	if p.Turn(newWorker(512), 0); !slices.Equal(p.mail, []any{1}) {
		t.Errorf("served %v", p.mail)
	}
}
