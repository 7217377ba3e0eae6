package reactor

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// A Chain is several Pieces, one after the other, that are sent to many connections: each queue holds one entry and one
// reference for all of them, and the vectors for writev are made once.
type Chain struct {
	pieces  []Piece // not empty, nor is any of them; those that follow each other in memory have become one
	vectors []unix.Iovec
	bytes   int
	refs    atomic.Int32
}

// NewChain makes a Chain with one reference, the caller's. It takes references of its own to the Buffers. Empty pieces
// are left out; if nothing is left, it returns nil.
func NewChain(pieces []Piece) *Chain {
	c := &Chain{}
	for _, p := range pieces {
		if len(p.Bytes) == 0 {
			continue
		}
		c.bytes += len(p.Bytes)
		if n := len(c.pieces); n > 0 && c.pieces[n-1].follows(p) {
			c.pieces[n-1] = c.pieces[n-1].join(p)
			continue
		}
		p.Buffer.Retain()
		c.pieces = append(c.pieces, p)
	}
	if c.bytes == 0 {
		return nil
	}
	c.vectors = make([]unix.Iovec, len(c.pieces))
	for i, p := range c.pieces {
		c.vectors[i].Base = &p.Bytes[0]
		c.vectors[i].SetLen(len(p.Bytes))
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
		for _, p := range c.pieces {
			p.Buffer.Release()
		}
	default:
		panic("reactor: Release of a Chain more often than it was retained")
	}
}
