// Package blocking holds the three ways in which a handler can block, shared
// by all servers so that each blocks in exactly the same manner. The client
// asks for one by the first byte of a message.
package blocking

import (
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Duration is how long each command blocks.
const Duration = time.Second

// Commands lists the first bytes that ask to block: see Run.
const Commands = "SMY"

// Run blocks for Duration if message begins with a command and says whether it
// did:
//
//	'S'  sleeps in the Go scheduler
//	'M'  waits for a mutex that another goroutine holds
//	'Y'  stays in a blocking system call, which keeps its thread
func Run(message []byte) bool {
	if len(message) == 0 {
		return false
	}
	switch message[0] {
	case 'S':
		time.Sleep(Duration)
	case 'M':
		waitForMutex()
	case 'Y':
		stayInSystemCall()
	default:
		return false
	}
	return true
}

func waitForMutex() {
	var mutex sync.Mutex
	held := make(chan struct{})
	go func() {
		mutex.Lock()
		defer mutex.Unlock()
		close(held)
		time.Sleep(Duration)
	}()
	<-held
	mutex.Lock()
	defer mutex.Unlock()
}

// stayInSystemCall sleeps by nanosleep(2) and continues it for what is left
// after each signal: the Go scheduler preempts by signals.
func stayInSystemCall() {
	left := unix.NsecToTimespec(Duration.Nanoseconds())
	for unix.Nanosleep(&left, &left) == unix.EINTR {
	}
}
