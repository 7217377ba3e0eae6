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
// goroutine, must not block, and must not keep dst or m. It appends nothing to send nothing. extra is how many bytes a
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
}

type frame struct {
	encoder *Encoder
	piece   reactor.Piece // without Buffer if the encoder panicked
}

// frame is the message encoded by e, on the first call, with memory from p; the message owns it. It has no Buffer if
// there is none, because e panicked: failed is told so, once.
func (m *Message) frame(e *Encoder, p *reactor.Packer, failed func()) reactor.Piece {
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
		if f.piece.Buffer == nil && recover() != nil {
			failed()
		}
		fs.list = append(fs.list, f)
	}()
	f.piece = p.Pack(len(m.Payload())+e.extra, func(dst []byte) []byte { return e.encode(dst, m) })
	return f.piece
}

func (f *frames) release() {
	if f == nil {
		return
	}
	for i := range f.list {
		if b := f.list[i].piece.Buffer; b != nil {
			b.Release()
		}
	}
	f.list = nil
}
