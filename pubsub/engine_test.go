package pubsub

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"testing"
)

// A recorder is an Engine that checks that it is told as promised: of each topic in turn that it is wanted and that it is
// not, nothing before Attached or after Detached.
type recorder struct {
	t       testing.TB
	mu      sync.Mutex
	in      *Inlet
	topics  map[Topic]bool
	calls   int // of Subscribe and Unsubscribe
	carried []string
	refuse  error
	refused error // by Attached
	over    int
}

func (r *recorder) Attached(in *Inlet) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refused != nil {
		return r.refused
	}
	if r.in != nil && r.over == 0 {
		r.t.Error("attached twice")
	}
	r.in, r.topics, r.over = in, map[Topic]bool{}, 0
	return nil
}

func (r *recorder) change(t Topic, wanted bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.calls++
	if r.in == nil || r.over > 0 {
		r.t.Errorf("%+v before Attached or after Detached", t)
	}
	if r.topics[t] == wanted {
		r.t.Errorf("%+v: wanted %v, and it was so before", t, wanted)
	}
	if wanted {
		r.topics[t] = true
	} else {
		delete(r.topics, t)
	}
}

func (r *recorder) Subscribe(t Topic)   { r.change(t, true) }
func (r *recorder) Unsubscribe(t Topic) { r.change(t, false) }

func (r *recorder) Publish(channel string, payload []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refuse != nil {
		return r.refuse
	}
	r.carried = append(r.carried, channel+":"+string(payload))
	return nil
}

func (r *recorder) Detached() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.over++; r.over > 1 {
		r.t.Error("detached twice")
	}
}

// take returns what was carried since the last time.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	c := r.carried
	r.carried = nil
	return c
}

func (r *recorder) wants() map[Topic]bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return maps.Clone(r.topics)
}

// TestEngine: it is told once of each channel and pattern, carries what is published, and what it delivers stays here.
func TestEngine(t *testing.T) {
	b, m := manualBroker(t, Options{})
	attach := func(name string, o SubscribeOptions) *listener { return newListener(t, m.Group()).attach(b, name, o) }
	before := attach("before", SubscribeOptions{})
	attach("be*", SubscribeOptions{Pattern: true})
	attach("filtered", SubscribeOptions{Filter: 1})
	attach("filt*", SubscribeOptions{Filter: -1, Pattern: true})
	e := &recorder{t: t}
	if err := b.AttachEngine(e); err != nil {
		t.Fatal(err)
	}
	for _, bad := range []Engine{nil, e} {
		if err := b.AttachEngine(bad); !errors.Is(err, ErrEngine) {
			t.Error(err)
		}
	}
	one, two := attach("after", SubscribeOptions{}), attach("after", SubscribeOptions{})
	attach("af*", SubscribeOptions{Pattern: true})
	pattern := attach("af*", SubscribeOptions{Pattern: true})
	one.Cancel()
	before.Cancel()
	want := map[Topic]bool{{"after", false}: true, {"be*", true}: true, {"af*", true}: true}
	if got := e.wants(); !maps.Equal(got, want) || e.calls != 5 {
		t.Errorf("wants %v after %d calls, want %v", got, e.calls, want)
	}
	listed := map[Topic]bool{}
	e.in.Topics(func(t Topic) { listed[t] = true })
	if !maps.Equal(listed, want) {
		t.Errorf("Topics: %v", listed)
	}
	publish(t, b, "after", "1")
	publish(t, b, "nobody", "2")
	b.Send(Publication{Channel: "after", Payload: []byte("here"), Scope: Here})
	b.Send(Publication{Channel: "after", Payload: []byte("filtered"), Filter: 3})
	b.Publish("after", make([]byte, MaxPayload+1))
	if n, err := e.in.Deliver("after", []byte("from there")); n != 3 || err != nil {
		t.Errorf("Deliver = %d, %v", n, err)
	}
	if _, err := e.in.Deliver("", nil); !errors.Is(err, ErrEmpty) {
		t.Error(err)
	}
	if got := e.take(); !slices.Equal(got, []string{"after:1", "nobody:2"}) {
		t.Errorf("carried %q", got)
	}
	m.Run()
	two.want("1", "here", "from there")
	pattern.want("1", "here", "from there")
	e.refuse = errors.New("expected")
	if n := publish(t, b, "after", "3"); n != 3 {
		t.Errorf("%d receivers", n)
	}
	e.refuse = nil
	if s := b.Stats(); s.Carried != 2 || s.Uncarried != 1 {
		t.Errorf("%+v", s)
	}
	if err := b.DetachEngine(e); err != nil || e.over != 1 {
		t.Error(err, e.over)
	}
	if err := b.DetachEngine(e); !errors.Is(err, ErrEngine) {
		t.Error(err)
	}
	calls := e.calls
	two.Cancel()
	attach("new", SubscribeOptions{})
	publish(t, b, "after", "4")
	if e.take() != nil || e.calls != calls {
		t.Error("told after Detached")
	}
	if err := b.AttachEngine(e); err != nil { // again
		t.Error(err)
	}
	want = map[Topic]bool{{"new", false}: true, {"be*", true}: true, {"af*", true}: true}
	if got := e.wants(); !maps.Equal(got, want) {
		t.Errorf("wants %v", got)
	}
	b.Close()
	if e.over != 1 {
		t.Error("Close has not detached it")
	}
	if err := b.AttachEngine(&recorder{t: t}); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// TestDefaultEngine: without one all carry, with one it alone; the others are told of topics and deliver all the same.
func TestDefaultEngine(t *testing.T) {
	b, m := manualBroker(t, Options{})
	engines := []*recorder{{t: t}, {t: t}, {t: t, refused: errors.New("expected")}}
	for i, e := range engines {
		if err := b.AttachEngine(e); !errors.Is(err, e.refused) {
			t.Error(i, err)
		}
	}
	l := newListener(t, m.Group()).attach(b, "c", SubscribeOptions{})
	said := 0
	check := func(who ...int) {
		t.Helper()
		said++
		publish(t, b, "c", "x")
		for i, e := range engines {
			if n := len(e.take()); (n == 1) != slices.Contains(who, i) || n > 1 {
				t.Errorf("engine %d has carried %d", i, n)
			}
		}
	}
	set := func(e Engine, want error) {
		t.Helper()
		if err := b.SetDefault(e); !errors.Is(err, want) {
			t.Error(err)
		}
	}
	check(0, 1)
	set(engines[1], nil)
	check(1)
	set(engines[2], ErrEngine)
	check(1)
	set(engines[0], nil)
	check(0)
	engines[1].in.Deliver("c", []byte("y"))
	set(nil, nil)
	check(0, 1)
	set(engines[0], nil)
	if err := b.DetachEngine(engines[0]); err != nil {
		t.Error(err)
	}
	check(1)
	m.Run()
	if len(l.got) != said+1 || engines[2].calls != 0 || engines[1].calls != 1 {
		t.Errorf("heard %q", l.got)
	}
}
