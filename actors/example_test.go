package actors_test

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"strings"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/supervision"
)

// upper sends back what it gets in capitals. It keeps no state, so one object serves all connections.
type upper struct{ actors.Base }

func (upper) OnData(c *actors.Conn, p []byte) int {
	c.Write(bytes.ToUpper(p)) // never blocks
	return len(p)             // all is consumed
}

// A server and a client of package net.
func Example() {
	system, err := actors.Start(actors.Options{})
	if err != nil {
		panic(err)
	}
	listener, err := system.Listen("tcp", "127.0.0.1:0", actors.Shared(upper{}), actors.ListenOptions{})
	if err != nil {
		panic(err)
	}

	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		panic(err)
	}
	fmt.Fprintln(client, "hello")
	answer, _ := bufio.NewReader(client).ReadString('\n')
	fmt.Print(answer)
	client.Close()

	fmt.Println(system.Shutdown(context.Background()))
	// Output:
	// HELLO
	// <nil>
}

// exampleListen starts a System that listens, for the examples below. end shuts it down.
func exampleListen(f actors.Factory, o actors.ConnOptions) (s *actors.System, ln *actors.Listener, end func()) {
	s, err := actors.Start(actors.Options{Loops: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	ln, err = s.Listen("tcp", "127.0.0.1:0", f, actors.ListenOptions{ConnOptions: o})
	if err != nil {
		panic(err)
	}
	return s, ln, func() { s.Shutdown(context.Background()) }
}

// A lineClient is a client of package net that talks in lines.
type lineClient struct {
	net.Conn
	in *bufio.Reader
}

func exampleDial(ln *actors.Listener) *lineClient {
	c, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		panic(err)
	}
	return &lineClient{c, bufio.NewReader(c)}
}

func (c *lineClient) say(line string) { fmt.Fprintln(c, line) }

// hear is the next line, or how the connection ended.
func (c *lineClient) hear() string {
	line, err := c.in.ReadString('\n')
	if err != nil {
		return err.Error()
	}
	return strings.TrimSuffix(line, "\n")
}

// eachLine calls f with each whole line of p and says how many bytes those were: what OnData returns. Package
// protocols/line does this in earnest.
func eachLine(p []byte, f func(line string)) (consumed int) {
	for {
		end := bytes.IndexByte(p[consumed:], '\n')
		if end < 0 {
			return consumed // the rest comes again, with more behind it
		}
		f(string(p[consumed : consumed+end]))
		consumed += end + 1
	}
}

// doorman lets those in who know the word. The bytes that come after it are for the protocol that takes over.
type doorman struct{ actors.Base }

func (doorman) OnData(c *actors.Conn, p []byte) int {
	word, _, whole := bytes.Cut(p, []byte("\n"))
	switch {
	case !whole:
		return 0
	case string(word) == "swordfish":
		c.Swap(&guest{})
	default:
		c.Close()
	}
	return len(word) + 1
}

// guest counts its lines. It keeps state, so each connection needs one of its own.
type guest struct {
	actors.Base
	lines int
}

func (g *guest) OnOpen(c *actors.Conn) { c.WriteString("welcome\n") }

func (g *guest) OnData(c *actors.Conn, p []byte) int {
	return eachLine(p, func(line string) {
		g.lines++
		fmt.Fprintf(c, "%d: %s\n", g.lines, line)
	})
}

// A connection changes its protocol when the login is done; bytes that came with the login are not lost.
func ExampleConn_Swap() {
	_, listener, end := exampleListen(actors.Shared(doorman{}), actors.ConnOptions{})
	defer end()
	client := exampleDial(listener)
	defer client.Close()
	client.say("swordfish\nfirst\nsecond") // all at once
	fmt.Println(client.hear())
	fmt.Println(client.hear())
	fmt.Println(client.hear())
	// Output:
	// welcome
	// 1: first
	// 2: second
}

// user takes the first line as its name and writes what it is sent to its peer.
type user struct{ actors.Base }

func (user) OnData(c *actors.Conn, p []byte) int {
	return eachLine(p, func(name string) {
		if err := c.SetTag(name); err != nil {
			fmt.Fprintln(c, err)
			return
		}
		fmt.Fprintln(c, "hello", name)
	})
}

func (user) OnMessage(c *actors.Conn, msg any) { fmt.Fprintln(c, msg) }

// A tag finds a connection by a name that the program chose. At most one connection has it.
func ExampleConn_SetTag() {
	system, listener, end := exampleListen(actors.Shared(user{}), actors.ConnOptions{})
	defer end()
	ann, eve := exampleDial(listener), exampleDial(listener)
	defer ann.Close()
	defer eve.Close()

	ann.say("ann")
	fmt.Println(ann.hear())
	eve.say("ann")
	fmt.Println(eve.hear())
	fmt.Println(system.SendTag("ann", "you have mail"))
	fmt.Println(ann.hear())
	fmt.Println(system.SendTag("bob", "you have mail"))
	// Output:
	// hello ann
	// actors: tag is taken
	// <nil>
	// you have mail
	// actors: no such tag
}

// A Ref is what to keep of a connection: it never reaches another one, and says so when its own is over.
func ExampleRef() {
	system, listener, end := exampleListen(actors.Shared(user{}), actors.ConnOptions{})
	defer end()
	client := exampleDial(listener)
	client.say("ann")
	client.hear()

	conn, _ := system.Tagged("ann")
	ref := conn.Ref()
	fmt.Println(system.Send(ref, "still there?"))
	fmt.Println(client.hear())

	again, err := actors.ParseRef(ref.String()) // it survives being printed
	fmt.Println(again == ref, err)

	closed := make(chan struct{})
	conn.Do(func(c *actors.Conn) {
		c.Every(time.Hour, 0, func(*actors.Conn) {}, func(*actors.Conn) { close(closed) })
	}, nil)
	client.Close()
	<-closed // the finish hook of a timer tells that its connection is over
	fmt.Println(system.Send(ref, "still there?"))
	// Output:
	// <nil>
	// still there?
	// true <nil>
	// actors: connection is closed
}

// ticker writes three times and says that it is done.
type ticker struct{ actors.Base }

func (ticker) OnOpen(c *actors.Conn) {
	n := 0
	c.Every(time.Millisecond, 3, func(c *actors.Conn) {
		n++
		fmt.Fprintln(c, "tick", n)
	}, func(c *actors.Conn) {
		c.WriteString("that was all\n")
		c.Close()
	})
}

// A timer's functions run in the connection's turns, so they need no locks.
func ExampleConn_Every() {
	_, listener, end := exampleListen(actors.Shared(ticker{}), actors.ConnOptions{})
	defer end()
	client := exampleDial(listener)
	defer client.Close()
	text, _ := io.ReadAll(client)
	fmt.Printf("%s", text)
	// Output:
	// tick 1
	// tick 2
	// tick 3
	// that was all
}

// account is a connection that other actors ask questions.
type account struct {
	actors.Base
	balance int
	address chan<- *actor.PID
}

func (a *account) OnOpen(c *actors.Conn) { a.address <- c.PID() }

func (a *account) OnMessage(c *actors.Conn, msg any) {
	switch msg := msg.(type) {
	case int:
		a.balance += msg
		fmt.Fprintln(c, "balance", a.balance)
	case string:
		c.Context().Respond(a.balance)
	}
}

// To other actors a connection is an actor like any other: they send to its PID and ask it questions.
func ExampleConn_PID() {
	address := make(chan *actor.PID, 1)
	system, listener, end := exampleListen(func() actors.Protocol { return &account{address: address} }, actors.ConnOptions{})
	defer end()
	client := exampleDial(listener)
	defer client.Close()

	pid := <-address
	system.Root().Send(pid, 30)
	system.Root().Send(pid, 12)
	fmt.Println(client.hear())
	fmt.Println(client.hear())
	fmt.Println(system.Root().RequestFuture(pid, "how much?", 10*time.Second).Result())
	// Output:
	// balance 30
	// balance 42
	// 42 <nil>
}

// An actor that watches a connection is told when it is over, after the connection's OnClose.
func ExampleConn_PID_watch() {
	address, told := make(chan *actor.PID, 1), make(chan struct{})
	system, listener, end := exampleListen(func() actors.Protocol { return &account{address: address} }, actors.ConnOptions{})
	defer end()
	client := exampleDial(listener)

	pid := <-address
	watching := make(chan struct{})
	watcher := system.Root().Spawn(actor.PropsFromFunc(func(c actor.Context) {
		switch message := c.Message().(type) {
		case *actor.Started:
			c.Watch(pid)
			close(watching)
		case *actor.Terminated:
			fmt.Println("it is over:", message.Who.Equal(pid))
			close(told)
		}
	}))
	<-watching
	client.Close()
	<-told
	system.Root().StopFuture(watcher).Wait()
	// Output:
	// it is over: true
}

// flooder writes more than the budget of its connection, all in one turn.
type flooder struct {
	actors.Base
	closed chan<- actors.Reason
}

func (flooder) OnData(c *actors.Conn, p []byte) int {
	var refused error
	for i := range 10 {
		if _, err := c.WriteString(fmt.Sprintf("%d%s\n", i, strings.Repeat(".", 250))); err != nil && refused == nil {
			refused = err
		}
	}
	fmt.Printf("  first error: %v, dropped: %d\n", refused, c.Dropped().Messages)
	c.Close()
	return len(p)
}

func (f flooder) OnClose(_ *actors.Conn, why actors.Reason) { f.closed <- why }

// What does not fit into the budget of a connection meets its policy.
func ExampleSlowPolicy() {
	for _, policy := range []actors.SlowPolicy{actors.Disconnect, actors.DropOldest, actors.DropNewest} {
		fmt.Println(policy)
		closed := make(chan actors.Reason, 1)
		_, listener, end := exampleListen(actors.Shared(flooder{closed: closed}),
			actors.ConnOptions{MaxOutbound: 1 << 10, SlowPolicy: policy})
		client := exampleDial(listener)
		client.say("go")
		got := "  the peer got:"
		for {
			line := client.hear()
			if line == io.EOF.Error() {
				break
			}
			got += " " + line[:1]
		}
		fmt.Println(got)
		client.Close()
		fmt.Println("  closed for:", <-closed)
		end()
	}
	// Output:
	// disconnect
	//   first error: actors: outbound budget is exhausted, dropped: 1
	//   the peer got: 0 1 2 3
	//   closed for: slow peer: actors: outbound budget is exhausted
	// drop-oldest
	//   first error: <nil>, dropped: 7
	//   the peer got: 7 8 9
	//   closed for: local close
	// drop-newest
	//   first error: actors: outbound budget is exhausted, dropped: 7
	//   the peer got: 0 1 2
	//   closed for: local close
}

// prices writes prices faster than anybody reads them.
type prices struct{ actors.Base }

func (prices) OnData(c *actors.Conn, p []byte) int {
	for i := range 100 {
		c.WriteKeyed("gold", fmt.Appendf(nil, "gold %d\n", i))
		c.WriteKeyed("iron", fmt.Appendf(nil, "iron %d\n", i))
	}
	c.Close()
	return len(p)
}

// With the policy Conflate only the newest message of each key waits.
func ExampleConn_WriteKeyed() {
	_, listener, end := exampleListen(actors.Shared(prices{}), actors.ConnOptions{SlowPolicy: actors.Conflate})
	defer end()
	client := exampleDial(listener)
	defer client.Close()
	client.say("go")
	text, _ := io.ReadAll(client)
	fmt.Printf("%s", text)
	// Output:
	// gold 99
	// iron 99
}

// sleeper waits for a gate before it answers.
type sleeper struct {
	actors.Base
	gate <-chan struct{}
}

func (s sleeper) OnData(c *actors.Conn, p []byte) int {
	if bytes.HasPrefix(p, []byte("wait")) {
		<-s.gate
	}
	c.Write(p)
	return len(p)
}

// A callback that blocks stops its own connection, not the others on the same loop.
func ExampleProtocol_blocking() {
	gate := make(chan struct{})
	_, listener, end := exampleListen(actors.Shared(sleeper{gate: gate}), actors.ConnOptions{}) // with one loop
	defer end()
	slow, quick := exampleDial(listener), exampleDial(listener)
	defer slow.Close()
	defer quick.Close()

	slow.say("wait")
	for range 3 {
		quick.say("quick")
		fmt.Println(quick.hear())
	}
	close(gate)
	fmt.Println(slow.hear())
	// Output:
	// quick
	// quick
	// quick
	// wait
}

// fragile panics when it is told to.
type fragile struct {
	actors.Base
	lines int
}

func (f *fragile) OnData(c *actors.Conn, p []byte) int {
	return eachLine(p, func(line string) {
		f.lines++
		if line == "crash" {
			panic("as you like")
		}
		fmt.Fprintln(c, "line", f.lines)
	})
}

// A panic concerns one connection, and a strategy says what it means. Here the connection goes on with a new protocol
// object on the same socket.
func ExampleConnOptions_supervision() {
	failures := make(chan string, 1)
	o := actors.ConnOptions{
		Supervision: supervision.Strategy{Decide: supervision.Always(supervision.Restart), BackOff: time.Millisecond},
		OnFailure:   func(_ actors.Ref, f *supervision.Failure) { failures <- fmt.Sprint(f, "; ", f.Directive) },
	}
	_, listener, end := exampleListen(func() actors.Protocol { return &fragile{} }, o)
	defer end()
	client := exampleDial(listener)
	defer client.Close()
	client.say("a\nb")
	fmt.Println(client.hear())
	fmt.Println(client.hear())
	client.say("crash") // what the failed OnData was given is lost, so nothing should come with it
	fmt.Println(<-failures)
	client.say("c")
	fmt.Println(client.hear())
	// Output:
	// line 1
	// line 2
	// panic in OnData: as you like; restart
	// line 1
}

// room says everything to everybody who is in it.
type room struct{ actors.Base }

func (room) OnOpen(c *actors.Conn) {
	c.Subscribe("room", actors.SubscribeOptions{}) // writes what is published to the peer
	c.WriteString("you are in\n")
}

func (room) OnData(c *actors.Conn, p []byte) int {
	c.Publish("room", p)
	return len(p)
}

// A connection subscribes to a channel and publishes to it.
func ExampleConn_Subscribe() {
	_, listener, end := exampleListen(actors.Shared(room{}), actors.ConnOptions{})
	defer end()
	ann, bob := exampleDial(listener), exampleDial(listener)
	defer ann.Close()
	defer bob.Close()
	fmt.Println(ann.hear())
	fmt.Println(bob.hear())
	ann.say("hello, all")
	fmt.Println("ann hears:", ann.hear())
	fmt.Println("bob hears:", bob.hear())
	// Output:
	// you are in
	// you are in
	// ann hears: hello, all
	// bob hears: hello, all
}

// Each runs a function in a turn of every connection of a listener.
func ExampleListener_Each() {
	_, listener, end := exampleListen(actors.Shared(room{}), actors.ConnOptions{})
	defer end()
	ann, bob := exampleDial(listener), exampleDial(listener)
	defer ann.Close()
	defer bob.Close()
	ann.hear()
	bob.hear()
	all := make(chan struct{})
	listener.Each(actors.Ref{}, func(c *actors.Conn) { c.WriteString("lunch is ready\n") }, func() { close(all) })
	<-all
	fmt.Println(ann.hear())
	fmt.Println(bob.hear())
	// Output:
	// lunch is ready
	// lunch is ready
}

// asker asks a server one question.
type asker struct {
	actors.Base
	answer chan<- string
}

func (a asker) OnOpen(c *actors.Conn) { c.WriteString("how are you?\n") }

func (a asker) OnData(c *actors.Conn, p []byte) int {
	return eachLine(p, func(line string) {
		a.answer <- line
		c.Close()
	})
}

func (a asker) OnClose(_ *actors.Conn, why actors.Reason) {
	if why.Code == actors.DialFailed {
		a.answer <- "nobody is there"
	}
}

// A dialled connection is an actor too. Dial does not wait: OnOpen or OnClose tells how it went.
func ExampleSystem_Dial() {
	system, listener, end := exampleListen(actors.Shared(upper{}), actors.ConnOptions{})
	defer end()
	answer := make(chan string, 1)
	_, err := system.Dial("tcp", listener.Addr().String(), actors.Shared(asker{answer: answer}), actors.DialOptions{})
	fmt.Println(err)
	fmt.Println(<-answer)

	_, err = system.Dial("unix", "/there/is/no/such/socket", actors.Shared(asker{answer: answer}), actors.DialOptions{})
	fmt.Println(err)
	fmt.Println(<-answer)
	// Output:
	// <nil>
	// HOW ARE YOU?
	// <nil>
	// nobody is there
}

// polite says goodbye.
type polite struct{ actors.Base }

func (polite) OnOpen(c *actors.Conn) { c.WriteString("hello\n") }

func (polite) OnShutdown(c *actors.Conn) time.Duration {
	c.WriteString("we close, goodbye\n")
	return 0 // close when that is written
}

func (polite) OnClose(_ *actors.Conn, why actors.Reason) { fmt.Println("closed for:", why) }

// Shutdown lets every connection say goodbye, within a deadline.
func ExampleSystem_Shutdown() {
	system, listener, _ := exampleListen(actors.Shared(polite{}), actors.ConnOptions{})
	client := exampleDial(listener)
	defer client.Close()
	fmt.Println(client.hear())

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	fmt.Println(system.Shutdown(ctx))
	fmt.Println(client.hear())
	fmt.Println(client.hear())

	_, err := system.Listen("tcp", "127.0.0.1:0", actors.Shared(polite{}), actors.ListenOptions{})
	fmt.Println(errors.Is(err, actors.ErrShutdown))
	// Output:
	// hello
	// closed for: shutdown
	// <nil>
	// we close, goodbye
	// EOF
	// true
}
