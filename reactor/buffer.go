package reactor

import (
	"math/bits"
	"sync"
	"sync/atomic"
)

// A Buffer is a run of bytes shared by reference count: one message may wait in the outbound queues of many
// connections, on many loops, and its memory is given back once, when the last of them has written it. Who
// creates a Buffer holds one reference; each Retain adds one, each Release gives one up. Counting is safe from
// any goroutine, and so is reading the bytes.
//
// A caller that uses a reference it no longer holds is a programming error that could show one connection the
// bytes of another, so the methods panic when they see it. They do for as long as nobody else has got the same
// pooled memory since.
type Buffer struct {
	data    []byte
	release func()
	refs    atomic.Int32
	class   int8 // index in bufferPools, or unpooled
}

const (
	minClassBits = 6  // 64 B
	maxClassBits = 16 // 64 KiB
	unpooled     = -1
)

// bufferPools[i] holds dead buffers with a capacity of 2^(minClassBits+i) bytes, header and memory together.
var bufferPools [maxClassBits - minClassBits + 1]sync.Pool

// liveCount is the number of buffers that have references. All loops write to it, so it has cache lines of its own.
var liveCount struct {
	_ [64]byte
	n atomic.Int64
	_ [64]byte
}

// LiveBuffers returns how many buffers, of all kinds, still have references: a test that ends with as many as it
// began with has leaked none.
func LiveBuffers() int64 { return liveCount.n.Load() }

// NewBuffer returns a Buffer that takes over p: the caller must not write to p again. release, which may be nil,
// is called exactly once, by whichever goroutine drops the last reference, which may well be a loop: it must not
// block. By then the Buffer no longer refers to p. The Buffer has no room, whatever the capacity of p, since the
// memory behind p may belong to someone else.
func NewBuffer(p []byte, release func()) *Buffer {
	b := &Buffer{data: p[:len(p):len(p)], release: release, class: unpooled}
	b.born()
	return b
}

// CopyBuffer returns a Buffer with a copy of p. It comes from the pools, like that of GetBuffer.
func CopyBuffer(p []byte) *Buffer {
	b := GetBuffer(len(p))
	b.data = append(b.data, p...)
	return b
}

// GetBuffer returns an empty Buffer with room for at least size bytes. Up to 64 KiB its memory is pooled, in
// powers of two from 64 bytes; beyond that it is allocated to measure and left to the garbage collector. A size
// of zero or less counts as the smallest.
func GetBuffer(size int) *Buffer {
	class := classOf(size)
	if class == unpooled {
		b := &Buffer{data: make([]byte, 0, size), class: unpooled}
		b.born()
		return b
	}
	b, _ := bufferPools[class].Get().(*Buffer)
	if b == nil {
		b = &Buffer{data: make([]byte, 0, 1<<(minClassBits+class)), class: class}
	}
	b.born()
	return b
}

// FillBuffer returns a Buffer with what fill appends to the empty slice that it is given, which has room for size bytes.
// If that is enough, nothing is copied.
func FillBuffer(size int, fill func(dst []byte) []byte) *Buffer {
	b := GetBuffer(size)
	filled := false
	defer func() {
		if !filled {
			b.Release()
		}
	}()
	p := fill(b.data)
	filled = true
	if begins(p, b.data[:cap(b.data)]) {
		b.data = b.data[:len(p)]
		return b
	}
	other := elsewhere(p, b)
	b.Release()
	return other
}

// classOf returns the smallest class with room for size bytes, or unpooled.
func classOf(size int) int8 {
	switch {
	case size <= 1<<minClassBits:
		return 0
	case size > 1<<maxClassBits:
		return unpooled
	}
	return int8(bits.Len(uint(size-1)) - minClassBits)
}

// Bytes returns the contents. They stay valid while the caller holds a reference, and must not be written to. While
// someone may still append, only they may call it; the slices it gave before stay good for everybody.
func (b *Buffer) Bytes() []byte {
	if b.refs.Load() <= 0 {
		panic("reactor: Bytes of a released Buffer")
	}
	return b.data
}

// Append copies as much of p as there is room for to the end of the contents and returns how much that was. Only one
// holder of a reference may ever append: who created the Buffer, until they hand it on. Bytes that are there already
// stay where and as they are, so that slices of them may be read elsewhere meanwhile.
func (b *Buffer) Append(p []byte) int {
	if b.refs.Load() <= 0 {
		panic("reactor: Append to a released Buffer")
	}
	end := len(b.data)
	n := copy(b.data[end:cap(b.data)], p)
	b.data = b.data[:end+n]
	return n
}

// rewind empties the Buffer, for who may append to it to start over, and reports true; if there are references other
// than the caller's, it does nothing and reports false. Not for what NewBuffer returned.
func (b *Buffer) rewind() bool {
	if b.refs.Load() != 1 {
		return false
	}
	b.data = b.data[:0]
	return true
}

// Room returns how many bytes Append would still take.
func (b *Buffer) Room() int { return cap(b.data) - len(b.data) }

// Retain adds a reference and returns b. The caller must hold one already.
func (b *Buffer) Retain() *Buffer {
	if b.refs.Add(1) <= 1 {
		b.refs.Add(-1) // or a further stray Release would free it a second time
		panic("reactor: Retain of a released Buffer")
	}
	return b
}

// Release gives up one reference of the caller's, with the last of which the Buffer ends: its memory goes back
// to the pools, or the function given to NewBuffer is called.
func (b *Buffer) Release() {
	switch refs := b.refs.Add(-1); {
	case refs > 0:
	case refs == 0:
		b.died()
	default:
		panic("reactor: Release of a Buffer more often than it was retained")
	}
}

func (b *Buffer) born() {
	liveCount.n.Add(1)
	b.refs.Store(1)
}

func (b *Buffer) died() {
	liveCount.n.Add(-1)
	if b.class != unpooled {
		b.data = b.data[:0]
		bufferPools[b.class].Put(b)
		return
	}
	release := b.release
	b.data, b.release = nil, nil
	if release != nil {
		release()
	}
}
