//go:build unix && (!linux || troupe_poll)

package reactor

import (
	"errors"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestPollPoller(t *testing.T) { testPoller(t, newPoller) }

func TestPollTimeoutRoundsUp(t *testing.T) {
	for d, want := range map[time.Duration]int{
		-1:                             -1,
		0:                              0,
		1:                              1,
		time.Millisecond:               1,
		time.Millisecond + 1:           2,
		1<<63 - 1:                      1<<31 - 1,
		(1<<31 - 1) * time.Millisecond: 1<<31 - 1,
	} {
		if got := pollTimeout(d); got != want {
			t.Errorf("pollTimeout(%v) = %d, want %d", d, got, want)
		}
	}
}

// TestPollPollerIndex compares the swapping index with a map, over every order of removal that a few steps reach.
func TestPollPollerIndex(t *testing.T) {
	poller, err := newPoller()
	if err != nil {
		t.Fatal(err)
	}
	defer poller.Close()
	p := poller.(*pollPoller)
	model := map[int]uint64{}
	const base = 1000 // no such descriptors: the index does not ask the kernel
	for step := range 20_000 {
		fd := base + step*step%17
		token := uint64(step)
		_, known := model[fd]
		var err, want error
		switch step / 3 % 3 {
		case 0:
			if err = p.Add(fd, token, Readable); known {
				want = unix.EEXIST
			} else {
				model[fd] = token
			}
		case 1:
			if err = p.Modify(fd, token, Writable); !known {
				want = unix.ENOENT
			} else {
				model[fd] = token
			}
		case 2:
			if err = p.Remove(fd); !known {
				want = unix.ENOENT
			}
			delete(model, fd)
		}
		if !errors.Is(err, want) {
			t.Fatalf("step %d: error %v, want %v", step, err, want)
		}
		if len(p.polled) != len(model)+1 || len(p.tokens) != len(p.polled) {
			t.Fatalf("step %d: %d watched, want %d", step, len(p.polled)-1, len(model))
		}
		for fd, token := range model {
			if i := p.place(fd); i == 0 || int(p.polled[i].Fd) != fd || p.tokens[i] != token {
				t.Fatalf("step %d: descriptor %d is misplaced", step, fd)
			}
		}
	}
}
