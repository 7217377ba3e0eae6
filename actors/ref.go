package actors

import (
	"fmt"
	"strings"
)

// A Ref names a connection: to keep, compare, use as a map's key, print, and send. It holds nothing in memory, and it
// never reaches another connection than its own: when that is over, everything done by the Ref answers ErrClosed. The
// zero Ref names none.
type Ref struct {
	node       uint32
	slot       uint32 // loop << 24 | index
	generation uint64
}

// Node is the Options.Node of the System the connection lives in.
func (r Ref) Node() uint32 { return r.node }

// IsZero reports whether the Ref names no connection at all.
func (r Ref) IsZero() bool { return r == Ref{} }

// String is like "troupe:5f3c09aa/1.42#1007": node, loop, slot, generation. ParseRef reads it.
func (r Ref) String() string {
	return fmt.Sprintf("troupe:%08x/%d.%d#%d", r.node, r.slot>>24, r.slot&(1<<24-1), r.generation)
}

// ParseRef reads what Ref.String wrote. Anything else answers ErrBadOption.
func ParseRef(text string) (Ref, error) {
	var r Ref
	var loop, index uint32
	n, err := fmt.Sscanf(text, "troupe:%08x/%d.%d#%d", &r.node, &loop, &index, &r.generation)
	if err != nil || n != 4 || loop > 0xff || index >= 1<<24 {
		return Ref{}, badOption("Ref", text)
	}
	if r.slot = loop<<24 | index; r.String() != strings.TrimSpace(text) || r.String() != text {
		return Ref{}, badOption("Ref", text)
	}
	return r, nil
}

// Ref is the connection's handle. It is the zero Ref while the connection is being dialled.
func (c *Conn) Ref() Ref {
	if c.flags.Load()&flagNamed == 0 {
		return Ref{}
	}
	slot := uint32(c.cell.Loop().Index())<<24 | c.cell.Index()
	return Ref{node: c.config.system.options.Node, slot: slot, generation: c.cell.Generation()}
}

// Conn finds the connection that r names, if that is open. A *Conn should not be kept for long: it holds the memory of
// the connection. Safe from any goroutine.
func (s *System) Conn(r Ref) (*Conn, bool) {
	loops := s.group.Loops()
	loop := int(r.slot >> 24)
	if r.node != s.options.Node || loop >= len(loops) || r.generation == 0 {
		return nil, false
	}
	t, ok := loops[loop].Lookup(r.slot&(1<<24-1), r.generation).(*turner)
	if !ok || (*Conn)(t).Closed() {
		return nil, false
	}
	return (*Conn)(t), true
}

// Send sends msg to the connection that r names; its OnMessage gets it. ErrClosed and ErrMailboxFull say that it was not
// sent. A message that was sent is not served if the connection closes first; then it becomes a dead letter. Safe from
// any goroutine.
func (s *System) Send(r Ref, msg any) error {
	c, ok := s.Conn(r)
	if !ok {
		return ErrClosed
	}
	return c.Send(msg)
}

// Write writes to the connection that r names, like Conn.Write. Safe from any goroutine.
func (s *System) Write(r Ref, p []byte) (int, error) {
	c, ok := s.Conn(r)
	if !ok {
		return 0, ErrClosed
	}
	return c.Write(p)
}

// Do runs f in a turn of the connection that r names, or fallback if that is over: see Conn.Do.
func (s *System) Do(r Ref, f func(*Conn), fallback func()) error {
	c, ok := s.Conn(r)
	if !ok {
		if fallback != nil {
			fallback()
		}
		return ErrClosed
	}
	return c.Do(f, fallback)
}

// Send sends msg to the connection itself: see System.Send.
func (c *Conn) Send(msg any) error {
	if msg == nil {
		return badOption("message", "nil")
	}
	return c.send(msg)
}

func (c *Conn) send(item any) error {
	most := c.config.MaxMailbox
	if x := c.extra.Load(); x != nil {
		most += int(x.handed.Load()) // deliveries have a bound of their own
	}
	return c.mailError(c.cell.Post(item, most))
}
