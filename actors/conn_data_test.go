package actors_test

import (
	"bytes"
	"math/rand/v2"
	"net"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
)

// A message is a length byte and that many bytes, numbered; the parser leaves incomplete ones.
func TestConnTailsAreKept(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	rng := rand.New(rand.NewPCG(seed, 0))
	for _, buffer := range []int{512, 64 << 10} {
		p := newProbe(t)
		var got []byte
		last := 0
		done := make(chan struct{})
		p.data = func(c *actors.Conn, b []byte) int {
			if len(b) < last {
				t.Errorf("OnData with %d bytes after %d were left", len(b), last)
			}
			n := 0
			for len(b) > n && len(b) > n+int(b[n]) {
				size := int(b[n])
				got = append(got, b[n+1:n+1+size]...)
				if n += 1 + size; size == 0 {
					close(done)
				}
			}
			last = len(b) - n
			return n
		}
		_, client := one(t, system(t, actors.Options{ReadBuffer: buffer}), p, actors.ListenOptions{})
		var wire, want []byte
		for range 3000 {
			m := make([]byte, 1+rng.IntN(255))
			for i := range m {
				m[i] = byte(rng.Uint32())
			}
			wire = append(append(wire, byte(len(m))), m...)
			want = append(want, m...)
		}
		wire = append(wire, 0)
		writeSplit(t, client, rng, wire)
		get(t, done, "the last message")
		if !bytes.Equal(got, want) {
			t.Errorf("got %d bytes, or others, want %d", len(got), len(want))
		}
	}
}

// writeSplit writes in pieces of random sizes, small and large.
func writeSplit(t testing.TB, c net.Conn, rng *rand.Rand, p []byte) {
	t.Helper()
	for len(p) > 0 {
		n := 1 + rng.IntN(min(len(p), 1<<rng.IntN(15)))
		if _, err := c.Write(p[:n]); err != nil {
			t.Fatal(err)
		}
		p = p[n:]
	}
}

func TestConnMaxUnconsumedAllowsExactlyThat(t *testing.T) {
	p := newProbe(t)
	seen := make(chan int, 64)
	p.data = func(_ *actors.Conn, b []byte) int { seen <- len(b); return 0 }
	_, client := one(t, system(t, actors.Options{}), p, actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxUnconsumed: 5}})
	for n := 1; n <= 5; n++ {
		mustSend(t, client, "x")
		if got := get(t, seen, "OnData"); got != n {
			t.Fatalf("OnData with %d bytes, want %d", got, n)
		}
	}
	mustSend(t, client, "x")
	p.wantClose(actors.ProtocolError)
}

func TestConnSuspendAndResume(t *testing.T) {
	p := newProbe(t)
	seen := make(chan string, 64)
	take := 0
	p.data = func(c *actors.Conn, b []byte) int {
		seen <- string(b)
		if take == 0 {
			c.Suspend()
		}
		return min(take, len(b))
	}
	s := system(t, actors.Options{})
	c, client := one(t, s, p, actors.ListenOptions{})
	mustSend(t, client, "abc")
	if got := get(t, seen, "OnData"); got != "abc" {
		t.Fatal(got)
	}
	mustSend(t, client, "def")
	ran := make(chan struct{})
	c.After(10*time.Millisecond, func(*actors.Conn) { take = 2; close(ran) })
	get(t, ran, "a timer of a suspended connection")
	if len(seen) != 0 {
		t.Error("OnData while suspended")
	}
	c.Resume()
	if got := get(t, seen, "the tail"); got != "abc" {
		t.Errorf("after Resume: %q", got)
	}
	if got := get(t, seen, "the rest"); got != "cdef" {
		t.Errorf("then: %q", got)
	}
	c.Do(func(*actors.Conn) { take = 100 }, nil)
	c.Trigger(actors.EventData)
	if got := get(t, seen, "the triggered OnData"); got != "ef" {
		t.Errorf("Trigger: %q", got)
	}
	c.Trigger(actors.EventData)
	served(t, c)
	if len(seen) != 0 {
		t.Errorf("OnData without anything left: %q", <-seen)
	}
}

func TestConnTrigger(t *testing.T) {
	p := newProbe(t)
	called := make(chan string, 4)
	p.drained = func(*actors.Conn) { called <- "drained" }
	p.timeout = func(*actors.Conn) { called <- "timeout" }
	c, _ := one(t, system(t, actors.Options{}), p, actors.ListenOptions{})
	c.Trigger(actors.EventDrained)
	if got := get(t, called, "OnDrained"); got != "drained" {
		t.Error(got)
	}
	c.Trigger(actors.EventTimeout)
	if got := get(t, called, "OnTimeout"); got != "timeout" {
		t.Error(got)
	}
	// In a callback it means: later.
	c.Do(func(c *actors.Conn) {
		c.Trigger(actors.EventDrained)
		called <- "task"
	}, nil)
	for _, want := range []string{"task", "drained"} {
		if got := get(t, called, want); got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
