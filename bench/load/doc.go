// Package load drives an echo server, or one that fans out, over TCP and measures it: one epoll loop
// on one thread, so that a second core is enough for it.
//
// Each function is one way to load the server:
//
//	Echo     closed loop: the next message leaves when the last one is back
//	Churn    connect, one echo, close, again
//	Idle     many connections that say one message and then nothing
//	Paced    open loop: messages at a fixed rate, whatever the server does
//	Blocked  some connections block their handlers; how do the others fare?
//	Fanout   one connection publishes to all others, in a closed loop
//	Stalled  the same at a fixed rate; how do they fare beside one that reads nothing?
//
// Every byte that is sent must come back in order on the same connection, in a
// fan-out on each subscriber's, or the run fails. A run ends by itself; ctx ends it early with an error.
package load
