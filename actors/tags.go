package actors

import (
	"hash/maphash"
	"slices"
	"sync"
)

// tags names connections by strings that are unique in the System (feature C17).
type tags struct {
	seed   maphash.Seed
	shards [64]tagShard
}

type tagShard struct {
	sync.Mutex
	conns map[string]*Conn
}

// MaxTag is the length in bytes of the longest tag.
const MaxTag = 1024

func (t *tags) init() { t.seed = maphash.MakeSeed() }

func (t *tags) shard(tag string) *tagShard {
	return &t.shards[maphash.String(t.seed, tag)%uint64(len(t.shards))]
}

// TagTaken is the message to a connection that lost a tag to another one, by TakeTag.
type TagTaken struct {
	Tag string
	By  Ref
}

// SetTag names the connection: System.Tagged finds it by the tag, until it closes or drops the tag. A connection may
// have several. If another connection has the tag, ErrTagTaken is answered. Tags are 1 to MaxTag bytes; others answer
// ErrBadOption.
func (c *Conn) SetTag(tag string) error {
	_, err := c.setTag(tag, false)
	return err
}

// TakeTag is SetTag, but takes the tag from a connection that has it, atomically: at every moment at most one has it.
// The connection that lost it is sent a TagTaken message, so that it can say goodbye; its Ref is returned, zero if there
// was none.
func (c *Conn) TakeTag(tag string) (from Ref, err error) {
	loser, err := c.setTag(tag, true)
	if loser == nil {
		return Ref{}, err
	}
	from = loser.Ref()
	loser.Send(TagTaken{Tag: tag, By: c.Ref()})
	return from, err
}

func (c *Conn) setTag(tag string, take bool) (loser *Conn, err error) {
	if tag == "" || len(tag) > MaxTag {
		return nil, badOption("tag of length", len(tag))
	}
	s := c.config.system.tags.shard(tag)
	s.Lock()
	defer s.Unlock()
	have := s.conns[tag]
	if have == c {
		return nil, nil
	}
	if have != nil && have.Closed() { // its end is under way
		have.dropTag(tag)
		delete(s.conns, tag)
		have = nil
	}
	if have != nil && !take {
		return nil, ErrTagTaken
	}
	// The connection's end clears its tags after it has set the flag that is looked at here, under both locks.
	c.cell.Lock()
	if c.flags.Load()&flagsEnd != 0 {
		c.cell.Unlock()
		return nil, ErrClosed
	}
	x := c.more()
	x.tags = append(x.tags, tag)
	c.cell.Unlock()
	if have != nil {
		have.dropTag(tag)
	}
	if s.conns == nil {
		s.conns = make(map[string]*Conn)
	}
	s.conns[tag] = c
	return have, nil
}

// dropTag takes the tag from the connection's own list.
func (c *Conn) dropTag(tag string) {
	c.cell.Lock()
	defer c.cell.Unlock()
	x := c.more()
	if i := slices.Index(x.tags, tag); i >= 0 {
		x.tags = slices.Delete(x.tags, i, i+1)
	}
}

// DropTag takes a tag from the connection and reports whether it had it.
func (c *Conn) DropTag(tag string) bool {
	s := c.config.system.tags.shard(tag)
	s.Lock()
	defer s.Unlock()
	if s.conns[tag] != c {
		return false
	}
	delete(s.conns, tag)
	c.dropTag(tag)
	return true
}

// Tags are the connection's tags, in the order in which they were set.
func (c *Conn) Tags() []string {
	c.cell.Lock()
	defer c.cell.Unlock()
	if x := c.extra.Load(); x != nil {
		return slices.Clone(x.tags)
	}
	return nil
}

// forget takes all its tags from a connection that is over.
func (t *tags) forget(c *Conn) {
	for _, tag := range c.Tags() {
		c.DropTag(tag)
	}
}

// Tagged finds the connection that has the tag.
func (s *System) Tagged(tag string) (*Conn, bool) {
	shard := s.tags.shard(tag)
	shard.Lock()
	defer shard.Unlock()
	c, ok := shard.conns[tag]
	return c, ok && !c.Closed()
}

// SendTag sends msg to the connection that has the tag. ErrNoSuchTag, ErrClosed and ErrMailboxFull say that it was not
// sent.
func (s *System) SendTag(tag string, msg any) error {
	c, ok := s.Tagged(tag)
	if !ok {
		return ErrNoSuchTag
	}
	return c.Send(msg)
}
