package supervision_test

import (
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/troupe-go/troupe/supervision"
)

func ExampleStrategy() {
	// Restart the protocol at programming errors, but close on an end of input.
	s, err := supervision.Strategy{
		Decide: func(f *supervision.Failure) supervision.Directive {
			if errors.Is(f, io.EOF) {
				return supervision.Stop
			}
			return supervision.Restart
		},
		MaxRestarts: 2,
		BackOff:     time.Second,
	}.Validate()
	if err != nil {
		fmt.Println(err)
		return
	}
	var h supervision.History
	for i := range 3 {
		fmt.Println(s.Judge(&h, &supervision.Failure{Callback: "OnData", Value: "oops"}, time.Duration(i)*time.Second))
	}
	fmt.Println(s.Judge(&h, &supervision.Failure{Callback: "OnData", Value: io.EOF}, 3*time.Second))
	// Output:
	// restart 1s
	// restart 2s
	// stop 0s
	// stop 0s
}

func TestWindowForgets(t *testing.T) {
	s, err := supervision.Strategy{Decide: supervision.Always(supervision.Restart), MaxRestarts: 1}.Validate()
	if err != nil {
		t.Fatal(err)
	}
	var h supervision.History
	now := time.Hour
	for i, want := range []supervision.Directive{supervision.Restart, supervision.Stop} {
		if d, _ := s.Judge(&h, &supervision.Failure{}, now); d != want {
			t.Fatalf("failure %d: %v, want %v", i, d, want)
		}
	}
	if d, wait := s.Judge(&h, &supervision.Failure{}, now+s.Window+1); d != supervision.Restart || wait != s.BackOff {
		t.Fatalf("after the window: %v %v", d, wait)
	}
}

func TestBackOffIsBounded(t *testing.T) {
	s, err := supervision.Strategy{Decide: supervision.Always(supervision.Restart), MaxRestarts: 1000}.Validate()
	if err != nil {
		t.Fatal(err)
	}
	var h supervision.History
	var last time.Duration
	for range 1000 {
		_, wait := s.Judge(&h, &supervision.Failure{}, 0)
		if wait < last || wait > s.MaxBackOff {
			t.Fatalf("waits %v after %v", wait, last)
		}
		last = wait
	}
	if last != s.MaxBackOff {
		t.Fatalf("the back-off ends at %v", last)
	}
}

func TestDecidePanics(t *testing.T) {
	s, err := supervision.Strategy{Decide: func(*supervision.Failure) supervision.Directive { panic("again") }}.Validate()
	if err != nil {
		t.Fatal(err)
	}
	if d, _ := s.Judge(new(supervision.History), &supervision.Failure{}, 0); d != supervision.Stop {
		t.Fatal(d)
	}
}

func TestBadStrategies(t *testing.T) {
	for _, s := range []supervision.Strategy{
		{MaxRestarts: -1},
		{Window: -time.Second},
		{BackOff: 48 * time.Hour},
		{BackOff: time.Second, MaxBackOff: time.Millisecond},
	} {
		if _, err := s.Validate(); !errors.Is(err, supervision.ErrBadStrategy) {
			t.Errorf("%+v: %v", s, err)
		}
	}
}
