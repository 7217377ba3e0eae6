package pubsub

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/troupe-go/troupe/reactor"
)

// A framed is a Subscriber that takes frames, as a connection does.
type framed struct {
	*listener
	encoder *Encoder
	frames  []string
	first   [][]byte // the bytes of the frames themselves
	chains  int
	each    int
	kept    []*reactor.Buffer
}

func (f *framed) Deliver(s *Subscription, run *Run) int {
	frames := run.Frames(f.encoder)
	if again := run.Frames(f.encoder); again != frames {
		f.t.Error("Frames are made twice")
	}
	f.each += len(frames.Each)
	total := 0
	for _, p := range frames.Each {
		total += len(p.Bytes)
		f.frames = append(f.frames, string(p.Bytes))
		f.first = append(f.first, p.Bytes)
		if p.Buffer != nil {
			f.kept = append(f.kept, p.Buffer.Retain())
		}
	}
	if len(frames.Each) != len(run.Messages()) {
		f.t.Errorf("%d frames of %d messages", len(frames.Each), len(run.Messages()))
	}
	if frames.Chain != nil {
		f.chains++
		if frames.Chain.Len() != total {
			f.t.Errorf("a chain of %d bytes for %d", frames.Chain.Len(), total)
		}
	}
	if frames.Bytes != total {
		f.t.Errorf("%d bytes, and there are %d", frames.Bytes, total)
	}
	return f.listener.Deliver(s, run)
}

func (f *framed) release() {
	for _, b := range f.kept {
		b.Release()
	}
	f.kept = nil
}

func newFramed(t testing.TB, b *Broker, g *reactor.Group, e *Encoder, name string, o SubscribeOptions) *framed {
	f := &framed{listener: newListener(t, g), encoder: e}
	f.attachAs(b, f, name, o)
	return f
}

func bracket(dst []byte, m *Message) []byte {
	dst = append(dst, '[')
	return append(append(dst, text(m)...), ']')
}

// TestEncodedOnce: a message is encoded once for each encoder, however many subscribers on however many loops get it, by
// name and by pattern, and all of them get the same memory. A replay may encode for itself. All memory is given back.
func TestEncodedOnce(t *testing.T) {
	b, g := startBroker(t, 3, Options{History: []HistoryRule{{Pattern: "*", Count: 1000}}})
	var calls [2]atomic.Int32
	encoders := []*Encoder{
		NewEncoder("one", 2, func(dst []byte, m *Message) []byte { calls[0].Add(1); return bracket(dst, m) }),
		NewEncoder("two", 2, func(dst []byte, m *Message) []byte { calls[1].Add(1); return bracket(dst, m) }),
	}
	if encoders[0].Name() != "one" {
		t.Error(encoders[0].Name())
	}
	const messages = 200
	var all []*framed
	for i := range 12 {
		all = append(all, newFramed(t, b, g, encoders[i%2], "c", SubscribeOptions{}))
		all = append(all, newFramed(t, b, g, encoders[i%2], "?", SubscribeOptions{Pattern: true}))
	}
	want := make([]string, messages)
	for i := range messages {
		publish(t, b, "c", fmt.Sprint(i))
		want[i] = fmt.Sprintf("[%d]", i)
	}
	for i := range 4 {
		all = append(all, newFramed(t, b, g, encoders[i%2], "c", SubscribeOptions{Last: messages}))
	}
	eventually(t, "the history is replayed", func() bool { return b.Stats().Replayed == 4*messages })
	for _, f := range all {
		f.Cancel()
		await(t, f.gone, "Unsubscribed")
	}
	for i := range calls {
		if n := calls[i].Load(); n < messages || n > 3*messages { // once, and at most once for each of two replays
			t.Errorf("encoder %d was called %d times for %d messages", i, n, messages)
		}
	}
	for i, f := range all {
		if strings.Join(f.frames, "") != strings.Join(want, "") {
			t.Errorf("got %.100q", f.frames)
		}
		of := all[0]
		if f.encoder != of.encoder {
			of = all[2]
		}
		for k := range f.first {
			if i < 24 && &f.first[k][0] != &of.first[k][0] {
				t.Error("a frame was copied")
				break
			}
		}
	}
	for _, f := range all {
		f.release()
	}
}

// TestStrangeEncoders: what an encoder appends is what is sent: nothing, much more than it announced, or not where it was
// told to. One that panics harms only its own frames, and is counted once for each message.
func TestStrangeEncoders(t *testing.T) {
	elsewhere := []byte("elsewhere")
	long := strings.Repeat("long", 50_000)
	for name, test := range map[string]struct {
		encoder  *Encoder
		want     []string
		failures uint64
	}{
		"plain":     {nil, []string{"0", "1", "2", "3", "4"}, 0},
		"nothing":   {NewEncoder("", 0, func(dst []byte, m *Message) []byte { return dst }), []string{"", "", "", "", ""}, 0},
		"nil":       {NewEncoder("", 0, func([]byte, *Message) []byte { return nil }), []string{"", "", "", "", ""}, 0},
		"some":      {NewEncoder("", 0, func(dst []byte, m *Message) []byte { return append(dst, m.Payload()[:m.Payload()[0]%2]...) }), []string{"", "1", "", "3", ""}, 0},
		"long":      {NewEncoder("", 0, func(dst []byte, m *Message) []byte { return append(append(dst, long...), m.Payload()...) }), []string{long + "0", long + "1", long + "2", long + "3", long + "4"}, 0},
		"negative":  {NewEncoder("", -1000, bracket), []string{"[0]", "[1]", "[2]", "[3]", "[4]"}, 0},
		"generous":  {NewEncoder("", 100_000, bracket), []string{"[0]", "[1]", "[2]", "[3]", "[4]"}, 0},
		"elsewhere": {NewEncoder("", 0, func([]byte, *Message) []byte { return elsewhere }), []string{"elsewhere", "elsewhere", "elsewhere", "elsewhere", "elsewhere"}, 0},
		"scribbles": {NewEncoder("", 0, func(dst []byte, m *Message) []byte {
			clear(dst[:cap(dst)]) // nobody else's bytes may be there
			return append(dst, m.Payload()...)
		}), []string{"0", "1", "2", "3", "4"}, 0},
		"panics": {NewEncoder("", 0, func(dst []byte, m *Message) []byte {
			if m.Payload()[0] == '2' {
				panic("expected")
			}
			return append(dst, m.Payload()...)
		}), []string{"0", "1", "", "3", "4"}, 1},
		"panics always": {NewEncoder("", 0, func([]byte, *Message) []byte { panic("expected") }), make([]string, 5), 5},
	} {
		t.Run(name, func(t *testing.T) {
			b, m := manualBroker(t, Options{})
			one := newFramed(t, b, m.Group(), test.encoder, "c", SubscribeOptions{})
			two := newFramed(t, b, m.Group(), test.encoder, "?", SubscribeOptions{Pattern: true})
			plain := newFramed(t, b, m.Group(), nil, "c", SubscribeOptions{})
			for i := range 5 {
				publish(t, b, "c", fmt.Sprint(i))
			}
			m.Run()
			for _, f := range []*framed{one, two} {
				if strings.Join(f.frames, "|") != strings.Join(test.want, "|") {
					t.Errorf("got %.200q, want %.200q", f.frames, test.want)
				}
			}
			if plain.each != 5 || strings.Join(plain.frames, "") != "01234" || plain.chains != 1 {
				t.Errorf("%d, %d chains, %q", plain.each, plain.chains, plain.frames)
			}
			plain.want("0", "1", "2", "3", "4")
			if n := b.Stats().Failures; n != test.failures {
				t.Errorf("%d failures", n)
			}
			for _, f := range []*framed{one, two, plain} {
				f.release()
			}
		})
	}
	if string(elsewhere) != "elsewhere" {
		t.Errorf("%q", elsewhere)
	}
}

// TestEncoderMayPublish: an encoder runs without locks of the broker: it may call it.
func TestEncoderMayPublish(t *testing.T) {
	b, m := manualBroker(t, Options{})
	e := NewEncoder("", 0, func(dst []byte, m *Message) []byte {
		if string(m.Payload()) == "0" {
			publish(t, b, "c", "1")
			s, err := b.Subscribe("c", func(*Message) {}, SubscribeOptions{})
			if err != nil {
				t.Error(err)
			}
			s.Cancel()
		}
		return append(dst, m.Payload()...)
	})
	f := newFramed(t, b, m.Group(), e, "c", SubscribeOptions{})
	publish(t, b, "c", "0")
	m.Run()
	f.want("0", "1")
	f.release()
}

// TestEncoderThatNeverReturns: an encoder that ends its goroutine loses that frame, and nothing else: the other messages
// of the run reach those that follow.
func TestEncoderThatNeverReturns(t *testing.T) {
	b, g := startBroker(t, 1, Options{})
	e := NewEncoder("", 0, func(dst []byte, m *Message) []byte {
		if string(m.Payload()) == "1" {
			runtime.Goexit()
		}
		return append(dst, m.Payload()...)
	})
	first := newFramed(t, b, g, e, "c", SubscribeOptions{})
	second := newFramed(t, b, g, e, "c", SubscribeOptions{})
	hold := make(chan struct{})
	g.Loops()[0].Do(func(*reactor.Loop) { <-hold })
	for i := range 4 { // one run
		publish(t, b, "c", fmt.Sprint(i))
	}
	close(hold)
	for _, f := range []*framed{first, second} {
		f.Cancel()
		await(t, f.gone, "Unsubscribed")
	}
	if got := strings.Join(second.frames, ""); got != "023" {
		t.Errorf("the second got %q", got)
	}
	first.release()
	second.release()
}

// TestRunsAreBatches: what was published before the hub's turn is delivered at once, a run of at most maxRun messages for
// each channel and audience, and in the order of publishing between them.
func TestRunsAreBatches(t *testing.T) {
	b, m := manualBroker(t, Options{})
	f := newFramed(t, b, m.Group(), nil, "a", SubscribeOptions{})
	all := newListener(t, m.Group()).attach(b, "*", SubscribeOptions{Pattern: true})
	var want, ofA []string
	say := func(channel string, n int) {
		for i := range n {
			text := fmt.Sprint(channel, len(want), i)
			want = append(want, text)
			if channel == "a" {
				ofA = append(ofA, text)
			}
			publish(t, b, channel, text)
		}
	}
	say("a", maxRun)
	say("b", 3)
	say("a", 2*maxRun+1)
	say("b", 1)
	m.Run()
	all.want(want...)
	f.want(ofA...)
	if s := b.Stats(); s.Runs != 6 || f.most != maxRun || f.chains != 3 {
		t.Errorf("%d runs, %d messages in the longest, %d chains", s.Runs, f.most, f.chains)
	}
	for i := 1; i < len(f.first); i++ { // small messages of a burst are one in memory, for the kernel's sake
		if len(f.first[i]) == 0 || bytes.Equal(f.first[i], f.first[i-1]) {
			t.Errorf("message %d: %q", i, f.first[i])
		}
	}
	f.release()
}

// TestOwnMessages: those that come out of a Go channel are copies: valid for ever, and nobody releases them.
func TestOwnMessages(t *testing.T) {
	b, _ := startBroker(t, 1, Options{History: []HistoryRule{{Pattern: "*", Count: 1}}})
	s, ch, err := b.SubscribeChan("c", 10, SubscribeOptions{})
	if err != nil {
		t.Fatal(err)
	}
	publish(t, b, "c", "one")
	publish(t, b, "c", "")
	one, empty := await(t, ch, "a message"), await(t, ch, "a message")
	s.Cancel()
	for range ch {
	}
	for range 100 {
		publish(t, b, "c", "other")
	}
	if string(one.Payload()) != "one" || len(empty.Payload()) != 0 || one.Channel != "c" || one.Sequence != 1 || one.Published().IsZero() {
		t.Errorf("%q, %q, %+v", one.Payload(), empty.Payload(), one.Position)
	}
}
