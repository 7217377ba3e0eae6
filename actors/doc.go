// Package actors is troupe's runtime: every network connection is an actor.
//
// A connection has an address, a mailbox, a supervisor, and a reason for its end. What happens to it — bytes from the
// peer, messages from other actors, timers, publications — happens in its turns, one at a time. A few loops, one per
// core, give turns to all connections. A callback that blocks does not stop its loop: the loop goes on without it on
// another goroutine.
//
// # Basics
//
// [Start] makes a [System]. [System.Listen] and [System.Dial] make connections, and a [Factory] makes the [Protocol] of
// each. A protocol embeds [Base] and implements the callbacks it needs:
//
//	type echo struct{ actors.Base }
//
//	func (echo) OnData(c *actors.Conn, p []byte) int {
//		c.Write(p)
//		return len(p)
//	}
//
//	system, err := actors.Start(actors.Options{})
//	...
//	listener, err := system.Listen("tcp", ":3000", actors.Shared(echo{}), actors.ListenOptions{})
//	...
//	err = system.Shutdown(ctx)
//
// OnData says how many bytes it has consumed. The rest comes again, in front of what arrives later.
//
// [Conn.Write] never blocks: bytes wait in the connection's outbound queue, within a budget, and go out at the end of the
// turn. What does not fit into the budget meets the [SlowPolicy]. [Conn.Swap] gives the connection another protocol, with
// the bytes that are not consumed. [Conn.After] and [Conn.Every] call functions later, in the connection's turns.
//
// To reach a connection from outside its callbacks there are:
//
//   - its [Ref], a small value to keep, compare and print: [System.Send], [System.Write], [System.Do];
//   - a tag, a name that the program chose: [Conn.SetTag], [System.SendTag];
//   - a channel that it has subscribed to: [Conn.Subscribe], [Conn.Publish], [System.Broker];
//   - its protoactor PID: [Conn.PID]; any protoactor actor can send to it, watch it, and stop it.
//
// [Listener.Each] runs a function in a turn of every connection of a listener. [System.Shutdown] ends everything in order,
// within a deadline. [System.Stats] counts what was done, and everything that was dropped, refused or failed.
//
// Package actorstest drives a Protocol in memory, without sockets and without waiting.
//
// # Caveats
//
// The bytes that OnData gets are valid during the call only, and must not be changed. Copy what is to be kept.
//
// The callbacks of one connection never overlap; those of different connections do. A protocol object or Decide function
// that several connections share ([Shared]) has to guard what it changes.
//
// A callback that blocks keeps its own connection waiting and nobody else. The loop notices after about a millisecond;
// until then its other connections wait too. A protocol that blocks as a rule says so as a [Blocker]. A callback that
// computes for a long time still uses a core.
//
// A queued write is not a delivered one. When a connection ends, [Reason] tells how many bytes never reached the socket;
// what reached the socket and was not read by the peer nobody can tell.
//
// Messages to a connection may be lost: when its mailbox is full (the sender gets [ErrMailboxFull]), and when it ends
// first (they become dead letters). After [Conn.Close] no callback of the Protocol but OnClose is called; fallbacks and
// finish hooks are.
//
// Do not keep a *Conn for long. It holds the memory of the connection; a Ref holds nothing. Writing and sending to a
// connection that is over answers [ErrClosed].
//
// [System.Shutdown] cannot end a callback that never returns. It reports such callbacks and leaves their goroutines.
package actors
