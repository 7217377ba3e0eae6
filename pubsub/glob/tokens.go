package glob

import (
	"math/bits"
	"slices"
)

// A kind says how a part of a pattern takes bytes.
type kind uint8

const (
	literal kind = iota // its run of bytes
	any1                // one byte, whichever
	class               // one byte of its set
	star                // any run of bytes, an empty one too
)

// A set has a bit for each of the 256 bytes.
type set [4]uint64

func (s *set) has(b byte) bool { return s[b>>6]&(1<<(b&63)) != 0 }

func (s *set) add(b byte) { s[b>>6] |= 1 << (b & 63) }

func (s *set) len() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

func (s *set) compare(other *set) int { return slices.Compare(s[:], other[:]) }

// A part is what a pattern is compiled to a list of.
type part struct {
	kind kind
	run  string // of a literal, never empty
	set  *set   // of a class
}

// compile splits a pattern into parts that match the same names, of any length but 0: literals, stars and single
// bytes. Equal parts mean equal verdicts, and simple parts are preferred: [a] is a literal, [^] is any byte, and in a
// run of stars and question marks the star comes last and once, so that it is not tried at more places than needed.
func compile(pattern string) (parts []part) {
	var run []byte
	stars := 0
	flush := func() {
		if len(run) > 0 {
			parts = append(parts, part{kind: literal, run: string(run)})
			run = run[:0]
		}
	}
	one := func(p part) {
		flush()
		if last := len(parts) - 1; last >= 0 && parts[last].kind == star && p.kind == any1 {
			parts = slices.Insert(parts, last, p)
			return
		}
		parts = append(parts, p)
	}
	for p := 0; p < len(pattern); {
		switch c := pattern[p]; {
		case c == '*':
			if p = skipStars(pattern, p); p < len(pattern) {
				stars++
			}
			flush()
			if last := len(parts) - 1; last < 0 || parts[last].kind != star {
				parts = append(parts, part{kind: star})
			}
		case c == '?':
			one(part{kind: any1})
			p++
		case c == '[':
			var s set
			s, p = compileClass(pattern, p)
			switch s.len() {
			case 1:
				run = append(run, s.first())
			case 256:
				one(part{kind: any1})
			default:
				one(part{kind: class, set: &s})
			}
		case c == '\\' && p+1 < len(pattern):
			run = append(run, pattern[p+1])
			p += 2
		default:
			run = append(run, c)
			p++
		}
	}
	flush()
	if stars > MaxStars {
		parts = slices.Insert(parts, 0, part{kind: class, set: new(set)}) // which no byte is in
	}
	return parts
}

func compileClass(pattern string, p int) (s set, next int) {
	negated, p := openClass(pattern, p)
	for {
		low, high, next, more := nextRange(pattern, p)
		if p = next; !more {
			break
		}
		for b := int(low); b <= int(high); b++ {
			s.add(byte(b))
		}
	}
	if negated {
		for i := range s {
			s[i] = ^s[i]
		}
	}
	return s, p
}

func (s *set) first() byte {
	for i, w := range s {
		if w != 0 {
			return byte(i<<6 + bits.TrailingZeros64(w))
		}
	}
	return 0
}

// isLiteral tells if the parts match one name only.
func isLiteral(parts []part) bool {
	return len(parts) == 0 || len(parts) == 1 && parts[0].kind == literal
}
