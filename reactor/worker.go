package reactor

import "golang.org/x/sys/unix"

// maxVectors bounds how many pieces one writev takes; Linux allows 1,024.
const maxVectors = 128

// Counters count what turns did. Each Worker counts for itself; Loop.Stats adds them up.
type Counters struct {
	Turns        uint64 // turns given
	BytesRead    uint64
	BytesWritten uint64
	Reads        uint64 // read system calls
	Writes       uint64 // write and writev system calls
	Messages     uint64 // user messages served
}

func (c *Counters) add(o Counters) {
	c.Turns += o.Turns
	c.BytesRead += o.BytesRead
	c.BytesWritten += o.BytesWritten
	c.Reads += o.Reads
	c.Writes += o.Writes
	c.Messages += o.Messages
}

// A Worker is what a goroutine that runs turns brings along: a turn may use all of it until it ends.
type Worker struct {
	// Buffer is for reading into. What a turn leaves in it is gone when the turn ends.
	Buffer []byte
	// Now is the time in milliseconds since the group's start, as of shortly before the turn.
	Now int64
	// Counters are the turn's to add to.
	Counters Counters
	// Abandoned is the outcome of a turn that never returned because its goroutine ended (runtime.Goexit).
	Abandoned Outcome

	seq      uint64    // of the turn under way on a loop
	cell     *Cell     // whose turn that is
	outbound *Outbound // lent to cells that have none
	vectors  []unix.Iovec
}

// retire gives back what the worker holds when its goroutine ends.
func (w *Worker) retire() {
	if w.outbound != nil && w.outbound.chunk != nil {
		w.outbound.chunk.Release()
		w.outbound = nil
	}
}

func newWorker(buffer int) *Worker {
	return &Worker{Buffer: make([]byte, buffer), outbound: new(Outbound), vectors: make([]unix.Iovec, 0, maxVectors)}
}
