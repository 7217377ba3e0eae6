// Echo sends back what it gets, and says goodbye to those who say bye.
//
// Try it: run it, type "telnet localhost 3000" in another terminal, and then whatever you like. "bye" ends it.
package main

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/examples/internal/address"
)

// echo is the protocol. It keeps nothing, so that one of it serves all connections. What it does not implement, such as
// OnClose, actors.Base does.
type echo struct{ actors.Base }

// OnData is called when bytes have arrived, never twice at the same time for one connection.
func (echo) OnData(c *actors.Conn, p []byte) int {
	c.Write(p) // never blocks: what the peer does not take yet waits, up to a bound
	if isBye(p) {
		c.Close() // when everything is written
	}
	// An asynchronous notification. p is valid during the call only, so a copy of its beginning waits for the timer.
	text := string(p[:min(len(p), 60)])
	c.System().After(time.Second, func() { fmt.Printf("Echoed data: %q\n", text) })
	return len(p)
}

func isBye(p []byte) bool {
	bye := []byte("bye")
	return len(p) >= len(bye) && bytes.EqualFold(p[:len(bye)], bye)
}

func main() {
	addr := flag.String("addr", ":3000", address.Usage)
	flag.Parse()
	if err := run(*addr); err != nil {
		fmt.Fprintln(os.Stderr, "echo:", err)
		os.Exit(1)
	}
}

// run serves until the program is interrupted.
func run(addr string) error {
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	system, err := actors.Start(actors.Options{})
	if err != nil {
		return err
	}
	network, where := address.Parse(addr)
	listener, err := system.Listen(network, where, actors.Shared(echo{}), actors.ListenOptions{})
	if err != nil {
		system.Shutdown(context.Background())
		return err
	}
	fmt.Println("echo listens on", listener.Addr())
	fmt.Println("connect with:", address.HowToConnect(listener.Addr()))

	<-interrupted.Done()
	stop() // whoever interrupts again does not want to wait
	return system.Shutdown(context.Background())
}
