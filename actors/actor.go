package actors

import (
	"errors"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/troupe-go/troupe/reactor"
)

// A mailbox is a Conn as protoactor sees it: an actor that is its own mailbox. The methods are not Conn's, so that users
// do not see them.
//
// A connection becomes an actor when somebody first asks for its PID or its Context. Before that nobody can have its
// address, so nobody can tell the difference, and the connections that nobody addresses need not have one.
type mailbox Conn

var _ reactor.Mailbox = (*mailbox)(nil)

// PID is the connection's address as a protoactor actor: anything can Send to it (OnMessage gets the message), Watch it
// (Terminated comes after OnClose), Poison it (like Close, after the mail that is there) and Stop it (like ForceClose).
// The PID of a closed connection leads to the dead letters.
func (c *Conn) PID() *actor.PID {
	c.cell.Lock()
	x := c.more()
	pid, over := x.pid, c.cell.Closed()
	c.cell.Unlock()
	if pid != nil {
		return pid
	}
	s := c.config.system
	if over {
		return s.actors.NewLocalPID("closed/" + c.Ref().String())
	}
	s.addressing.Lock()
	defer s.addressing.Unlock()
	c.cell.Lock()
	pid, over = x.pid, c.cell.Closed()
	c.cell.Unlock()
	switch {
	case pid != nil:
		return pid
	case over:
		return s.actors.NewLocalPID("closed/" + c.Ref().String())
	}
	return s.group.Spawner().Spawn((*mailbox)(c))
}

// Context is the connection's protoactor context: for use in its callbacks only. In OnMessage it has the message's
// sender and headers, and Respond answers. It can watch and spawn actors; Terminated comes to OnMessage.
func (c *Conn) Context() actor.Context {
	c.PID()
	c.cell.Lock()
	defer c.cell.Unlock()
	context, _ := c.extra.Load().invoker.(actor.Context)
	return context
}

// RegisterHandlers implements actor.Mailbox. It runs within PID.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	c := (*Conn)(m)
	c.cell.Lock()
	defer c.cell.Unlock()
	x := c.more()
	x.invoker = invoker
	x.pid = invoker.(actor.Context).Self()
	if c.cell.Closed() { // meanwhile; the actor has to go
		c.cell.Unlock()
		c.cell.PostSystem(&actor.Stop{})
		c.cell.Lock()
	}
}

// Start implements actor.Mailbox.
func (m *mailbox) Start() {}

// UserMessageCount implements actor.Mailbox.
func (m *mailbox) UserMessageCount() int { return m.cell.Mail() }

// PostUserMessage implements actor.Mailbox.
func (m *mailbox) PostUserMessage(message any) {
	c := (*Conn)(m)
	if err := c.send(message); err != nil {
		c.config.system.deadLetter(c, message)
	}
}

// PostSystemMessage implements actor.Mailbox.
func (m *mailbox) PostSystemMessage(message any) {
	if _, started := message.(*actor.Started); !started {
		m.cell.PostSystem(message)
	}
}

// Receive implements actor.Actor: what InvokeUserMessage calls in the connection's turn.
func (m *mailbox) Receive(context actor.Context) {
	c := (*Conn)(m)
	switch message := context.Message().(type) {
	case *actor.Started, *actor.Stopping, *actor.Stopped, *actor.Restarting:
	default:
		if c.phase == opened {
			c.callback = inMessage
			c.protocol.OnMessage(c, message)
			c.callback = none
		}
	}
}

// serveSystem serves protoactor's system messages. A Stop ends the connection first; its own end then passes it on.
func (c *Conn) serveSystem() {
	for {
		c.cell.Lock()
		message, ok := c.cell.NextSystem()
		c.cell.Unlock()
		if !ok {
			return
		}
		if _, stop := message.(*actor.Stop); stop && c.phase < concluding {
			c.abort(Reason{Code: LocalClose})
			continue
		}
		if x := c.extra.Load(); x != nil && x.actor != nil {
			x.actor.InvokeSystemMessage(message)
		}
	}
}

// mailError turns the cell's errors into ours.
func (c *Conn) mailError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, reactor.ErrMailboxFull):
		c.config.system.counters.mailboxFull.Add(1)
		return ErrMailboxFull
	}
	return ErrClosed
}

// deadLetter hands on a message that the connection will not serve.
func (s *System) deadLetter(c *Conn, message any) {
	s.counters.deadLetters.Add(1)
	c.cell.Lock()
	var pid *actor.PID
	if x := c.extra.Load(); x != nil {
		pid = x.pid
	}
	c.cell.Unlock()
	if pid == nil {
		pid = s.actors.NewLocalPID(c.Ref().String())
	}
	s.actors.DeadLetter.SendUserMessage(pid, message)
}
