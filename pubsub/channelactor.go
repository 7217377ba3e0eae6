package pubsub

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/troupe-go/troupe/reactor"
)

// A channelActor is a channel as a protoactor actor: what is sent to it is published on the channel. A channel becomes an
// actor when it is first asked for its PID, and ends being one with its last subscription.
type channelActor struct {
	cell    reactor.Cell
	broker  *Broker
	name    string
	pid     *actor.PID
	invoker actor.MessageInvoker
}

var (
	_ reactor.Turner  = (*channelActor)(nil)
	_ reactor.Mailbox = (*channelActor)(nil)
)

// ended is the system message with which a channelActor ends itself.
type ended struct{}

// PID is the address of a channel's actor, to Send it Publications, or nil if nobody has subscribed to the channel by
// name. The actor ends with the last subscription; then its watchers get Terminated.
func (b *Broker) PID(channel string) *actor.PID {
	sh := b.plain.shard(channel)
	sh.mu.Lock()
	defer sh.mu.Unlock()
	t := sh.topics[channel]
	if t == nil || t.count.Load() == 0 {
		return nil
	}
	if t.address == nil {
		a := &channelActor{broker: b, name: channel}
		a.cell.Init(a, b.group.Next())
		a.pid = b.group.Spawner().Spawn(a)
		t.address = a
	}
	return t.address.pid
}

// end ends the actor. With the shard's lock.
func (a *channelActor) end() { a.cell.PostSystem(ended{}) }

// Turn implements reactor.Turner.
func (a *channelActor) Turn(w *reactor.Worker, events reactor.Events) reactor.Outcome {
	a.cell.Lock()
	a.cell.Begin(events)
	for message, ok := a.cell.NextSystem(); ok; message, ok = a.cell.NextSystem() {
		a.cell.Unlock()
		switch message.(type) {
		case ended:
			a.close()
		case *actor.Stop: // only the channel's end ends it
		default:
			a.invoker.InvokeSystemMessage(message)
		}
		a.cell.Lock()
	}
	a.cell.Unlock()
	for range callbackTurn {
		item, ok := a.cell.Next()
		if !ok {
			break
		}
		w.Counters.Messages++
		a.serve(item)
	}
	a.cell.Lock()
	defer a.cell.Unlock()
	return a.cell.End(false, false)
}

// serve publishes a Publication. What else comes is counted.
func (a *channelActor) serve(item any) {
	defer a.broker.hubs[0].recovered("Publication.Exclude")
	p, ok := actor.UnwrapEnvelopeMessage(item).(Publication)
	if !ok {
		a.broker.deadLetters.Add(1)
		return
	}
	p.Channel, p.Filter = a.name, 0
	a.broker.Send(p) // what is refused is counted
}

func (a *channelActor) close() {
	a.cell.Lock()
	unserved := a.cell.Close()
	a.cell.Unlock()
	for _, item := range unserved {
		a.serve(item)
	}
	a.invoker.InvokeSystemMessage(&actor.Stop{})
}

// Settle implements reactor.Turner.
func (a *channelActor) Settle(*reactor.Loop) {}

// Stop implements reactor.Turner.
func (a *channelActor) Stop(*reactor.Loop) {}

// Receive implements actor.Actor. User messages do not come this way: the turn serves them itself.
func (a *channelActor) Receive(actor.Context) {}

// RegisterHandlers implements actor.Mailbox. It runs within PID.
func (a *channelActor) RegisterHandlers(invoker actor.MessageInvoker, _ actor.Dispatcher) {
	a.invoker = invoker
}

// Start implements actor.Mailbox.
func (a *channelActor) Start() {}

// UserMessageCount implements actor.Mailbox.
func (a *channelActor) UserMessageCount() int { return a.cell.Mail() }

// PostUserMessage implements actor.Mailbox.
func (a *channelActor) PostUserMessage(message any) {
	if a.cell.Post(message, a.broker.options.MaxBacklog) != nil {
		a.broker.deadLetters.Add(1)
	}
}

// PostSystemMessage implements actor.Mailbox.
func (a *channelActor) PostSystemMessage(message any) {
	if _, started := message.(*actor.Started); !started {
		a.cell.PostSystem(message)
	}
}
