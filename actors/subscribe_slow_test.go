package actors_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
)

// TestSlowSubscribers: real peers that do not read while far more is published than they and their connections have room
// for, and then read on. By each policy they get whole messages, in order, and what they do not get is counted; the others
// on their loop get everything.
func TestSlowSubscribers(t *testing.T) {
	messages := scaled(30_000, 10_000)
	for _, policy := range []actors.SlowPolicy{actors.Disconnect, actors.DropOldest, actors.DropNewest, actors.Conflate, actors.SuspendReads} {
		t.Run(policy.String(), func(t *testing.T) {
			noBuffersLeft(t)
			s := system(t, actors.Options{Loops: 1})
			p := newProbe(t)
			p.open = func(c *actors.Conn) { mustSubscribeConn(t, c, "c", actors.SubscribeOptions{Encoder: lines}) }
			o := actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: 128 << 10, SlowPolicy: policy}}
			o.Socket.SendBuffer = 16 << 10 // else megabytes trickle through the peer's window of 4 KiB for many seconds
			ln := listen(t, s, p.factory(), o)
			slow := stuckPeer(t, ln.Addr())
			c := get(t, p.opened, "OnOpen")
			quick := newProbe(t)
			quick.open = func(c *actors.Conn) { mustSubscribeConn(t, c, "c", actors.SubscribeOptions{Encoder: lines}) }
			_, quickEnd := one(t, s, quick, actors.ListenOptions{ConnOptions: actors.ConnOptions{MaxOutbound: 64 << 20}})
			read := make(chan []int, 1)
			go func() { read <- readNumbers(t, quickEnd, messages) }()
			for i := range messages {
				for {
					_, err := s.Broker().Publish("c", fmt.Appendf(nil, "%0*d", 8+i%300, i))
					if err == nil {
						break
					}
					if !errors.Is(err, pubsub.ErrBacklog) {
						t.Fatal(err)
					}
				}
			}
			if got := get(t, read, "everything"); len(got) != messages {
				t.Errorf("the quick one got %d", len(got))
			}
			if policy == actors.Disconnect {
				p.wantClose(actors.SlowPeer)
				if got := readNumbers(t, slow, messages); len(got) == messages || len(got) > 0 && got[len(got)-1] != len(got)-1 {
					t.Errorf("got %d, the last is %d", len(got), got[len(got)-1])
				}
				return
			}
			go func() { read <- readNumbers(t, slow, messages) }()
			until(t, "the rest is on its way", func() bool { return c.Buffered() == 0 })
			dropped := c.Dropped()
			c.Close()
			got := get(t, read, "the end")
			p.wantClose(actors.LocalClose)
			if len(got)+int(dropped.Messages) != messages || dropped.Messages == 0 {
				t.Errorf("got %d, dropped %d, of %d", len(got), dropped.Messages, messages)
			}
			if last := got[len(got)-1]; (policy == actors.DropOldest || policy == actors.Conflate) && last != messages-1 {
				t.Errorf("the last is %d", last)
			}
		})
	}
}

func mustSubscribeConn(t testing.TB, c *actors.Conn, name string, o actors.SubscribeOptions) {
	if _, err := c.Subscribe(name, o); err != nil {
		t.Errorf("Subscribe: %v", err)
	}
}

// readNumbers reads messages, whole and in order, to the end or the last one.
func readNumbers(t testing.TB, c io.Reader, last int) (got []int) {
	for r := bufio.NewReader(c); len(got) == 0 || got[len(got)-1] != last-1; {
		line, err := r.ReadString('\n')
		if err != nil { // a connection that was cut may end anywhere
			return got
		}
		var n int
		fmt.Sscan(strings.TrimLeft(line[:len(line)-2], "0")+line[len(line)-2:], &n)
		if len(line) != 1+max(8+n%300, len(fmt.Sprint(n))) || len(got) > 0 && n <= got[len(got)-1] {
			t.Errorf("got %q after %d messages", line, len(got))
			return got
		}
		got = append(got, n)
	}
	return got
}
