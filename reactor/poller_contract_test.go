//go:build unix

package reactor

import (
	"errors"
	"math"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

func checkReadable(h *pollerHarness) {
	a, b := streamPair(h)
	c, _ := streamPair(h)
	h.add(a, 1, Readable)
	h.add(c, 2, Readable)
	h.expect()
	mustWrite(h, b, "x")
	h.expect(Ready{1, Readable})
}

func checkLevelTriggered(h *pollerHarness) {
	a, b := streamPair(h)
	h.add(a, 1, Readable)
	mustWrite(h, b, "xy")
	for range 3 {
		h.expect(Ready{1, Readable})
	}
	p := make([]byte, 1)
	if n, errno := Read(a, p); n != 1 || errno != 0 {
		h.Fatal(n, errno)
	}
	h.expect(Ready{1, Readable})
	mustRead(h, a, "y")
	h.expect()
}

func checkWritable(h *pollerHarness) {
	a, b := streamPair(h)
	h.add(a, 1, Writable)
	h.expect(Ready{1, Writable})
	fill(h, a)
	h.expect()
	drain(h, b)
	h.expect(Ready{1, Writable})
	mustWrite(h, b, "x") // readable, which was not asked for
	h.expect(Ready{1, Writable})
}

func checkBoth(h *pollerHarness) {
	a, b := streamPair(h)
	h.add(a, 1, Readable|Writable)
	h.expect(Ready{1, Writable})
	mustWrite(h, b, "x")
	h.expect(Ready{1, Readable | Writable})
}

// checkEndOfStream: a half-close is readable and no more; the other direction works.
func checkEndOfStream(h *pollerHarness) {
	a, b := tcpPair(h)
	h.add(a, 1, Readable)
	if err := ShutdownWrite(b); err != nil {
		h.Fatal(err)
	}
	h.expect(Ready{1, Readable})
	mustRead(h, a, "")
	mustWrite(h, a, "still")
	awaitFD(h, b, unix.POLLIN)
	mustRead(h, b, "still")
}

func checkBroken(h *pollerHarness) {
	a, b := streamPair(h)
	h.add(a, 1, Readable)
	mustWrite(h, b, "last words")
	closeNow(h, b)
	h.expect(Ready{1, Readable | Broken})
	mustRead(h, a, "last words")
	h.expect(Ready{1, Readable | Broken})
	mustRead(h, a, "")
}

func checkBrokenUnasked(h *pollerHarness) {
	a, b := streamPair(h)
	h.add(a, 1, 0)
	mustWrite(h, b, "x")
	h.expect()
	closeNow(h, b)
	h.expect(Ready{1, Broken})
	h.modify(a, 2, 0)
	h.expect(Ready{2, Broken})
}

func checkRefusedConnect(h *pollerHarness) {
	fd, done, err := Connect(refusing(h), SocketOptions{})
	if err != nil {
		if !errors.Is(err, unix.ECONNREFUSED) {
			h.Fatal(err)
		}
		return // refused at once, which the contract of Poller does not touch
	}
	ownFD(h, fd)
	if done {
		h.Fatal("connected to a port where nobody listens")
	}
	h.add(fd, 7, Writable)
	ready := make([]Ready, 1)
	got := h.wait(ready, long)
	if len(got) != 1 || got[0].Token != 7 || got[0].Events&Broken == 0 {
		h.Fatalf("got %v, want Broken", got)
	}
	if err := ConnectResult(fd); err != unix.ECONNREFUSED {
		h.Fatal(err)
	}
}

func checkModify(h *pollerHarness) {
	a, b := streamPair(h)
	mustWrite(h, b, "x")
	h.add(a, 1, 0)
	h.expect()
	h.modify(a, 1, Readable)
	h.expect(Ready{1, Readable})
	h.modify(a, 2, Writable)
	h.expect(Ready{2, Writable})
	h.modify(a, 3, Readable|Writable)
	h.expect(Ready{3, Readable | Writable})
	h.modify(a, 4, 0)
	h.expect()
}

func checkRemove(h *pollerHarness) {
	var pairs [5][2]int
	for i := range pairs {
		pairs[i][0], pairs[i][1] = streamPair(h)
		h.add(pairs[i][0], uint64(i), Readable)
		mustWrite(h, pairs[i][1], "x")
	}
	for _, i := range []int{1, 4, 0} { // from the middle, the end, the beginning
		if err := h.Remove(pairs[i][0]); err != nil {
			h.Fatal(err)
		}
	}
	h.expect(Ready{2, Readable}, Ready{3, Readable})
	h.add(pairs[4][0], 44, Readable)
	h.expect(Ready{2, Readable}, Ready{3, Readable}, Ready{44, Readable})
}

func checkUnknown(h *pollerHarness) {
	a, _ := streamPair(h)
	for _, c := range []struct {
		what      string
		got, want error
	}{
		{"Modify of an unknown descriptor", h.Modify(a, 1, Readable), unix.ENOENT},
		{"Remove of an unknown descriptor", h.Remove(a), unix.ENOENT},
		{"Add of a negative descriptor", h.Add(-1, 1, Readable), unix.EBADF},
		{"Add", h.Add(a, 1, Readable), nil},
		{"a second Add", h.Add(a, 2, Readable), unix.EEXIST},
		{"Remove", h.Remove(a), nil},
		{"a second Remove", h.Remove(a), unix.ENOENT},
	} {
		if !errors.Is(c.got, c.want) {
			h.Errorf("%s: %v, want %v", c.what, c.got, c.want)
		}
	}
}

// checkTokens leaves out the token of all ones, which an implementation may keep for its own wake-ups.
func checkTokens(h *pollerHarness) {
	for _, token := range []uint64{0, 1<<31 - 1, 1<<32 - 1, 0xfedcba9876543210, math.MaxUint64 - 2} {
		a, _ := streamPair(h)
		h.add(a, token, Writable)
		h.expect(Ready{token, Writable})
		h.modify(a, token+1, Writable)
		h.expect(Ready{token + 1, Writable})
		if err := h.Remove(a); err != nil {
			h.Fatal(err)
		}
	}
}

// checkNumberUsedAgain: after a descriptor is closed, its number comes back with the new token only.
func checkNumberUsedAgain(h *pollerHarness) {
	a, b := streamPair(h)
	h.add(a, 1, Readable)
	mustWrite(h, b, "x")
	h.expect(Ready{1, Readable})
	if !h.Forgets() {
		if err := h.Remove(a); err != nil {
			h.Fatal(err)
		}
	}
	closeNow(h, a)
	h.expect()
	c, d := streamPair(h) // takes the number of a, the lowest free one
	h.add(c, 2, Readable)
	h.expect()
	mustWrite(h, d, "x")
	h.expect(Ready{2, Readable})
}

func checkExclusive(h *pollerHarness) {
	fd, bound := mustListen(h, "tcp4", "127.0.0.1:0", SocketOptions{})
	h.add(fd, 9, Readable|Exclusive)
	h.expect()
	client := dialTCP(h, bound)
	h.expect(Ready{9, Readable})
	nfd, errno := Accept(fd, nil)
	if errno != 0 {
		h.Fatal(errno)
	}
	ownFD(h, nfd)
	h.expect()
	closeNow(h, client)
	if err := h.Remove(fd); err != nil {
		h.Fatal(err)
	}
}

func checkShortAnswers(h *pollerHarness) {
	const pairs = 50
	for i := range pairs {
		a, b := streamPair(h)
		h.add(a, uint64(i), Readable)
		mustWrite(h, b, "x")
	}
	if got := h.wait(make([]Ready, 2*pairs), long); len(got) != pairs {
		h.Fatalf("a long answer has %d entries, want %d", len(got), pairs)
	}
	seen := map[uint64]bool{}
	ready := make([]Ready, 8)
	for range pairs { // far more rounds than it takes
		for _, r := range h.wait(ready, long) {
			seen[r.Token] = true
		}
	}
	if len(seen) != pairs {
		h.Fatalf("%d of %d were seen", len(seen), pairs)
	}
}

func checkTimeout(h *pollerHarness) {
	a, _ := streamPair(h)
	h.add(a, 1, Readable)
	for _, d := range []time.Duration{300 * time.Microsecond, 1500 * time.Microsecond, 20 * time.Millisecond} {
		if !h.lasts(d, func() {}) {
			h.Errorf("a wait of %v always ended early", d)
		}
	}
}

func checkWakeBeforeWait(h *pollerHarness) {
	for range 3 {
		if err := h.Wake(); err != nil {
			h.Fatal(err)
		}
		start := time.Now()
		if got := h.wait(make([]Ready, 1), long); len(got) != 0 {
			h.Fatal(got)
		}
		if time.Since(start) >= long {
			h.Fatal("the wake-up was lost")
		}
	}
}

// checkWakeDuringWait: the goroutine that wakes is let go just before the wait begins, and mostly comes too late
// to be before it; that it came during the wait is likely, not sure, and both must end it.
func checkWakeDuringWait(h *pollerHarness) {
	begin := make(chan bool)
	result := make(chan error)
	go func() {
		for range begin {
			result <- h.Wake()
		}
	}()
	defer close(begin)
	for range 50 {
		begin <- true
		if got := h.wait(make([]Ready, 1), -1); len(got) != 0 {
			h.Fatal(got)
		}
		if err := <-result; err != nil {
			h.Fatal(err)
		}
	}
}

func checkWakesMerge(h *pollerHarness) {
	ok := h.lasts(10*time.Millisecond, func() {
		var wakers sync.WaitGroup
		for range 8 {
			wakers.Go(func() {
				for range 100 {
					if err := h.Wake(); err != nil {
						h.Error(err)
					}
				}
			})
		}
		wakers.Wait()
		h.wait(make([]Ready, 1), long)
	})
	if !ok {
		h.Error("wake-ups before one wait also ended the next")
	}
}

func checkWakeWithReady(h *pollerHarness) {
	a, b := streamPair(h)
	h.add(a, 1, Readable)
	mustWrite(h, b, "x")
	if err := h.Wake(); err != nil {
		h.Fatal(err)
	}
	h.expect(Ready{1, Readable})
	mustRead(h, a, "x")
	h.wait(make([]Ready, 1), 0) // the wake-up, if the answer came without it
	if !h.lasts(5*time.Millisecond, func() {}) {
		h.Error("the wake-up stayed")
	}
}

// checkNoWakeLost plays the loop's game: whoever adds work wakes, and the loop waits without bound when it has
// seen none. A lost wake-up hangs the test.
func checkNoWakeLost(h *pollerHarness) {
	const producers, each = 4, 2000
	var mu sync.Mutex
	queued, done := 0, 0
	var running sync.WaitGroup
	for range producers {
		running.Go(func() {
			for range each {
				mu.Lock()
				queued++
				mu.Unlock()
				if err := h.Wake(); err != nil {
					h.Error(err)
				}
			}
		})
	}
	ready := make([]Ready, 1)
	for done < producers*each {
		h.wait(ready, -1)
		mu.Lock()
		done += queued
		queued = 0
		mu.Unlock()
	}
	running.Wait()
}
