package reactor

import (
	"sync"

	"github.com/asynkron/protoactor-go/actor"
	cmap "github.com/orcaman/concurrent-map"
)

// protoactor's process registry is 1,024 concurrent maps, each of cmap.SHARD_COUNT locked Go maps. With the default of
// 32 that is 2.9 MB for an empty system and an almost empty Go map for every actor; 1,024 locks are plenty. The
// variable is read whenever a map is used, so it must be set before the first map is made: hence here.
func init() { cmap.SHARD_COUNT = 1 }

// A Mailbox is an object that is an actor and its own protoactor mailbox.
type Mailbox interface {
	actor.Actor
	actor.Mailbox
}

// A Spawner spawns Mailboxes as protoactor actors, children of one guardian, with one Props for all.
type Spawner struct {
	root  *actor.RootContext
	props *actor.Props

	mu   sync.Mutex
	next Mailbox // what the running Spawn spawns: producer and mailbox producer run on its goroutine
}

// NewSpawner makes a Spawner in system. The guardian's strategy decides nothing in practice: Mailboxes recover from
// panics themselves and never escalate.
func NewSpawner(system *actor.ActorSystem) *Spawner {
	s := &Spawner{root: system.Root.Copy().WithGuardian(actor.NewOneForOneStrategy(0, 0, stopDecider))}
	s.props = actor.PropsFromProducer(
		func() actor.Actor { return s.next },
		actor.WithMailbox(func() actor.Mailbox { return s.next }),
	)
	return s
}

func stopDecider(any) actor.Directive { return actor.StopDirective }

// Spawn makes m an actor. It calls m's RegisterHandlers and posts it the system message Started. Safe from any
// goroutine.
func (s *Spawner) Spawn(m Mailbox) *actor.PID {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next = m
	pid := s.root.Spawn(s.props)
	s.next = nil
	return pid
}

// GetStats is a message to a loop's PID: it responds with the loop's Stats.
type GetStats struct{}

// A pollerActor makes a loop an actor: messages to its PID are served on the loop, in a cell like any other.
type pollerActor struct {
	cell    Cell
	loop    *Loop
	pid     *actor.PID
	invoker actor.MessageInvoker
}

var (
	_ Mailbox = (*pollerActor)(nil)
	_ Turner  = (*pollerActor)(nil)
)

// pollerMail bounds how many messages may wait for a loop's actor.
const pollerMail = 1024

func (l *Loop) spawn(s *Spawner) {
	l.self.loop = l
	l.self.cell.Init(&l.self, l)
	l.self.pid = s.Spawn(&l.self)
}

// PID is the loop's address as a protoactor actor. It answers GetStats; Stop and Poison are ignored: a loop ends with
// its group.
func (l *Loop) PID() *actor.PID { return l.self.pid }

func (a *pollerActor) Turn(_ *Worker, ready Events) Outcome {
	a.cell.Lock()
	a.cell.Begin(ready)
	for {
		message, ok := a.cell.NextSystem()
		if !ok {
			break
		}
		a.cell.Unlock()
		if _, stop := message.(*actor.Stop); !stop {
			a.invoker.InvokeSystemMessage(message)
		}
		a.cell.Lock()
	}
	a.cell.Unlock()
	for message, ok := a.cell.Next(); ok; message, ok = a.cell.Next() {
		if _, poison := message.(*actor.PoisonPill); !poison {
			a.invoker.InvokeUserMessage(message)
		}
	}
	a.cell.Lock()
	defer a.cell.Unlock()
	return a.cell.End(false, false)
}

func (a *pollerActor) Settle(*Loop) {}
func (a *pollerActor) Stop(*Loop)   {}

// Receive implements actor.Actor.
func (a *pollerActor) Receive(c actor.Context) {
	if _, ok := c.Message().(GetStats); ok && c.Sender() != nil {
		c.Respond(a.loop.Stats())
	}
}

// The rest implements actor.Mailbox.

func (a *pollerActor) PostUserMessage(message any) {
	if a.cell.Post(message, pollerMail) != nil {
		a.loop.group.options.System.DeadLetter.SendUserMessage(a.pid, message)
	}
}

func (a *pollerActor) PostSystemMessage(message any) {
	if _, started := message.(*actor.Started); !started {
		a.cell.PostSystem(message)
	}
}

func (a *pollerActor) RegisterHandlers(i actor.MessageInvoker, _ actor.Dispatcher) { a.invoker = i }
func (a *pollerActor) Start()                                                      {}
func (a *pollerActor) UserMessageCount() int                                       { return a.cell.Mail() }
