// Bench-server is the server under test, which echoes, or fans out what is
// published (-fanout), in four kinds: a bare epoll loop
// as the limit of what one loop can do, the standard net package, netpoll, and
// troupe. All kinds are in one binary, so that none carries less code than
// another.
//
// It prints "listening on ADDR" as its first line, leaves with code 0 on
// SIGTERM, and with code 1 when its lifetime (-lifetime) is over.
package main

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/signal"
	"runtime/pprof"
	"syscall"
	"time"

	"github.com/troupe-go/troupe/bench/internal/proc"
)

var (
	kind         = flag.String("kind", "net", "server: bare, net, netpoll, troupe, troupe-inline or troupe-actor")
	address      = flag.String("addr", "127.0.0.1:0", "address to listen on")
	loops        = flag.Int("loops", 1, "event loops of netpoll and troupe; bare has one, net has none")
	bufferSize   = flag.Int("buf", 16<<10, "read buffer of each connection of net, in bytes")
	blockingMode = flag.Bool("blocking", false, "net and troupe: messages that begin with S, M or Y block their handler")
	profile      = flag.String("cpuprofile", "", "write a CPU profile of the whole run to this file")
	lifetime     = flag.Duration("lifetime", 10*time.Minute, "leave after this time in any case")
)

// servers serve until they fail; the process ends from the outside.
var servers = map[string]func(addr string, loops int) error{
	"bare":    serveBare,
	"net":     serveNet,
	"netpoll": serveNetpoll,
	"troupe":  serveTroupe,
	// The same, but a handler that blocks blocks its loop: what the takeover costs.
	"troupe-inline": serveTroupeInline,
	// The same, but each connection is registered as a protoactor actor at once.
	"troupe-actor": serveTroupeActor,
}

func main() {
	flag.Parse()
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench-server:", err)
		os.Exit(1)
	}
}

func run() error {
	serve, ok := servers[*kind]
	if !ok {
		return fmt.Errorf("unknown kind %q", *kind)
	}
	if err := checkFanout(); err != nil {
		return err
	}
	if *fanoutSize > 0 {
		serve = fanouts[*kind]
	}
	if *loops < 1 || *bufferSize < 1 {
		return errors.New("-loops and -buf must be at least 1")
	}
	if *blockingMode && *kind != "net" && *kind != "troupe" {
		return fmt.Errorf("kind %q has no blocking mode", *kind)
	}
	if _, err := proc.RaiseFileLimit(); err != nil {
		return err
	}
	if *profile != "" {
		file, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer file.Close()
		if err := pprof.StartCPUProfile(file); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM, syscall.SIGINT)
	failed := make(chan error, 1)
	go func() { failed <- serve(*address, *loops) }()
	select {
	case <-terminated:
		return nil
	case err := <-failed:
		return fmt.Errorf("%s: %w", *kind, err)
	case <-time.After(*lifetime):
		return fmt.Errorf("lifetime of %v is over", *lifetime)
	}
}

// announce tells the parent where the server listens; every kind calls it once
// when connections can be made.
func announce(addr net.Addr) {
	fmt.Println("listening on", addr)
}
