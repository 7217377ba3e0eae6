package pubsub

import "github.com/troupe-go/troupe/reactor"

// maxRun is how many messages a Run has at most.
const maxRun = 64

// A Run is messages of one channel, in order, on their way to subscribers. It is valid during Deliver; the messages in
// it may be retained.
type Run struct {
	hub      *hub
	messages []*Message
	encoded  []encoded
	wakes    []*reactor.Cell
}

// Frames are the messages of a Run as one Encoder encoded them. They are shared, and valid as long as the Run. Who
// keeps one retains it.
type Frames struct {
	// Each are the frames, one for each message. One that has none, because there is nothing to send or the Encoder
	// panicked, has an empty Piece without Buffer.
	Each []reactor.Piece
	// Chain is all of them together, or nil if there are less than two that are not empty.
	Chain *reactor.Chain
	// Bytes is how many bytes they have together.
	Bytes int
}

type encoded struct {
	encoder *Encoder
	frames  Frames
}

// Messages are the messages, at least one. The slice must not be changed or kept.
func (r *Run) Messages() []*Message { return r.messages }

// Frames are the messages as e encodes them, each encoded once however often this is called. A nil e stands for the
// payloads.
func (r *Run) Frames(e *Encoder) *Frames {
	for i := range r.encoded {
		if r.encoded[i].encoder == e {
			return &r.encoded[i].frames
		}
	}
	n := len(r.encoded)
	if n < cap(r.encoded) {
		r.encoded = r.encoded[:n+1]
	} else {
		r.encoded = append(r.encoded, encoded{})
	}
	f := &r.encoded[n].frames
	r.encoded = r.encoded[:n] // until all is encoded: the encoder may never return
	r.encode(e, f)
	r.encoded = r.encoded[:n+1]
	r.encoded[n].encoder = e
	return f
}

func (r *Run) encode(e *Encoder, f *Frames) {
	var packer reactor.Packer
	defer packer.Close()
	if len(r.messages) == 1 {
		packer.Alone()
	}
	f.Each, f.Chain, f.Bytes = f.Each[:0], nil, 0
	for _, m := range r.messages {
		p := m.frame(e, &packer, r.hub)
		f.Each = append(f.Each, p)
		f.Bytes += len(p.Bytes)
	}
	if len(f.Each) > 1 {
		f.Chain = reactor.NewChain(f.Each)
	}
}

// Wake has cells get a turn, after Cell.NeedsWake said so, all together when the delivery is done: it is for subscribers
// that live on the loop of their Subscription.
func (r *Run) Wake(c *reactor.Cell) { r.wakes = append(r.wakes, c) }

// wake wakes those for whom Wake was called.
func (r *Run) wake() {
	r.hub.cell.Loop().WakeAll(r.wakes)
	clear(r.wakes)
	r.wakes = r.wakes[:0]
}

// release gives up what the Run holds.
func (r *Run) release() {
	r.forget()
	for len(r.messages) > 0 {
		last := len(r.messages) - 1
		m := r.messages[last]
		r.messages[last] = nil
		r.messages = r.messages[:last] // before it panics, if a subscriber has released it too often
		m.Release()
	}
}

// forget gives up the frames.
func (r *Run) forget() {
	for i := range r.encoded {
		f := &r.encoded[i].frames
		if f.Chain != nil {
			f.Chain.Release()
		}
		clear(f.Each)
		r.encoded[i] = encoded{frames: Frames{Each: f.Each[:0]}}
	}
	r.encoded = r.encoded[:0]
}
