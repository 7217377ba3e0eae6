package glob

// counters are small numbers by ids: a hash table that is emptied in no time, and as large as it ever had to be.
type counters struct {
	slots []counter
	used  int
	round uint32 // slots of other rounds are empty
}

type counter struct {
	id    uint64
	round uint32
	count int32
}

// reset removes all.
func (c *counters) reset() {
	c.used = 0
	if c.round++; c.round == 0 { // after 2^32 rounds, old slots would seem new
		clear(c.slots)
		c.round = 1
	}
}

// slot returns the id's, or the one to put it in.
func (c *counters) slot(id uint64) *counter {
	mask := uint64(len(c.slots) - 1)
	for i := id * 0x9E3779B97F4A7C15 >> 32; ; i++ {
		if s := &c.slots[i&mask]; s.round != c.round || s.id == id {
			return s
		}
	}
}

// add begins a count, unless the id has one.
func (c *counters) add(id uint64, count int) (added bool) {
	if 2*c.used >= len(c.slots) {
		c.grow()
	}
	s := c.slot(id)
	if s.round == c.round {
		return false
	}
	*s = counter{id, c.round, int32(count)}
	c.used++
	return true
}

// decrement counts down an id that was added.
func (c *counters) decrement(id uint64) int32 {
	s := c.slot(id)
	s.count--
	return s.count
}

// get returns the count of an id that was added.
func (c *counters) get(id uint64) int32 { return c.slot(id).count }

func (c *counters) grow() {
	old := c.slots
	c.slots = make([]counter, max(16, 2*len(old)))
	for _, s := range old {
		if s.round == c.round {
			*c.slot(s.id) = s
		}
	}
}
