package actorstest_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/actors/actorstest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// greeter answers each line with a greeting and asks after silence.
type greeter struct{ actors.Base }

func (greeter) OnOpen(c *actors.Conn) {
	c.SetTimeout(40 * time.Second)
	c.WriteString("Who are you?\n")
}

func (greeter) OnData(c *actors.Conn, p []byte) (consumed int) {
	for {
		end := bytes.IndexByte(p[consumed:], '\n')
		if end < 0 {
			return consumed
		}
		name := string(p[consumed : consumed+end])
		consumed += end + 1
		switch name {
		case "bye":
			c.Close()
		case "panic":
			panic(name)
		case "swap":
			c.Swap(shouter{})
			return consumed
		}
		c.WriteString("Hello " + name + "!\n")
	}
}

func (greeter) OnTimeout(c *actors.Conn)          { c.WriteString("Still there?\n") }
func (greeter) OnMessage(c *actors.Conn, msg any) { c.WriteString(msg.(string)) }
func (greeter) OnShutdown(c *actors.Conn) time.Duration {
	c.WriteString("We close in a minute.\n")
	return time.Minute
}

type shouter struct{ actors.Base }

func (shouter) OnData(c *actors.Conn, p []byte) int {
	c.WriteString(strings.ToUpper(string(p)))
	return len(p)
}

func TestConversation(t *testing.T) {
	p := actorstest.Open(t, greeter{})
	p.Expect("Who are you?\n")
	p.SendBytewise("Ann\nB")
	p.Expect("Hello Ann!\n")
	p.Send("ob\n")
	p.Expect("Hello Bob!\n")
	p.Message("psst\n")
	p.Expect("psst\n")
	p.Advance(39 * time.Second)
	p.Expect("")
	p.Advance(2 * time.Second)
	p.Expect("Still there?\n")
	p.ExpectOpen()
	p.Close()
	p.ExpectClosed(actors.PeerClosed)
}

func TestEnds(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*actorstest.Peer)
		want actors.ReasonCode
	}{
		"close": {func(p *actorstest.Peer) { p.Send("bye\n") }, actors.LocalClose},
		"panic": {func(p *actorstest.Peer) { p.Send("panic\n") }, actors.Panicked},
		"reset": {(*actorstest.Peer).Reset, actors.IOError},
		"shutdown": {func(p *actorstest.Peer) {
			p.Shutdown()
			p.Expect("We close in a minute.\n")
			p.ExpectOpen()
			p.Advance(time.Minute)
		}, actors.Shutdown},
		"slow": {func(p *actorstest.Peer) {
			p.Window(10)
			for range 200_000 {
				p.Conn().WriteString("too much\n")
			}
			p.World().Run()
		}, actors.SlowPeer},
	} {
		t.Run(name, func(t *testing.T) {
			p := actorstest.Open(t, greeter{})
			p.Received()
			c.end(p)
			p.ExpectClosed(c.want)
		})
	}
}

func TestSwapKeepsBytes(t *testing.T) {
	p := actorstest.Open(t, greeter{})
	p.Received()
	p.Send("swap\nrest")
	p.Expect("REST")
}

func TestPubSub(t *testing.T) {
	w := actorstest.NewWorld(t, actors.Options{})
	a, b := w.Open(shouter{}), w.Open(shouter{})
	for _, p := range []*actorstest.Peer{a, b} {
		if _, err := p.Conn().Subscribe("news", actors.SubscribeOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	w.Run()
	if n, err := a.Conn().Publish("news", []byte("hi")); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	w.Run()
	a.Expect("hi")
	b.Expect("hi")
}

func ExampleOpen() {
	var t testing.T // in a test: the test's own
	p := actorstest.Open(&t, greeter{})
	p.SendBytewise("Ann\n")
	fmt.Print(p.Received())
	p.Advance(time.Minute)
	fmt.Print(p.Received())
	// Output:
	// Who are you?
	// Hello Ann!
	// Still there?
}
