package pubsub

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestOnFailure: whatever of foreign code panics or ends its goroutine, the hook is told where, with the value and the
// stack, and the counter agrees; a hook that panics itself harms nobody.
func TestOnFailure(t *testing.T) {
	var mu sync.Mutex
	var told []string
	b, m := manualBroker(t, Options{OnFailure: func(where string, value any, stack []byte) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprint(value))
		if where == "" || !strings.Contains(string(stack), "failure_test.go") {
			t.Errorf("where %q, stack %s", where, stack)
		}
		panic("the hook")
	}})
	l := newListener(t, m.Group())
	l.onRun = func(*Run) { panic("Deliver") }
	l.attachAs(b, &troubled{l, func() { panic("Unsubscribed") }}, "c", SubscribeOptions{})
	f := newFramed(t, b, m.Group(), NewEncoder("broken", 0, func([]byte, *Message) []byte { panic("Encoder") }), "c", SubscribeOptions{})
	s, err := b.Subscribe("c", func(*Message) { panic("function") }, SubscribeOptions{OnUnsubscribed: func(*Subscription) { panic("hook") }})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, b, "c", "x")
	for _, s := range []*Subscription{&l.Subscription, &f.Subscription, s} {
		s.Cancel()
	}
	m.Run()
	want := []string{"Deliver", "Encoder", "Unsubscribed", "function", "hook"}
	if slices.Sort(told); !slices.Equal(told, want) || b.Stats().Failures != uint64(len(want)) {
		t.Errorf("told of %q, %d counted", told, b.Stats().Failures)
	}
	f.want("x")
	f.release()
}

// TestEngineThatPanics: publishing goes on, here and by the other engines, and that the message was not carried is counted.
func TestEngineThatPanics(t *testing.T) {
	b, m := manualBroker(t, Options{})
	carried := 0
	engines := []Engine{
		&fakeEngine{publish: func(string, []byte) error { panic("expected") }},
		&fakeEngine{publish: func(string, []byte) error { carried++; return nil }},
		&fakeEngine{publish: func(string, []byte) error { return errors.New("expected") }},
		&fakeEngine{subscribe: func(Topic) { panic("expected") }, unsubscribe: func(Topic) { panic("expected") }},
	}
	for _, e := range engines {
		if err := b.AttachEngine(e); err != nil {
			t.Fatal(err)
		}
	}
	l := newListener(t, m.Group()).attach(b, "c", SubscribeOptions{})
	for _, text := range []string{"x", "y"} {
		func() {
			defer func() {
				if v := recover(); v != nil {
					t.Errorf("the publisher got the panic: %v", v)
				}
			}()
			publish(t, b, "c", text)
		}()
	}
	m.Run()
	l.want("x", "y")
	l.Cancel()
	if s := b.Stats(); carried != 2 || s.Carried != 4 || s.Uncarried != 4 || s.Failures != 4 {
		t.Errorf("%d carried, %+v", carried, s)
	}
}
