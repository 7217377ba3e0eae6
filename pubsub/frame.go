package pubsub

import (
	"sync"

	"github.com/troupe-go/troupe/reactor"
)

// An Encoder turns a message into the bytes of a wire protocol: its frame. A frame is made once for each message and
// Encoder, whoever gets it, and its bytes are shared by all connections. So protocols keep one Encoder in a package
// variable. A nil *Encoder stands for the payload as it is.
type Encoder struct {
	name   string
	encode func(dst []byte, m *Message) []byte
	extra  int
}

// NewEncoder makes an Encoder. encode appends the frame of m to dst and returns the result; it may be called from any
// goroutine, must not block, and must not keep dst or m. It appends nothing to send nothing. It is called for messages of
// every Kind that a subscription gets; most encoders have frames for Data only. extra is how many bytes a
// frame usually has beyond the payload: with room enough the frame is encoded where it is sent from.
func NewEncoder(name string, extra int, encode func(dst []byte, m *Message) []byte) *Encoder {
	return &Encoder{name: name, encode: encode, extra: extra}
}

// Name is what NewEncoder was given.
func (e *Encoder) Name() string { return e.name }

// frames are what a message was encoded to.
type frames struct {
	mu   sync.Mutex
	list []frame // guarded by mu; few
	cost int64   // guarded by mu: what the keeper was charged
}

// frameCost is what a frame in a history costs beyond its bytes, about.
const frameCost = 128

type frame struct {
	encoder *Encoder
	piece   reactor.Piece // without Buffer if the encoder panicked
}

// frame is the message encoded by e, on the first call, with memory from p; the message owns it. It has no Buffer if
// there is none, because e panicked, which is reported once.
func (m *Message) frame(e *Encoder, p *reactor.Packer, h *hub) reactor.Piece {
	if e == nil {
		if m.Kind != Data {
			return reactor.Piece{}
		}
		return m.payload
	}
	fs := m.frames.Load()
	if fs == nil {
		m.frames.CompareAndSwap(nil, new(frames))
		fs = m.frames.Load()
	}
	fs.mu.Lock()
	defer fs.mu.Unlock()
	for i := range fs.list {
		if fs.list[i].encoder == e {
			return fs.list[i].piece
		}
	}
	f := frame{encoder: e}
	defer func() {
		if f.piece.Buffer == nil {
			h.recoverFrom("Encoder "+e.name, recover())
		}
		fs.list = append(fs.list, f)
	}()
	f.piece = p.Pack(len(m.Payload())+e.extra, func(dst []byte) []byte {
		out := e.encode(dst, m)
		if reactor.Overlap(out, m.Payload()) { // it is not the frame's to keep
			out = append(dst, out...)
		}
		return out
	})
	if m.keeper != nil {
		cost := int64(len(f.piece.Bytes) + frameCost)
		fs.cost += cost
		m.keeper.historyBytes.Add(cost)
	}
	return f.piece
}

func (f *frames) release(keeper *Broker) {
	if f == nil {
		return
	}
	if keeper != nil {
		keeper.historyBytes.Add(-f.cost)
	}
	for i := range f.list {
		if b := f.list[i].piece.Buffer; b != nil {
			b.Release()
		}
	}
	f.list = nil
}
