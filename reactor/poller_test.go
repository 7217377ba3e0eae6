//go:build unix

package reactor

import (
	"testing"
	"time"
)

// testPoller holds an implementation to the contract of Poller.
func testPoller(t *testing.T, create func() (Poller, error)) {
	t.Helper()
	for _, c := range pollerContract {
		t.Run(c.name, func(t *testing.T) {
			p, err := create()
			if err != nil {
				t.Fatal(err)
			}
			h := &pollerHarness{T: t, Poller: p}
			c.check(h)
			if err := p.Close(); err != nil {
				t.Errorf("Close: %v", err)
			}
		})
	}
}

var pollerContract = []struct {
	name  string
	check func(h *pollerHarness)
}{
	{"readable", checkReadable},
	{"level-triggered", checkLevelTriggered},
	{"writable", checkWritable},
	{"both", checkBoth},
	{"end of stream", checkEndOfStream},
	{"broken", checkBroken},
	{"broken unasked", checkBrokenUnasked},
	{"refused connect", checkRefusedConnect},
	{"modify", checkModify},
	{"remove", checkRemove},
	{"unknown and doubled descriptors", checkUnknown},
	{"tokens keep 64 bits", checkTokens},
	{"number used again", checkNumberUsedAgain},
	{"exclusive", checkExclusive},
	{"short answers starve nobody", checkShortAnswers},
	{"timeout", checkTimeout},
	{"wake before wait", checkWakeBeforeWait},
	{"wake during wait", checkWakeDuringWait},
	{"wakes merge", checkWakesMerge},
	{"wake with others ready", checkWakeWithReady},
	{"no wake is lost", checkNoWakeLost},
}

// A pollerHarness is a Poller whose unexpected errors end the test.
type pollerHarness struct {
	*testing.T
	Poller
}

// long bounds the waits for what must happen; a test that reaches it fails.
const long = 10 * time.Second

func (h *pollerHarness) add(fd int, token uint64, want Events) {
	h.Helper()
	if err := h.Add(fd, token, want); err != nil {
		h.Fatalf("Add(%d): %v", fd, err)
	}
}

func (h *pollerHarness) modify(fd int, token uint64, want Events) {
	h.Helper()
	if err := h.Modify(fd, token, want); err != nil {
		h.Fatalf("Modify(%d): %v", fd, err)
	}
}

func (h *pollerHarness) wait(ready []Ready, timeout time.Duration) []Ready {
	h.Helper()
	n, err := h.Wait(ready, timeout)
	if err != nil {
		h.Fatalf("Wait: %v", err)
	}
	return ready[:n]
}

// expect waits until some answer comes, and compares. No answers wanted: none may be there now.
func (h *pollerHarness) expect(want ...Ready) {
	h.Helper()
	ready := make([]Ready, len(want)+1)
	if len(want) == 0 {
		if got := h.wait(ready, 0); len(got) != 0 {
			h.Fatalf("got %v, want nothing", got)
		}
		return
	}
	var got []Ready
	for start := time.Now(); len(got) == 0 && time.Since(start) < long; {
		got = h.wait(ready, long)
	}
	if len(got) != len(want) {
		h.Fatalf("got %v, want %v", got, want)
	}
	byToken := map[uint64]Events{}
	for _, r := range got {
		byToken[r.Token] = r.Events
	}
	for _, r := range want {
		if events, ok := byToken[r.Token]; !ok || events != r.Events {
			h.Fatalf("got %v, want %v", got, want)
		}
	}
}

// lasts reports whether a wait without answers takes its time. A signal may end one early, so one of some
// attempts, each prepared by the caller, is enough.
func (h *pollerHarness) lasts(timeout time.Duration, prepare func()) bool {
	h.Helper()
	for range 20 {
		prepare()
		start := time.Now()
		if got := h.wait(make([]Ready, 4), timeout); len(got) != 0 {
			h.Fatalf("got %v, want nothing", got)
		}
		if time.Since(start) >= timeout {
			return true
		}
	}
	return false
}
