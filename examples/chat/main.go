// Chat is a chat room, for people with telnet or nc.
//
// Try it: run it, and type "telnet localhost 3000" in two other terminals. "/help" tells the rest, "bye" leaves.
//
// A connection begins with the protocol of login.go, which asks for a nickname. When it has got one, the protocol of
// member.go takes the connection over. What is said goes from there to all members by publish/subscribe.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/examples/internal/address"
	"github.com/troupe-go/troupe/protocols/line"
)

// limits are how long people may take.
type limits struct {
	login time.Duration // to log in
	ping  time.Duration // in silence, until we ask whether they are there
}

func main() {
	var l limits
	addr := flag.String("addr", ":3000", address.Usage)
	flag.DurationVar(&l.login, "login", 10*time.Second, "how long logging in may take")
	flag.DurationVar(&l.ping, "ping", 40*time.Second, "how long a connection is silent before a ping; 0 means for ever")
	flag.Parse()
	if err := run(*addr, l); err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

// run serves until the program is interrupted.
func run(addr string, l limits) error {
	if l.login <= 0 {
		return fmt.Errorf("-login %v: nobody is that fast", l.login)
	}
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()

	system, err := actors.Start(actors.Options{})
	if err != nil {
		return err
	}
	everybody := line.Factory(func() line.Handler { return &login{limits: l} }, line.Options{})
	network, where := address.Parse(addr)
	listener, err := system.Listen(network, where, everybody, actors.ListenOptions{})
	if err != nil {
		system.Shutdown(context.Background())
		return err
	}
	fmt.Println("chat listens on", listener.Addr())
	fmt.Println("connect with:", address.HowToConnect(listener.Addr()))

	<-interrupted.Done()
	stop() // whoever interrupts again does not want to wait
	return system.Shutdown(context.Background())
}
