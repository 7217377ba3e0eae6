package glob

import (
	"hash/maphash"
	"strings"
	"sync/atomic"
	"unsafe"
)

const (
	maxCachedName = 256 // bytes; longer names are matched each time
	cacheWays     = 8   // slots a name may be in: a cache line of pointers
	firstSlots    = 64
)

var seed = maphash.MakeSeed()

func hashOf(name string) uint64 { return maphash.String(seed, name) }

// A cache keeps the results of names, of one snapshot. It begins empty and small, for patterns may change often.
// Nobody waits in it: what two goroutines put at the same time, one may lose.
type cache[V any] struct {
	maxSlots int
	maxBytes int
	table    atomic.Pointer[cacheTable[V]]
}

// A cacheTable has as many slots as it may have entries. A name is in one of the slots of its set.
type cacheTable[V any] struct {
	slots   []atomic.Pointer[cacheEntry[V]]
	ways    int
	entries atomic.Int64
	bytes   atomic.Int64
	turn    atomic.Uint32 // whose it is in a set to make room
	hand    atomic.Uint64 // where to make room for bytes
}

type cacheEntry[V any] struct {
	hash   uint64
	name   string
	values []V
}

func newCache[V any](o Options) *cache[V] {
	slots := 0
	for n := 1; n <= o.MaxCached && n > 0; n *= 2 {
		slots = n
	}
	return &cache[V]{maxSlots: slots, maxBytes: o.MaxCachedBytes}
}

// bytes is about what the entry takes of the heap, with its slot. Its values are counted even if states share them.
func (e *cacheEntry[V]) bytes() int64 {
	return int64(unsafe.Sizeof(*e)) + int64(unsafe.Sizeof(e)) + int64(len(e.name)+15)&^15 +
		int64(len(e.values))*int64(unsafe.Sizeof(*new(V)))
}

func (c *cache[V]) get(hash uint64, name string) (values []V, ok bool) {
	t := c.table.Load()
	if t == nil {
		return nil, false
	}
	set := t.set(hash)
	for i := range set {
		if e := set[i].Load(); e != nil && e.hash == hash && e.name == name {
			return e.values, true
		}
	}
	return nil, false
}

// put keeps a result, unless it alone would take a great part of the memory.
func (c *cache[V]) put(hash uint64, name string, values []V) {
	if c.maxSlots == 0 {
		return
	}
	e := &cacheEntry[V]{hash, name, values}
	size := e.bytes()
	if size > int64(c.maxBytes)/cacheWays {
		return
	}
	e.name = strings.Clone(name)
	t := c.table.Load()
	if t == nil {
		t = newCacheTable[V](min(firstSlots, c.maxSlots))
		if !c.table.CompareAndSwap(nil, t) {
			return
		}
	}
	if len(t.slots) < c.maxSlots && t.full(hash) {
		t = c.grow(t)
	}
	t.put(e, int64(c.maxBytes))
}

// grow replaces the table by a larger one, and returns the current one. What is put in the old one at the same time
// is lost.
func (c *cache[V]) grow(old *cacheTable[V]) *cacheTable[V] {
	t := newCacheTable[V](min(4*len(old.slots), c.maxSlots))
	for i := range old.slots {
		if e := old.slots[i].Load(); e != nil {
			t.put(e, int64(c.maxBytes))
		}
	}
	if c.table.CompareAndSwap(old, t) {
		return t
	}
	return c.table.Load()
}

func (c *cache[V]) size() (entries, bytes int) {
	t := c.table.Load()
	if t == nil {
		return 0, 0
	}
	return int(t.entries.Load()), int(t.bytes.Load())
}

func newCacheTable[V any](slots int) *cacheTable[V] {
	return &cacheTable[V]{slots: make([]atomic.Pointer[cacheEntry[V]], slots), ways: min(cacheWays, slots)}
}

// set returns the slots a hash may be in.
func (t *cacheTable[V]) set(hash uint64) []atomic.Pointer[cacheEntry[V]] {
	first := int(hash) & (len(t.slots) - 1) &^ (t.ways - 1)
	return t.slots[first : first+t.ways]
}

func (t *cacheTable[V]) full(hash uint64) bool {
	set := t.set(hash)
	for i := range set {
		if set[i].Load() == nil {
			return false
		}
	}
	return true
}

// put keeps the entry, in place of another one if all slots of its set are taken. So that the bytes stay within the
// limit, however many goroutines put, it counts the entry first and then throws out others.
func (t *cacheTable[V]) put(e *cacheEntry[V], limit int64) {
	set := t.set(e.hash)
	var slot *atomic.Pointer[cacheEntry[V]]
	for i := range set {
		switch old := set[i].Load(); {
		case old == nil:
			slot = &set[i]
		case old.hash == e.hash && old.name == e.name:
			return // another goroutine was first
		}
	}
	if slot == nil {
		slot = &set[int(t.turn.Add(1))&(t.ways-1)]
	}
	t.bytes.Add(e.bytes())
	for range t.slots {
		if t.bytes.Load() <= limit {
			break
		}
		t.remove(&t.slots[t.hand.Add(1)&uint64(len(t.slots)-1)])
	}
	old := slot.Load()
	if t.bytes.Load() > limit || !slot.CompareAndSwap(old, e) {
		t.bytes.Add(-e.bytes())
	} else if old != nil {
		t.bytes.Add(-old.bytes())
	} else {
		t.entries.Add(1)
	}
}

func (t *cacheTable[V]) remove(slot *atomic.Pointer[cacheEntry[V]]) {
	if old := slot.Load(); old != nil && slot.CompareAndSwap(old, nil) {
		t.entries.Add(-1)
		t.bytes.Add(-old.bytes())
	}
}
