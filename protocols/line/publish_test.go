package line_test

import (
	"net"
	"testing"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/actors/actorstest"
	"github.com/troupe-go/troupe/protocols/line"
	"github.com/troupe-go/troupe/pubsub"
)

// subscribed is a handler that subscribes to news.
func subscribed(t *testing.T, o actors.SubscribeOptions) *handler {
	return &handler{onOpen: func(c *actors.Conn) {
		if _, err := c.Subscribe("news", o); err != nil {
			t.Error(err)
		}
	}}
}

func publish(t *testing.T, w *actorstest.World, payload string) {
	t.Helper()
	if _, err := w.System().Broker().Publish("news", []byte(payload)); err != nil {
		t.Error(err)
	}
	w.Run()
}

// TestPublishedLines: all line connections get a line, and others the payload.
func TestPublishedLines(t *testing.T) {
	w := actorstest.NewWorld(t, actors.Options{})
	var lines []*actorstest.Peer
	for range 3 {
		lines = append(lines, w.OpenWith(factory(subscribed(t, actors.SubscribeOptions{})), actors.ConnOptions{}))
	}
	plain := w.Open(raw{})
	plain.Conn().Subscribe("news", actors.SubscribeOptions{})
	publish(t, w, "two\nlines \xff")
	publish(t, w, "one line\r\n")
	for _, p := range lines {
		p.Expect("two lines \xff\xff\r\none line\r\n")
	}
	plain.Expect("raw:two\nlines \xffone line\r\n")
}

// TestOneEncoder: all protocols of this package have the same one, so that a line is encoded once.
func TestOneEncoder(t *testing.T) {
	for _, o := range []line.Options{{}, {MaxLine: 10}} {
		if got := line.New(&handler{}, o).(actors.Framer).Encoder(); got != line.Encoder {
			t.Error("another encoder:", got.Name())
		}
	}
}

// loud is a handler with frames of its own.
type loud struct{ *handler }

var shout = pubsub.NewEncoder("shout", 1, func(dst []byte, m *pubsub.Message) []byte {
	return append(append(dst, m.Payload()...), '!')
})

func (loud) Encoder() *pubsub.Encoder { return shout }

func TestOwnEncoder(t *testing.T) {
	w := actorstest.NewWorld(t, actors.Options{})
	p := w.Open(line.New(loud{subscribed(t, actors.SubscribeOptions{})}, line.Options{}))
	q := w.OpenWith(factory(subscribed(t, actors.SubscribeOptions{Encoder: shout})), actors.ConnOptions{})
	publish(t, w, "hello")
	p.Expect("hello!")
	q.Expect("hello!")
}

// TestSwappedEncoder: a subscription stays, and its messages are as the protocol of the moment has them.
func TestSwappedEncoder(t *testing.T) {
	w := actorstest.NewWorld(t, actors.Options{})
	p := w.OpenWith(factory(subscribed(t, actors.SubscribeOptions{})), actors.ConnOptions{})
	publish(t, w, "a")
	p.Conn().Swap(raw{})
	w.Run()
	publish(t, w, "b")
	p.Conn().Swap(line.New(&handler{}, line.Options{}))
	w.Run()
	publish(t, w, "c")
	p.Expect("a\r\nraw:bc\r\n")
}

// TestNoLineForEvents: who comes and goes is no line, nor is a gap.
func TestNoLineForEvents(t *testing.T) {
	w := actorstest.NewWorld(t, actors.Options{PubSub: pubsub.Options{
		History: []pubsub.HistoryRule{{Pattern: "*", Count: 1}},
	}})
	publish(t, w, "lost")
	publish(t, w, "kept")
	all := actors.SubscribeOptions{Events: true, Member: &pubsub.Member{ID: "ann"}, After: &pubsub.Position{Epoch: 1}}
	p := w.OpenWith(factory(subscribed(t, all)), actors.ConnOptions{})
	q := w.OpenWith(factory(subscribed(t, actors.SubscribeOptions{Member: &pubsub.Member{ID: "bob"}})), actors.ConnOptions{})
	q.Close()
	w.Run()
	publish(t, w, "new")
	p.Expect("kept\r\nnew\r\n")
}

// TestPublishOverSockets has two connections of real loops talk.
func TestPublishOverSockets(t *testing.T) {
	h := subscribed(t, actors.SubscribeOptions{})
	h.onLine = func(c *actors.Conn, text string) { c.Publish("news", []byte(text)) }
	c := serve(t, factory(h), actors.ListenOptions{})
	send(t, c, "c is there\r\n")
	expect(t, c, "c is there\r\n")
	d := dial(t, c.RemoteAddr().String())
	send(t, d, "d is there\r\n")
	expect(t, d, "d is there\r\n")
	expect(t, c, "d is there\r\n")
	send(t, c, "gr\u00fc\u00dfe\xff\xff\r\x00second\n")
	for _, peer := range []net.Conn{c, d} {
		expect(t, peer, "gr\u00fc\u00dfe\xff\xff\r\nsecond\r\n")
	}
}
