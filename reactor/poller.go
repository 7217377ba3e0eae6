package reactor

import "time"

// Events is a set of readiness conditions, in a question to a Poller and in its answer.
type Events uint8

const (
	// Readable: a read, or an accept on a listening socket, would not block. The end of the stream counts.
	Readable Events = 1 << iota
	// Writable: a write would not block, or a connect has finished.
	Writable
	// Broken: the socket has an error, or both directions are shut. A Poller reports it whether asked or not.
	Broken
	// Exclusive, only when adding: of all pollers that wait for this descriptor, wake as few as the kernel
	// can manage (EPOLLEXCLUSIVE). Pollers without the means ignore it.
	Exclusive
)

// A Ready is one answer of Poller.Wait.
type Ready struct {
	Token  uint64 // as it was given to Add
	Events Events
}

// A Poller tells which file descriptors are ready, level-triggered: a condition is reported by every Wait for
// as long as it holds. All methods but Wake belong to the goroutine that owns the loop.
type Poller interface {
	// Add starts watching fd. The token comes back with each answer about fd; ^uint64(0) is reserved.
	Add(fd int, token uint64, want Events) error
	// Modify replaces what is watched for on fd, which was added before. With no wanted events only Broken is
	// reported.
	Modify(fd int, token uint64, want Events) error
	// Remove stops watching fd. Must be called before fd is closed by implementations other than epoll; a Loop
	// always calls it unless Forgets is true.
	Remove(fd int) error
	// Forgets reports whether closing a descriptor removes it, so that Remove before close can be saved.
	Forgets() bool
	// Wait fills ready and returns how many entries it filled. A negative timeout waits without bound; zero
	// only looks. It returns 0 and no error at the end of the timeout, when Wake was called, and now and then
	// for no reason.
	Wait(ready []Ready, timeout time.Duration) (int, error)
	// Wake ends the current Wait, or the next one, early. Safe from any goroutine until Close returns; calls
	// may be merged.
	Wake() error
	// Close releases the poller's own descriptors. No method may be called afterwards.
	Close() error
}
