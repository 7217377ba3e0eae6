// Chat is a server of chat rooms, for people with telnet or nc.
//
// Try it: run it, and type "telnet localhost 3000" in two other terminals. "/help" tells the rest, "bye" leaves.
//
// A connection begins with the protocol of login.go, which asks for a nickname. When it has got one, the protocol of
// member.go takes the connection over. Read on in this order:
//
//	login.go     asking for a nickname, and hot swap
//	member.go    a connection that has logged in
//	commands.go  what it can type
//	rooms.go     coming and going: channels with presence and history
//	talk.go      saying and hearing: publish/subscribe
//	lists.go     which rooms there are, and who is there
//	people.go    nicknames and private messages: tags
//	channels.go  news for those who want it: patterns, and frames that are encoded once for all
//	names.go     what names and texts may look like
//	screen.go    lines and prompts
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
	"github.com/troupe-go/troupe/pubsub"
)

// chat is what all connections have in common. Once the server listens nobody changes it.
type chat struct {
	login, ping time.Duration   // how long people may take to log in, and be silent until we ask whether they are there
	interrupted context.Context // over when the server shuts down
}

func main() {
	var all chat
	addr := flag.String("addr", ":3000", address.Usage)
	flag.DurationVar(&all.login, "login", 10*time.Second, "how long logging in may take")
	flag.DurationVar(&all.ping, "ping", 40*time.Second, "how long a connection is silent before a ping; 0 means for ever")
	flag.Parse()
	if err := run(*addr, &all); err != nil {
		fmt.Fprintln(os.Stderr, "chat:", err)
		os.Exit(1)
	}
}

// run serves until the program is interrupted.
func run(addr string, all *chat) error {
	if all.login <= 0 {
		return fmt.Errorf("-login %v: nobody is that fast", all.login)
	}
	interrupted, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	all.interrupted = interrupted

	system, err := actors.Start(actors.Options{PubSub: pubsub.Options{History: memories, MaxHistoryBytes: 16 << 20}})
	if err != nil {
		return err
	}
	everybody := line.Factory(func() line.Handler { return &login{chat: all} }, line.Options{})
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
