package reactor

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A Chain is several Buffers, one after the other, that are sent to many connections: each queue holds one entry and
// one reference for all of them, and the vectors for writev are made once.
type Chain struct {
	pieces  []*Buffer // not empty, nor is any of them
	vectors []unix.Iovec
	bytes   int
	refs    atomic.Int32
}

// NewChain makes a Chain with one reference, the caller's. It takes a reference of its own to each piece. Empty pieces
// are left out; if nothing is left, it returns nil.
func NewChain(pieces []*Buffer) *Chain {
	c := &Chain{pieces: make([]*Buffer, 0, len(pieces)), vectors: make([]unix.Iovec, 0, len(pieces))}
	for _, b := range pieces {
		p := b.Bytes()
		if len(p) == 0 {
			continue
		}
		c.pieces = append(c.pieces, b.Retain())
		v := unix.Iovec{Base: &p[0]}
		v.SetLen(len(p))
		c.vectors = append(c.vectors, v)
		c.bytes += len(p)
	}
	if c.bytes == 0 {
		return nil
	}
	c.refs.Store(1)
	return c
}

// Len is how many bytes there are in all.
func (c *Chain) Len() int { return c.bytes }

func (c *Chain) retain() *Chain {
	c.refs.Add(1)
	return c
}

// Release gives up one reference of the caller's; the last one releases the pieces.
func (c *Chain) Release() {
	switch refs := c.refs.Add(-1); {
	case refs > 0:
	case refs == 0:
		for _, b := range c.pieces {
			b.Release()
		}
	default:
		panic("reactor: Release of a Chain more often than it was retained")
	}
}
