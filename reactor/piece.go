package reactor

import "unsafe"

// A Piece is a part of a Buffer: its bytes, and what keeps them. It has no reference of its own: who keeps it retains
// the Buffer.
type Piece struct {
	Bytes  []byte
	Buffer *Buffer
}

// CopyPiece returns a Piece, with a reference of the caller's, that is a copy of p in a Buffer of its own.
func CopyPiece(p []byte) Piece {
	b := CopyBuffer(p)
	return Piece{b.data[:len(p):len(p)], b}
}

// follows reports whether b begins in memory where a, of the same Buffer, ends.
func (a Piece) follows(b Piece) bool {
	return a.Buffer == b.Buffer && unsafe.Add(unsafe.Pointer(unsafe.SliceData(a.Bytes)), len(a.Bytes)) == unsafe.Pointer(unsafe.SliceData(b.Bytes))
}

// join is a and b, which follows it, as one.
func (a Piece) join(b Piece) Piece {
	return Piece{unsafe.Slice(unsafe.SliceData(a.Bytes), len(a.Bytes)+len(b.Bytes)), a.Buffer}
}

// A Packer puts small pieces that will be sent together one after the other into shared memory, so that they can be
// sent as one. The zero value is ready to use.
type Packer struct {
	chunk *Buffer // counted by one reference
	size  int     // of the chunk
	alone bool    // nothing is packed
}

const (
	packMost  = 512     // bytes; pieces above that stay alone
	packFirst = 512     // the size of the first chunk; each further one is twice as large
	packChunk = 2 << 10 // but no larger than this, so that who keeps one small piece does not keep much else
)

// Pack returns a Piece, with a reference of the caller's, of what fill appends to the empty slice that it is given. There
// is room for size bytes; if that is enough, nothing is copied.
func (p *Packer) Pack(size int, fill func(dst []byte) []byte) Piece {
	if size > packMost || p.alone {
		b := FillBuffer(size, fill)
		return Piece{b.data, b}
	}
	if p.chunk == nil || p.chunk.Room() < size {
		p.grow(size)
	}
	b := p.chunk
	at := len(b.data)
	out := fill(b.data[at:at:cap(b.data)])
	if !begins(out, b.data[at:cap(b.data)]) {
		b = elsewhere(out, b)
		return Piece{b.data[:len(out):len(out)], b}
	}
	b.data = b.data[:at+len(out)]
	return Piece{b.data[at : at+len(out) : at+len(out)], b.Retain()}
}

// Alone says that there is one piece only: it gets memory of its own size.
func (p *Packer) Alone() { p.alone = true }

// Sparse reports whether the piece keeps much more memory than its own.
func (p Piece) Sparse() bool {
	if p.Buffer.class == unpooled {
		return false
	}
	size := 1 << (minClassBits + p.Buffer.class)
	return size > 256 && size > 4*len(p.Bytes)
}

// begins reports whether p lies at the beginning of room.
func begins(p, room []byte) bool {
	return unsafe.SliceData(p) == unsafe.SliceData(room) && len(p) <= len(room)
}

// elsewhere is a Buffer of what was not put where it should be: if it is a part of b all the same, a copy.
func elsewhere(p []byte, b *Buffer) *Buffer {
	if Overlap(p, b.data) {
		return CopyBuffer(p)
	}
	return NewBuffer(p, nil)
}

// Overlap reports whether two slices share memory, spare capacity included.
func Overlap(a, b []byte) bool {
	begin, end := func(p []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(p))) }, func(p []byte) uintptr {
		return uintptr(unsafe.Pointer(unsafe.SliceData(p))) + uintptr(cap(p))
	}
	return cap(a) > 0 && cap(b) > 0 && begin(a) < end(b) && begin(b) < end(a)
}

// Expect makes the next chunk large enough for pieces of size bytes together, as far as chunks may be.
func (p *Packer) Expect(size int) { p.size = min(size, packChunk) / 2 }

func (p *Packer) grow(size int) {
	if p.chunk != nil {
		p.chunk.Release()
	}
	p.size = min(max(2*p.size, packFirst), packChunk)
	p.chunk = GetBuffer(max(p.size, size))
}

// Close gives up the memory that is not used yet. The Packer may be used again.
func (p *Packer) Close() {
	if p.chunk != nil {
		p.chunk.Release()
	}
	*p = Packer{}
}
