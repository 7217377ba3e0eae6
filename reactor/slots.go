package reactor

import "sync/atomic"

// slots is a loop's table of registered cells. The loop adds and removes; any goroutine may look up. A slot's index
// and the cell's generation together name a cell for ever: indexes are used again, generations are not.
type slots struct {
	chunks atomic.Pointer[[]*slotChunk] // replaced, never changed, when it grows
	free   []uint32                     // the loop's own
	next   uint32                       // the loop's own: the lowest index never used
	used   atomic.Int64
}

const (
	slotChunkBits = 8
	slotChunkSize = 1 << slotChunkBits

	// MaxCells is how many registered cells a loop can hold; it leaves 8 of 32 bits for the loop's index.
	MaxCells = 1 << 24
)

type slotChunk [slotChunkSize]atomic.Pointer[Cell]

func (s *slots) add(c *Cell) (index uint32, ok bool) {
	if n := len(s.free); n > 0 {
		index = s.free[n-1]
		s.free = s.free[:n-1]
	} else {
		if s.next == MaxCells {
			return 0, false
		}
		index = s.next
		s.next++
	}
	s.chunk(index)[index%slotChunkSize].Store(c)
	s.used.Add(1)
	return index, true
}

// chunk finds the chunk of index and makes it where it is missing.
func (s *slots) chunk(index uint32) *slotChunk {
	var have []*slotChunk
	if p := s.chunks.Load(); p != nil {
		have = *p
	}
	if at := int(index >> slotChunkBits); at < len(have) {
		return have[at]
	}
	// Grow by an eighth, so that copying the directory stays a small part of the whole.
	grown := append(make([]*slotChunk, 0, len(have)+1+len(have)/8), have...)
	for len(grown) < cap(grown) {
		grown = append(grown, new(slotChunk))
	}
	s.chunks.Store(&grown)
	return grown[index>>slotChunkBits]
}

func (s *slots) remove(index uint32) {
	s.chunk(index)[index%slotChunkSize].Store(nil)
	s.free = append(s.free, index)
	s.used.Add(-1)
}

// get is the cell at index, or nil. Safe from any goroutine.
func (s *slots) get(index uint32) *Cell {
	p := s.chunks.Load()
	if p == nil {
		return nil
	}
	at := int(index >> slotChunkBits)
	if at >= len(*p) {
		return nil
	}
	return (*p)[at][index%slotChunkSize].Load()
}

// each calls f for every registered cell until f returns false. Safe from any goroutine: it sees every cell that was
// registered all the while.
func (s *slots) each(f func(*Cell) bool) {
	p := s.chunks.Load()
	if p == nil {
		return
	}
	for _, chunk := range *p {
		for i := range chunk {
			if c := chunk[i].Load(); c != nil && !f(c) {
				return
			}
		}
	}
}
