package actors

import (
	"errors"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/troupe-go/troupe/reactor"
)

// A mailbox is a connection as protoactor sees it: an actor that is its own mailbox.
//
// A connection becomes an actor when somebody first asks for its PID or its Context. Before that nobody can have its
// address, so nobody can tell the difference, and the connections that nobody addresses need not have one.
type mailbox struct {
	conn    *Conn
	invoker actor.MessageInvoker
	pid     *actor.PID
}

var _ reactor.Mailbox = (*mailbox)(nil)

// PID is the connection's address as a protoactor actor: anything can Send to it (OnMessage gets the message), Watch it
// (Terminated comes after OnClose), Poison it (like Close, after the mail that is there) and Stop it (like ForceClose).
// The PID of a closed connection leads to the dead letters.
func (c *Conn) PID() *actor.PID {
	if m := c.addressed(); m != nil {
		return m.pid
	}
	return c.config.system.actors.NewLocalPID("closed/" + c.Ref().String())
}

// Context is the connection's protoactor context: for use in its callbacks only. In OnMessage it has the message's
// sender and headers, and Respond answers. It can watch and spawn actors; Terminated comes to OnMessage. A message
// that came before PID or Context was first called is not in it. In OnClose it is nil if nobody asked for it, or for PID, before.
func (c *Conn) Context() actor.Context {
	if m := c.addressed(); m != nil {
		return m.invoker.(actor.Context)
	}
	return nil
}

// addressed makes the connection an actor if it is none. It returns nil if it was none when it closed.
func (c *Conn) addressed() *mailbox {
	if m := c.address.Load(); m != nil {
		return m
	}
	s := c.config.system
	s.addressing.Lock()
	defer s.addressing.Unlock()
	c.cell.Lock()
	over := c.cell.Closed()
	c.cell.Unlock()
	if c.address.Load() == nil && !over {
		s.group.Spawner().Spawn(&mailbox{conn: c})
	}
	return c.address.Load()
}

// RegisterHandlers implements actor.Mailbox. It runs within addressed.
func (m *mailbox) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	m.invoker, m.pid = invoker, invoker.(actor.Context).Self()
	m.conn.address.Store(m)
	m.conn.cell.Lock()
	over := m.conn.cell.Closed()
	m.conn.cell.Unlock()
	if over { // meanwhile, and its end may not have seen the address
		m.conn.cell.PostSystem(&actor.Stop{})
	}
}

// Start implements actor.Mailbox.
func (m *mailbox) Start() {}

// UserMessageCount implements actor.Mailbox.
func (m *mailbox) UserMessageCount() int { return m.conn.cell.Mail() }

// PostUserMessage implements actor.Mailbox.
func (m *mailbox) PostUserMessage(message any) {
	if _, poison := message.(*actor.PoisonPill); poison && m.conn.cell.Post(message, 0) == nil {
		return // whether the mailbox is full or not
	}
	if err := m.conn.send(message); err != nil {
		m.conn.config.system.deadLetter(m.conn, message)
	}
}

// PostSystemMessage implements actor.Mailbox.
func (m *mailbox) PostSystemMessage(message any) {
	if _, started := message.(*actor.Started); !started {
		m.conn.cell.PostSystem(message)
	}
}

// Receive implements actor.Actor: what InvokeUserMessage calls in the connection's turn.
func (m *mailbox) Receive(context actor.Context) {
	c := m.conn
	switch message := context.Message().(type) {
	case *actor.Started, *actor.Stopping, *actor.Stopped, *actor.Restarting:
	default:
		if c.live() {
			before := c.callback
			c.callback = inMessage
			c.protocol.OnMessage(c, message)
			c.callback = before
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
		if m := c.address.Load(); m != nil {
			c.callback = inMessage // a continuation of ReenterAfter is the user's
			m.invoker.InvokeSystemMessage(message)
			c.callback = none
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
	var pid *actor.PID
	if m := c.address.Load(); m != nil {
		pid = m.pid
	} else {
		pid = s.actors.NewLocalPID(c.Ref().String())
	}
	s.actors.DeadLetter.SendUserMessage(pid, message)
}
