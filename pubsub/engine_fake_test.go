package pubsub

import (
	"errors"
	"slices"
	"testing"
)

// A fakeEngine is an Engine made of functions, those that are nil doing nothing.
type fakeEngine struct {
	attached    func(*Inlet) error
	subscribe   func(Topic)
	unsubscribe func(Topic)
	publish     func(channel string, payload []byte) error
	detached    func()
}

func (e *fakeEngine) Attached(in *Inlet) error {
	if e.attached == nil {
		return nil
	}
	return e.attached(in)
}

func (e *fakeEngine) Subscribe(t Topic) {
	if e.subscribe != nil {
		e.subscribe(t)
	}
}

func (e *fakeEngine) Unsubscribe(t Topic) {
	if e.unsubscribe != nil {
		e.unsubscribe(t)
	}
}

func (e *fakeEngine) Publish(channel string, payload []byte) error {
	if e.publish == nil {
		return nil
	}
	return e.publish(channel, payload)
}

func (e *fakeEngine) Detached() {
	if e.detached != nil {
		e.detached()
	}
}

// TestAttachEngineRacesWithClose: an engine that is attached while the broker closes is either refused or detached.
func TestAttachEngineRacesWithClose(t *testing.T) {
	b, _ := manualBroker(t, Options{})
	over := 0
	e := &fakeEngine{detached: func() { over++ }}
	closed := make(chan struct{})
	e.attached = func(*Inlet) error {
		go func() {
			b.Close()
			close(closed)
		}()
		eventually(t, "the broker is closed", b.closed.Load)
		return nil
	}
	err := b.AttachEngine(e)
	await(t, closed, "Close")
	if err == nil && over != 1 {
		t.Errorf("attached to a closed broker, and detached %d times", over)
	}
	if err != nil && !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// TestEngineIsLeftAloneAfterDetached: Detached is the end: nothing is published by the engine afterwards, not even by
// who was about to.
func TestEngineIsLeftAloneAfterDetached(t *testing.T) {
	b, _ := manualBroker(t, Options{})
	var told []string
	second := &fakeEngine{
		publish:  func(string, []byte) error { told = append(told, "publish"); return nil },
		detached: func() { told = append(told, "detached") },
	}
	first := &fakeEngine{publish: func(string, []byte) error { return b.DetachEngine(second) }}
	for _, e := range []Engine{first, second} {
		if err := b.AttachEngine(e); err != nil {
			t.Fatal(err)
		}
	}
	publish(t, b, "a", "x")
	if !slices.Equal(told, []string{"detached"}) {
		t.Errorf("told %q", told)
	}
}
