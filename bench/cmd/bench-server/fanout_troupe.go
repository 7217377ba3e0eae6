package main

import (
	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
)

// channel is the name that all publish and subscribe to.
const channel = "bench"

// serveTroupeFanout publishes by troupe's channels.
func serveTroupeFanout(addr string, loops int) error {
	system, err := actors.Start(actors.Options{Loops: loops})
	if err != nil {
		return err
	}
	var options actors.ListenOptions
	options.MaxOutbound = *budget
	if *slow == "drop-oldest" {
		options.SlowPolicy = actors.DropOldest
	}
	member := func() actors.Protocol { return new(member) }
	listener, err := system.Listen("tcp", addr, member, options)
	if err != nil {
		return err
	}
	announce(listener.Addr())
	<-listener.Done()
	return listener.Err()
}

// member is a connection that follows commands.
type member struct {
	actors.Base
	subscription *pubsub.Subscription // nil if there is none
}

func (m *member) OnData(c *actors.Conn, p []byte) int {
	for i, command := range p {
		switch command {
		case subscribe:
			m.subscribe(c)
		case unsubscribe:
			m.unsubscribe()
		case publish:
			m.unsubscribe()
			c.Write([]byte{publish})
			c.Swap(publisher{size: *fanoutSize})
			return i + 1
		default:
			c.Close()
			return len(p)
		}
	}
	return len(p)
}

func (m *member) subscribe(c *actors.Conn) {
	if m.subscription == nil {
		var err error
		if m.subscription, err = c.Subscribe(channel, actors.SubscribeOptions{}); err != nil {
			c.Close()
			return
		}
	}
	c.Write([]byte{subscribe})
}

func (m *member) unsubscribe() {
	if m.subscription != nil {
		m.subscription.Cancel()
		m.subscription = nil
	}
}

// publisher is a connection all of whose bytes are messages of one size.
type publisher struct {
	actors.Base
	size int
}

func (m publisher) OnData(c *actors.Conn, p []byte) int {
	whole := len(p) / m.size * m.size
	for i := 0; i < whole; i += m.size {
		if _, err := c.Publish(channel, p[i:i+m.size]); err != nil {
			c.Close() // the channel is behind: the load generator shall know
			return len(p)
		}
	}
	return whole
}
