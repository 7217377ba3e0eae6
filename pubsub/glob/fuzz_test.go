package glob

import "testing"

// naively is another matcher, as plain as can be: it takes the pattern apart as it goes, and tries all that a star may
// take. It is independent of the package, so that one of the two finds the other's mistakes.
func naively(pattern, name []byte) bool {
	if len(pattern) == 0 {
		return len(name) == 0
	}
	if pattern[0] == '*' {
		for len(pattern) > 0 && pattern[0] == '*' {
			pattern = pattern[1:]
		}
		for n := range len(name) + 1 {
			if naively(pattern, name[n:]) {
				return true
			}
		}
		return false
	}
	if len(name) == 0 {
		return false
	}
	members, rest := one(pattern)
	return members[name[0]] && naively(rest, name[1:])
}

// one tells which bytes the beginning of the pattern matches, and what follows it.
func one(p []byte) (members [256]bool, rest []byte) {
	all := func() {
		for i := range members {
			members[i] = !members[i]
		}
	}
	first := p[0]
	p = p[1:]
	switch first {
	case '?':
		all()
	case '\\':
		if len(p) == 0 {
			members['\\'] = true
			break
		}
		members[p[0]] = true
		p = p[1:]
	case '[':
		not := len(p) > 0 && p[0] == '^'
		if not {
			p = p[1:]
		}
		for len(p) > 0 {
			if p[0] == ']' {
				p = p[1:]
				break
			}
			if p[0] == '\\' && len(p) > 1 {
				members[p[1]] = true
				p = p[2:]
			} else if len(p) > 2 && p[1] == '-' {
				for b := range 256 {
					if from, to, at := int8(p[0]), int8(p[2]), int8(b); from <= at && at <= to || to <= at && at <= from {
						members[b] = true
					}
				}
				p = p[3:]
			} else {
				members[p[0]] = true
				p = p[1:]
			}
		}
		if not {
			all()
		}
	default:
		members[first] = true
	}
	return members, p
}

func FuzzMatch(f *testing.F) {
	for i, r := range rows(f) {
		if i%100 == 0 {
			f.Add(r.pattern, r.name)
		}
	}
	for _, q := range quirks {
		for _, name := range append(q.yes, q.no...) {
			if len(name) < 100 {
				f.Add(q.pattern, name)
			}
		}
	}
	f.Fuzz(func(t *testing.T, pattern, name string) {
		if len(pattern) > 24 || len(name) > 24 { // naively is exponential
			return
		}
		want := naively([]byte(pattern), []byte(name)) && (name != "" || pattern == "")
		if got := Match(pattern, name); got != want {
			t.Errorf("Match(%q, %q) = %v", pattern, name, got)
		}
		if escaped := Escape(pattern); !Match(escaped, pattern) || name != pattern && Match(escaped, name) {
			t.Errorf("Escape(%q) = %q", pattern, escaped)
		}
		if !IsPattern(pattern) && Match(pattern, name) != (pattern == name) {
			t.Errorf("%q is a pattern", pattern)
		}
	})
}

// FuzzIndex reads operations: a byte that says which, a byte for the length of a text, and the text.
func FuzzIndex(f *testing.F) {
	f.Add(uint8(0), []byte("\x00\x03a*b\x02\x03aab\x01\x03a*b\x02\x02ab"))
	f.Add(uint8(1), []byte("\x00\x01*\x00\x02**\x00\x02?*\x02\x00\x02\x01a\x00\x00\x02\x00"))
	f.Add(uint8(2), []byte("\x00\x06*a*b*c\x00\x04*a*b\x00\x04*a*d\x00\x03*a*\x03\x00\x02\x06abcabd\x01\x03*a*\x02\x04aabb"))
	f.Add(uint8(3), []byte("\x00\x03abc\x00\x03abd\x00\x04ab\\c\x00\x05[a]bc\x02\x03abc\x01\x03abd\x02\x03abd"))
	f.Add(uint8(4), []byte("\x00\x05[a-c]\x00\x05[^ab]\x00\x02[]\x00\x02[^\x00\x04a[b-\x03\x00\x02\x01a\x02\x01b\x02\x02a-\x02\x01c"))
	f.Add(uint8(5), []byte("\x00\x07*aab*ab\x00\x07*aab*aa\x00\x06*ab*?b\x03\x00\x02\x0aaabaabaabb\x02\x08abababab\x02\x08aaaaaaaa"))
	f.Fuzz(func(t *testing.T, options uint8, ops []byte) {
		if len(ops) > 512 {
			return
		}
		x := New[int](tiny[int(options)%len(tiny)])
		m := model{}
		for value := 1; len(ops) >= 2; value++ {
			op, n := ops[0], min(int(ops[1]), len(ops)-2)
			text := string(ops[2 : 2+n])
			ops = ops[2+n:]
			switch op % 4 {
			case 0:
				old, replaced := x.Set(text, value)
				if was, had := m[text]; was != old || had != replaced {
					t.Fatalf("Set(%q) = %d, %v, want %d, %v", text, old, replaced, was, had)
				}
				m[text] = value
			case 1:
				old, deleted := x.Delete(text)
				if was, had := m[text]; was != old || had != deleted {
					t.Fatalf("Delete(%q) = %d, %v, want %d, %v", text, old, deleted, was, had)
				}
				delete(m, text)
			case 2:
				for range 2 { // seen for the first time, and again
					if d := m.differs(x, text); d != "" {
						t.Fatal(d)
					}
				}
			case 3:
				eagerly(x)
			}
			check(t, x)
		}
	})
}
