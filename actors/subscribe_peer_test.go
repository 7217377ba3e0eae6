package actors_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"
)

// A subscribePeer is the other end, and what it knows of its subscriptions.
type subscribePeer struct {
	t       testing.TB
	c       net.Conn
	rng     *rand.Rand
	r       *bufio.Reader
	subs    map[string]*subscribeStream // by ID
	streams map[string]*subscribeStream // by kind and channel
	proto   int
	pending int // the protocol that is about to take over, or 0
	next    int
	got     int
	kinds   int // that it may use
}

type subscribeStream struct {
	id, key      string
	from, last   uint64 // 0 for unknown
	holes        uint64
	ended, begun bool
}

// excused is how many messages may be missing still. To a pattern each publisher may have looked just before it was there,
// and be late with its number.
func (s *subscribeStream) excused() uint64 {
	if s.key[0] != 'p' {
		return 0
	}
	return subscribePublishers - s.holes
}

const subscribePublishers = 2

var subscribeChannels = []string{"aa", "bb", "cc"}

func (p *subscribePeer) send(format string, args ...any) {
	fmt.Fprintf(p.c, format+"\n", args...) // an error shows when reading
}

// subscribe begins a stream of some kind, unless there is one.
func (p *subscribePeer) subscribe() {
	kind, name := []string{"d", "d", "e", "h", "p", "b"}[p.rng.IntN(p.kinds)], subscribeChannels[p.rng.IntN(len(subscribeChannels))]
	key := kind + " " + name
	if p.streams[key] != nil {
		return
	}
	p.next++
	s := &subscribeStream{id: fmt.Sprint(p.next), key: key}
	p.streams[key], p.subs[s.id] = s, s
	p.send("sub %s %s %s", s.id, kind, name)
}

func (p *subscribePeer) unsubscribe() {
	for _, s := range p.streams {
		if s.begun && !s.ended {
			s.ended = true
			p.send("del %s", s.id)
			return
		}
	}
}

// line checks one line of the server's.
func (p *subscribePeer) line(line string) {
	w := strings.Fields(line)
	switch w[0] {
	case "msg":
		p.message(w)
	case "sub":
		s := p.subs[w[1]]
		fmt.Sscan(w[2], &s.from)
		s.begun = true
	case "del":
		s := p.subs[w[1]]
		var least, most uint64
		fmt.Sscan(w[2], &least)
		fmt.Sscan(w[3], &most)
		if s.ended && (s.last > most || s.last+s.excused() < least && least >= s.from) {
			p.t.Errorf("%s from %d ended at %d, want %d to %d", s.key, s.from, s.last, least, most)
		}
		delete(p.subs, s.id)
		delete(p.streams, s.key)
	case "swap":
		p.pending = 0
		fmt.Sscan(w[1], &p.proto)
	default:
		p.t.Errorf("got %q", line)
	}
}

func (p *subscribePeer) message(w []string) {
	kind := w[1]
	if kind[0] == 'd' {
		if p.pending > 0 && kind == fmt.Sprint("d", p.pending) { // its OnOpen may follow; the old one's frames may not
			p.proto = p.pending
		}
		if kind != fmt.Sprint("d", p.proto) {
			p.t.Errorf("a frame for %s came to protocol %d", kind, p.proto)
		}
		kind = "d"
	}
	var n uint64
	fmt.Sscan(w[3], &n)
	s := p.streams[kind+" "+w[2]]
	switch {
	case s == nil:
		p.t.Errorf("%v, and it was not subscribed to", w[:4])
		return
	case s.last > 0 && n <= s.last || s.last > 0 && n > s.last+1+s.excused():
		p.t.Errorf("%s: message %d after %d", s.key, n, s.last)
	case s.last == 0 && s.from > 0 && n > s.from+s.excused():
		p.t.Errorf("%s: begins at %d, want %d", s.key, n, s.from)
	}
	if s.last > 0 {
		s.holes += n - s.last - 1
	} else if s.from > 0 && n > s.from {
		s.holes += n - s.from
	}
	if len(w) != 5 || w[4] != "bomb" && w[4] != subscribePayload(w[4]) {
		p.t.Errorf("garbled: %q", w)
	}
	s.last = n
	p.got++
}

// subscribePayload is what a payload should be: its first letter so many times as it is long.
func subscribePayload(p string) string { return strings.Repeat(p[:1], len(p)) }

// life is one connection from its beginning to one end or another. It returns how many messages came.
func (p *subscribePeer) life(clean bool) (got int) {
	p.c.SetDeadline(time.Now().Add(patience))
	if p.kinds = 6; clean {
		p.kinds = 5
	}
	for steps := p.rng.IntN(80); steps > 0; steps-- {
		switch p.rng.IntN(10) {
		case 0, 1, 2:
			p.subscribe()
		case 3:
			p.unsubscribe()
		case 4:
			if p.pending == 0 {
				p.pending = p.proto%2 + 1
				p.send("swap %d", p.pending)
			}
		}
		for range 1 + p.rng.IntN(30) {
			for len(p.streams) == 0 { // or nothing may come
				p.subscribe()
			}
			line, err := p.r.ReadString('\n')
			if err != nil { // a Handler has panicked
				if errors.Is(err, errDeadline) {
					p.t.Errorf("stuck: %+v, swap under way: %d", p.streams, p.pending)
					for _, s := range p.streams {
						p.t.Errorf("%+v", *s)
					}
				}
				return p.got
			}
			p.line(line[:len(line)-1])
		}
	}
	end := p.rng.IntN(6)
	switch {
	case clean || end == 0:
		p.send("close")
	case end == 1:
		p.c.Close()
		return p.got
	case end == 2:
		reset(p.t, p.c)
		return p.got
	case end == 3:
		p.c.(*net.TCPConn).CloseWrite()
	default:
		p.send([]string{"panic", "kill"}[end-4])
	}
	for {
		line, err := p.r.ReadString('\n')
		if err != nil {
			if errors.Is(err, errDeadline) {
				p.t.Errorf("stuck at the end")
			}
			if clean && (err != io.EOF || line != "") {
				p.t.Errorf("a clean end: %v after %q", err, line)
			}
			break
		}
		p.line(line[:len(line)-1])
	}
	p.c.Close()
	return p.got
}
