// Package reactor is the ground troupe stands on: loops, file descriptors and turns. It knows no protocols.
//
// A [Loop] waits on a [Poller] and gives turns to the [Cell]s that live on it: to a cell whose descriptor is ready,
// to a cell with mail, to a cell whose timer has run out. What a turn does is up to the cell's [Turner]. Turns of one
// cell never overlap. Turns of the cells of one loop run one after the other on the goroutine that owns the loop —
// unless one of them blocks: then the loop is taken over. A watchdog hands the loop to another goroutine, and the
// slow turn ends on the old one, with nobody but its own cell waiting for it (takeover.go tells how).
//
// Three rules follow for everything that runs in a turn:
//
//   - A turn touches its own cell, never the loop. What concerns the loop (interest in events, timers, closing the
//     descriptor) it leaves for Settle, which runs after the turn, by whoever then owns the loop.
//   - Only Settle closes a descriptor, so that it cannot be reused under a running turn.
//   - What other goroutines share with the cell is guarded by the cell's mutex, which is never held during user code.
//
// Everything a loop does is bounded: events a wait, mail a turn, bytes a read, goroutines for slow turns.
package reactor
