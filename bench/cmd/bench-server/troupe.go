package main

import (
	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/bench/internal/blocking"
)

// serveTroupe echoes with a troupe actor for each connection. All share one
// protocol object, since it keeps no state.
func serveTroupe(addr string, loops int) error {
	return serveSystem(addr, actors.Options{Loops: loops}, echo{})
}

// serveTroupeInline never takes a loop over.
func serveTroupeInline(addr string, loops int) error {
	return serveSystem(addr, actors.Options{Loops: loops, TakeoverAfter: -1}, echo{})
}

// serveTroupeActor gives each connection an address as a protoactor actor,
// which others get only when somebody asks for it.
func serveTroupeActor(addr string, loops int) error {
	return serveSystem(addr, actors.Options{Loops: loops}, addressed{})
}

func serveSystem(addr string, o actors.Options, p actors.Protocol) error {
	system, err := actors.Start(o)
	if err != nil {
		return err
	}
	listener, err := system.Listen("tcp", addr, actors.Shared(p), actors.ListenOptions{})
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

type addressed struct{ echo }

func (addressed) OnOpen(c *actors.Conn) { c.PID() }
