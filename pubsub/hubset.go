package pubsub

import (
	"math/bits"
	"sync/atomic"

	"github.com/troupe-go/troupe/reactor"
)

const hubWords = reactor.MaxLoops / 64

// A hubSet says on which loops an audience has subscriptions.
type hubSet [hubWords]atomic.Uint64

func (s *hubSet) set(i int) {
	if w, bit := &s[i/64], uint64(1)<<(i%64); w.Load()&bit == 0 {
		w.Or(bit)
	}
}

func (s *hubSet) clear() {
	for i := range s {
		s[i].Store(0)
	}
}

// hubBits is a set of hubs of the moment.
type hubBits [hubWords]uint64

func (s *hubBits) set(i int) { s[i/64] |= 1 << (i % 64) }

func (s *hubBits) add(o *hubSet) {
	for i := range s {
		s[i] |= o[i].Load()
	}
}

func (s *hubBits) len() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

func (s *hubBits) merge(o hubBits) {
	for i := range s {
		s[i] |= o[i]
	}
}

// each calls yield for each hub in the set.
func (s *hubBits) each(yield func(int) bool) {
	for i, w := range s {
		for ; w != 0; w &= w - 1 {
			if !yield(i*64 + bits.TrailingZeros64(w)) {
				return
			}
		}
	}
}
