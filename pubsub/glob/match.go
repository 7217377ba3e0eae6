package glob

import "strings"

// MaxStars is how many runs of stars that something follows Redis accepts in a pattern; one with more matches nothing.
const MaxStars = 1000

// special are the bytes that mean something outside of classes.
const special = `*?[\`

// Match tells if the whole name matches the pattern, exactly as Redis's PSUBSCRIBE and KEYS do. Any bytes may be in
// both. It does not allocate, and takes len(pattern) x len(name) steps at worst.
func Match(pattern, name string) bool {
	if name == "" {
		return pattern == "" // to Redis not even "*" matches the empty name
	}
	p, n := 0, 0
	// Only the last star is ever given more of the name: what an earlier one could make of it, the last one can too.
	retry, from, stars := -1, 0, 0
	for n < len(name) {
		if p < len(pattern) {
			if pattern[p] == '*' {
				if p = skipStars(pattern, p); p == len(pattern) {
					return true
				}
				if stars++; stars > MaxStars {
					return false
				}
				retry, from = p, n
				continue
			}
			if ok, next := matchOne(pattern, p, name[n]); ok {
				p, n = next, n+1
				continue
			}
		}
		if retry < 0 {
			return false
		}
		from++
		p, n = retry, from
	}
	return skipStars(pattern, p) == len(pattern)
}

// IsPattern tells if a name has a byte that is special in a pattern, so that as a pattern it may match other names
// than itself.
func IsPattern(name string) bool { return strings.ContainsAny(name, special) }

// Escape returns the pattern that matches only the name.
func Escape(name string) string {
	if !IsPattern(name) {
		return name
	}
	var b strings.Builder
	for i := range len(name) {
		if strings.IndexByte(special, name[i]) >= 0 {
			b.WriteByte('\\')
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

func skipStars(pattern string, p int) int {
	for p < len(pattern) && pattern[p] == '*' {
		p++
	}
	return p
}

// matchOne matches one byte with what is at p, which is no star, and returns where the next is.
func matchOne(pattern string, p int, b byte) (ok bool, next int) {
	switch c := pattern[p]; {
	case c == '?':
		return true, p + 1
	case c == '[':
		negated, p := openClass(pattern, p)
		for more := true; more; {
			var low, high int8
			if low, high, p, more = nextRange(pattern, p); more {
				ok = ok || low <= int8(b) && int8(b) <= high
			}
		}
		return ok != negated, p
	case c == '\\' && p+1 < len(pattern):
		return pattern[p+1] == b, p + 2
	default:
		return c == b, p + 1 // a backslash at the end is itself
	}
}

// openClass steps over the [ at p, and over a ^ that negates the class.
func openClass(pattern string, p int) (negated bool, next int) {
	if p++; p < len(pattern) && pattern[p] == '^' {
		return true, p + 1
	}
	return false, p
}

// nextRange reads what is at p in a class. It is over after the first ], even if that comes first of all, or where
// the pattern ends. A range is found before a ] that ends it, but after an escape: [a-] goes on, and [\a-z] has no range.
//
// Ranges are of signed bytes, as C's char is on amd64: 0x80 to 0xff come before 0, so [a-\xff] is 0xff and 0 to a.
func nextRange(pattern string, p int) (low, high int8, next int, more bool) {
	at := func(i int) int8 { return int8(pattern[p+i]) }
	left := len(pattern) - p
	switch {
	case left == 0:
		return 0, 0, p, false
	case pattern[p] == '\\' && left >= 2:
		return at(1), at(1), p + 2, true
	case pattern[p] == ']':
		return 0, 0, p + 1, false
	case left >= 3 && pattern[p+1] == '-':
		return min(at(0), at(2)), max(at(0), at(2)), p + 3, true
	default:
		return at(0), at(0), p + 1, true
	}
}
