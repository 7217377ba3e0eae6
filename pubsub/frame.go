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
	buffer  *reactor.Buffer // nil if the encoder panicked
}

// frame is the message encoded by e, on the first call; the message owns it. It is nil if there is none, because e
// panicked: failed is told so, once.
func (m *Message) frame(e *Encoder, failed func()) *reactor.Buffer {
	if e == nil {
		if m.Kind != Data {
			return nil
		}
		return m.buffer
	}
	m.frames.mu.Lock()
	defer m.frames.mu.Unlock()
	for i := range m.frames.list {
		if m.frames.list[i].encoder == e {
			return m.frames.list[i].buffer
		}
	}
	f := frame{encoder: e}
	defer func() {
		if f.buffer == nil && recover() != nil {
			failed()
		}
		m.frames.list = append(m.frames.list, f)
	}()
	f.buffer = reactor.FillBuffer(len(m.Payload())+e.extra, func(dst []byte) []byte { return e.encode(dst, m) })
	return f.buffer
}

// Frame is the message encoded by e: what a subscriber that writes by itself sends. It is valid as long as the message.
// It panics if e does.
func (m *Message) Frame(e *Encoder) []byte {
	b := m.frame(e, func() { panic("pubsub: encoder " + e.name + " panicked") })
	if b == nil {
		return nil
	}
	return b.Bytes()
}

func (f *frames) release() {
	for i := range f.list {
		if b := f.list[i].buffer; b != nil {
			b.Release()
		}
	}
	f.list = nil
}
