package line_test

import (
	"context"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/actors/actorstest"
	"github.com/troupe-go/troupe/protocols/line"
)

// greeter greets everybody by name.
type greeter struct{ line.Base }

func (greeter) OnOpen(c *actors.Conn) { c.WriteString("What is your name?\r\n") }

func (greeter) OnLine(c *actors.Conn, name []byte) {
	fmt.Fprintf(c, "Hello, %s!\r\n", name)
	c.Close()
}

func Example() {
	system, err := actors.Start(actors.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer system.Shutdown(context.Background())
	factory := line.Factory(func() line.Handler { return greeter{} }, line.Options{})
	listener, err := system.Listen("tcp", "127.0.0.1:0", factory, actors.ListenOptions{})
	if err != nil {
		fmt.Println(err)
		return
	}

	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	defer client.Close()
	fmt.Fprint(client, "Aphra\r\n")
	conversation, _ := io.ReadAll(client)
	fmt.Printf("%q\n", conversation)
	// Output:
	// "What is your name?\r\nHello, Aphra!\r\n"
}

// A Stripper works without any connection.
func ExampleStripper() {
	var s line.Stripper
	for _, piece := range []string{"wo\xff", "\xfd\x01rl", "d\r\x00"} { // a DO ECHO within, cut in two
		fmt.Printf("%q\n", s.Strip(nil, []byte(piece)))
	}
	// Output:
	// "wo"
	// "rl"
	// "d\r\n"
}

// member is in a room: what is published to it is written to the peer, each message as a line.
type member struct{ line.Base }

func (member) OnOpen(c *actors.Conn) { c.Subscribe("room", actors.SubscribeOptions{}) }

func (member) OnLine(c *actors.Conn, text []byte) { c.Publish("room", text) }

func ExampleEncoder() {
	t := new(testing.T)
	world := actorstest.NewWorld(t, actors.Options{})
	ann := world.Open(line.New(member{}, line.Options{}))
	bob := world.Open(line.New(member{}, line.Options{}))
	ann.Send("hello\n")
	world.System().Broker().Publish("room", []byte("two\nlines"))
	world.Run()
	fmt.Printf("ann: %q\n", ann.Received())
	fmt.Printf("bob: %q\n", bob.Received())
	// Output:
	// ann: "hello\r\ntwo lines\r\n"
	// bob: "hello\r\ntwo lines\r\n"
}
