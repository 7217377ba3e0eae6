// Package actorstest drives a Protocol in memory: no sockets, no goroutines, no clock, no waiting.
//
// Everything a test does to a [Peer] happens at once and in order: when Send returns, the protocol has had its turns
// and what it wrote can be read with Received. Time stands still until Advance moves it, so timeouts and timers need
// not be waited for.
//
//	func TestGreeter(t *testing.T) {
//		p := actorstest.Open(t, &Greeter{})
//		p.Send("Ann\n")
//		p.Expect("Hello Ann!\n")
//		p.Advance(40 * time.Second)
//		p.Expect("Still there?\n")
//		p.Close()
//		p.ExpectClosed(actors.PeerClosed)
//	}
//
// The connections are real [actors.Conn]s on a loop that is run by hand; only their sockets are not. What follows from
// several goroutines, from blocking and from the kernel cannot be seen here: turns never overlap because there is
// only the test's goroutine, and a callback that blocks blocks the test.
package actorstest
