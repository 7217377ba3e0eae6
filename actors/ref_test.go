package actors_test

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"testing"

	"github.com/troupe-go/troupe/actors"
)

func TestRefIsAName(t *testing.T) {
	s := system(t, actors.Options{Node: 7})
	other := system(t, actors.Options{Node: 8})
	p := newProbe(t)
	c, client := one(t, s, p, actors.ListenOptions{})
	r := c.Ref()
	if r != c.Ref() || r.IsZero() || r.Node() != 7 || (actors.Ref{}) == r || !(actors.Ref{}).IsZero() {
		t.Error(r)
	}
	if read, err := actors.ParseRef(r.String()); err != nil || read != r {
		t.Error(read, err)
	}
	if map[actors.Ref]int{r: 1}[c.Ref()] != 1 {
		t.Error("no key")
	}
	if found, ok := s.Conn(r); !ok || found != c {
		t.Error("not found")
	}
	got := make(chan any, 1)
	c.Do(func(*actors.Conn) { p.message = func(_ *actors.Conn, m any) { got <- m } }, nil)
	if err := s.Send(r, "hello"); err != nil || get(t, got, "the message") != "hello" {
		t.Error(err)
	}
	if n, err := s.Write(r, []byte("hello")); n != 5 || err != nil {
		t.Error(n, err)
	}
	mustGet(t, client, "hello")
	if err := s.Send(r, nil); !errors.Is(err, actors.ErrBadOption) {
		t.Error(err)
	}
	for _, bad := range []struct {
		s *actors.System
		r actors.Ref
	}{{other, r}, {s, actors.Ref{}}} {
		fell := false
		if err := bad.s.Send(bad.r, "x"); !errors.Is(err, actors.ErrClosed) {
			t.Error(err)
		}
		if _, err := bad.s.Write(bad.r, nil); !errors.Is(err, actors.ErrClosed) {
			t.Error(err)
		}
		if err := bad.s.Do(bad.r, func(*actors.Conn) { t.Error("ran") }, func() { fell = true }); !errors.Is(err, actors.ErrClosed) || !fell {
			t.Error(err, fell)
		}
		if _, ok := bad.s.Conn(bad.r); ok {
			t.Error("found")
		}
	}
	client.Close()
	p.wantClose(actors.PeerClosed)
	if err := s.Send(r, "x"); !errors.Is(err, actors.ErrClosed) {
		t.Error(err)
	}
}

// Before it has a socket a connection's Ref leads nowhere, above all not to another connection.
func TestRefBeforeSocket(t *testing.T) {
	address, _ := fullBacklog(t)
	target, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer target.Close()
	s := system(t, actors.Options{Loops: 2})
	// One of these is the first in its loop's table; one of those that wait has the same number on the other loop.
	var waiting []*actors.Conn
	for range 2 {
		p := newProbe(t)
		dial(t, s, "tcp", target.Addr().String(), p, actors.DialOptions{})
		get(t, p.opened, "OnOpen")
	}
	for range 8 {
		waiting = append(waiting, dial(t, s, "unix", address, newProbe(t), actors.DialOptions{}))
	}
	for _, c := range waiting {
		if other, ok := s.Conn(c.Ref()); ok {
			t.Errorf("%v, without a socket, leads to %v", c.Ref(), other.RemoteAddr())
		}
		c.Close()
	}
}

// Thousands of connections come and go on the same descriptors, and whoever has an old Ref uses it: nobody gets what
// was meant for another. Each connection expects its own number.
func TestRefNeverReachesSuccessor(t *testing.T) {
	s := system(t, actors.Options{})
	type entry struct {
		ref actors.Ref
		id  int
	}
	var mu sync.Mutex
	var refs []entry
	next := 0
	factory := func() actors.Protocol { return &numbered{t: t} }
	ln := listen(t, s, func() actors.Protocol {
		p := factory().(*numbered)
		p.enroll = func(c *actors.Conn) int {
			mu.Lock()
			defer mu.Unlock()
			next++
			refs = append(refs, entry{c.Ref(), next})
			return next
		}
		return p
	}, actors.ListenOptions{})
	cycles := 3000
	if testing.Short() {
		cycles = 500
	}
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for i := range 2 {
		senders.Go(func() {
			for k := i; ; k += 7 {
				select {
				case <-stop:
					return
				default:
				}
				mu.Lock()
				n := len(refs)
				var e entry
				if n > 0 {
					e = refs[max(0, n-1-k%50)]
				}
				mu.Unlock()
				if n > 0 {
					s.Send(e.ref, e.id)
					s.Write(e.ref, fmt.Appendf(nil, "%d\n", e.id))
					s.Do(e.ref, func(c *actors.Conn) {
						if c.Ref() != e.ref {
							t.Error("Do reached another connection")
						}
					}, nil)
				}
			}
		})
	}
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range cycles / 4 {
				c, err := net.Dial("tcp", ln.Addr().String())
				if err != nil {
					t.Error(err)
					return
				}
				c.Write([]byte("x"))
				var id, first int
				for lines := 0; lines < 3; lines++ { // the first is its own number
					if _, err := fmt.Fscanf(c, "%d\n", &id); err != nil {
						t.Errorf("reading: %v", err)
						break
					}
					if lines == 0 {
						first = id
					} else if id != first {
						t.Errorf("connection %d got what was for %d", first, id)
					}
				}
				c.Close()
			}
		})
	}
	clients.Wait()
	close(stop)
	senders.Wait()
}

type numbered struct {
	actors.Base
	t      *testing.T
	id     int
	enroll func(*actors.Conn) int
}

func (p *numbered) OnData(c *actors.Conn, b []byte) int {
	if p.id == 0 {
		p.id = p.enroll(c)
	}
	for range 3 {
		c.Write(fmt.Appendf(nil, "%d\n", p.id))
	}
	return len(b)
}

func (p *numbered) OnMessage(_ *actors.Conn, m any) {
	if m != p.id {
		p.t.Errorf("connection %d got the message for %v", p.id, m)
	}
}

func FuzzParseRef(f *testing.F) {
	for _, text := range []string{
		"", "troupe:5f3c09aa/1.42#1007", "troupe:00000000/0.0#0", "troupe:ffffffff/255.16777215#18446744073709551615",
		"troupe:5f3c09aa/256.0#1", "troupe:5f3c09aa/1.16777216#1", "troupe:5f3c09aa/1.42#1007 ", " troupe:5f3c09aa/1.42#1007",
		"troupe:5F3C09AA/1.42#1007", "troupe:5f3c09aa/+1.42#1007", "troupe:5f3c09aa/01.42#1007", "troupe:5f3c09aa/1.42#1007\n",
		"troupe:5f3c09aa/1.42#18446744073709551616", "troupe:-f3c09aa/1.42#1007",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		r, err := actors.ParseRef(text)
		if err != nil {
			if !errors.Is(err, actors.ErrBadOption) || !r.IsZero() {
				t.Errorf("%q: %v, %v", text, r, err)
			}
			return
		}
		if r.String() != text {
			t.Errorf("%q is read as %v", text, r)
		}
	})
}
