package main

import (
	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/bench/internal/blocking"
)

// serveTroupe echoes with a troupe actor for each connection. All share one
// protocol object, since it keeps no state.
func serveTroupe(addr string, loops int) error {
	return serveSystem(addr, actors.Options{Loops: loops})
}

// serveTroupeInline never takes a loop over.
func serveTroupeInline(addr string, loops int) error {
	return serveSystem(addr, actors.Options{Loops: loops, TakeoverAfter: -1})
}

func serveSystem(addr string, o actors.Options) error {
	system, err := actors.Start(o)
	if err != nil {
		return err
	}
	listener, err := system.Listen("tcp", addr, actors.Shared(echo{}), actors.ListenOptions{})
	if err != nil {
		return err
	}
	announce(listener.Addr())
	<-listener.Done()
	return listener.Err()
}

type echo struct{ actors.Base }

func (echo) OnData(c *actors.Conn, p []byte) int {
	if *blockingMode {
		blocking.Run(p)
	}
	c.Write(p)
	return len(p)
}
