package line

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
)

// An outcome is what a peer's stream comes to.
type outcome struct {
	lines   []string
	replies string
	err     error
	rest    string // not consumed
}

// run shows a cutter the pieces of a stream as a connection does: what was not consumed comes again.
func run(o Options, pieces ...[]byte) (out outcome) {
	c := newCutter(o)
	var kept, scratch []byte
	for _, p := range pieces {
		kept = append(kept, p...)
		w := c.open(kept, scratch)
		for ok := true; ok && out.err == nil; {
			var line []byte
			line, ok, out.err = w.next()
			if ok {
				out.lines = append(out.lines, string(line))
			}
		}
		out.replies += string(w.replies)
		kept = slices.Delete(kept, 0, w.close())
		if out.err != nil {
			break
		}
	}
	out.rest = string(kept)
	return out
}

func (o outcome) String() string {
	return fmt.Sprintf("lines %+q, replies %+q, error %v, left %+q", o.lines, o.replies, o.err, o.rest)
}

func (o outcome) equal(p outcome) bool {
	return slices.Equal(o.lines, p.lines) && o.replies == p.replies && o.rest == p.rest &&
		(o.err == p.err || o.err != nil && p.err != nil && o.err.Error() == p.err.Error())
}

var lineCases = []struct {
	name, stream string
	lines        []string
	replies      string
	rest         string
}{
	{"LF", "a\nb\n", []string{"a", "b"}, "", ""},
	{"CR LF", "a\r\nb\r\n", []string{"a", "b"}, "", ""},
	{"CR NUL", "a\r\x00b\r\x00", []string{"a", "b"}, "", ""},
	{"empty", "\n\r\n\n\r\x00", []string{"", "", "", ""}, "", ""},
	{"bare CR", "a\rb\r\r\n", []string{"a\rb\r"}, "", ""},
	{"unfinished", "a\nbc", []string{"a"}, "", "bc"},
	{"command in front", "\xff\xfd\x01a\n", []string{"a"}, "\xff\xfc\x01", ""},
	{"command within", "a\xff\xfd\x01b\n", []string{"ab"}, "\xff\xfc\x01", ""},
	{"command after", "a\n\xff\xfd\x01", []string{"a"}, "\xff\xfc\x01", ""},
	{"command in the end", "a\r\xff\xfd\x01\nb", []string{"a"}, "\xff\xfc\x01", "b"},
	{"unfinished with a command", "a\nb\xff\xfd\x01\xff\xfb\x02c", []string{"a"}, "\xff\xfc\x01\xff\xfe\x02", "b\xff\xfd\x01\xff\xfb\x02c"},
	{"half a command", "a\n\xff\xfd", []string{"a"}, "", "\xff\xfd"},
	{"half a subnegotiation", "a\n\xff\xfa\x18\n\n", []string{"a"}, "", "\xff\xfa\x18\n\n"},
	{"line ends in a subnegotiation", "a\xff\xfa\x18\n\xff\xff\xff\xf0b\n", []string{"ab"}, "", ""},
	{"doubled IAC in front", "\xff\xffa\n", []string{"\xffa"}, "", ""},
	{"doubled IACs", "\xff\xff\n\xff\xff\xff\xff\n\xff\xff", []string{"\xff", "\xff\xff"}, "", "\xff\xff"},
	{"many commands", strings.Repeat("\xff\xfd\x01\xff\xfd\x02", 9) + "a\n", []string{"a"}, "\xff\xfc\x01\xff\xfc\x02", ""},
	{"NUL in a line", "a\x00b\n", []string{"a\x00b"}, "", ""},
	{"just not too long", "12345678\r\n12345678\n", []string{"12345678", "12345678"}, "", ""},
	{"just not too long, doubled", strings.Repeat("\xff\xff", 8) + "\r\n", []string{strings.Repeat("\xff", 8)}, "", ""},
}

// TestLines cuts each case in every way into three pieces.
func TestLines(t *testing.T) {
	o := Options{MaxLine: 8}
	for _, test := range lineCases {
		want := outcome{lines: test.lines, replies: test.replies, rest: test.rest}
		stream := []byte(test.stream)
		for i := range len(stream) + 1 {
			for j := i; j <= len(stream); j++ {
				if got := run(o, stream[:i], stream[i:j], stream[j:]); !got.equal(want) {
					t.Fatalf("%s, cut at %d and %d: %v, want %v", test.name, i, j, got, want)
				}
			}
		}
	}
}

func TestTooLong(t *testing.T) {
	for _, test := range []struct {
		name, stream string
		lines        []string
	}{
		{"line", "ok\n123456789\nno\n", []string{"ok"}},
		{"line with CR LF", "123456789\r\n", nil},
		{"unfinished", "ok\n1234567890", []string{"ok"}},
		{"with a command", "1234\xff\xf1567890", nil},
		{"subnegotiation without an end", "ok\n\xff\xfa" + strings.Repeat("x", 2000), []string{"ok"}},
		{"subnegotiation in front", "\xff\xfa" + strings.Repeat("x", 2000) + "\xff\xf0a\n", nil},
		{"subnegotiation within", "a\xff\xfa" + strings.Repeat("x", 2000) + "\xff\xf0\n", nil},
		{"commands within", "a" + strings.Repeat("\xff\xf1", 1000) + "\n", nil},
		{"commands in an unfinished line", "a" + strings.Repeat("\xff\xf1", 1000), nil},
	} {
		for _, cuts := range [][]byte{nil, {0}, {1, 2, 3}, {200}} {
			got := run(Options{MaxLine: 8}, cut([]byte(test.stream), cuts)...)
			if !errors.Is(got.err, ErrTooLong) || !slices.Equal(got.lines, test.lines) {
				t.Errorf("%s, cut by %v: %q %v, want %q", test.name, cuts, got.lines, got.err, test.lines)
			}
		}
	}
	long := strings.Repeat("x", DefaultMaxLine)
	if got := run(Options{}, []byte(long+"\r\n"+long+"\n")); got.err != nil || len(got.lines) != 2 {
		t.Error("the default limit:", len(got.lines), got.err)
	}
	if got := run(Options{}, []byte(long+"x\n")); !errors.Is(got.err, ErrTooLong) {
		t.Error("over the default limit:", got.err)
	}
}

// TestSplit uses other splitters than ScanLines, well-behaved ones and others.
func TestSplit(t *testing.T) {
	bad := errors.New("bad")
	constant := func(advance int, line []byte, err error) bufio.SplitFunc {
		return func([]byte, bool) (int, []byte, error) { return advance, line, err }
	}
	for _, test := range []struct {
		name   string
		split  bufio.SplitFunc
		stream string
		want   outcome
	}{
		{"words", bufio.ScanWords, "  ab \xff\xf1cd ef", outcome{lines: []string{"ab", "cd"}, rest: "ef"}},
		{"blanks only", bufio.ScanWords, strings.Repeat(" ", 100) + "a ", outcome{lines: []string{"a"}}},
		{"runes", bufio.ScanRunes, "aä\xff\xff\xff\xf1b", outcome{lines: []string{"a", "ä", "\xef\xbf\xbd", "b"}}},
		{"at CR", atCR, "a\rb\r\x00c\r", outcome{lines: []string{"a", "b", "\nc"}}},
		{"error", constant(0, nil, bad), "ab", outcome{err: bad, rest: "ab"}},
		{"final", constant(1, []byte("x"), bufio.ErrFinalToken), "ab", outcome{lines: []string{"x"}, err: io.EOF, rest: "b"}},
		{"final without a line", constant(0, nil, bufio.ErrFinalToken), "ab", outcome{err: io.EOF, rest: "ab"}},
		{"backwards", constant(-1, nil, nil), "ab", outcome{err: bufio.ErrNegativeAdvance, rest: "ab"}},
		{"too far", constant(3, nil, nil), "ab", outcome{err: bufio.ErrAdvanceTooFar, rest: "ab"}},
	} {
		if got := run(Options{Split: test.split, MaxLine: 8}, []byte(test.stream)); !got.equal(test.want) {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
	if got := run(Options{Split: constant(0, []byte{}, nil)}, []byte("a")); !errors.Is(got.err, io.ErrNoProgress) {
		t.Error("no progress:", got.err)
	}
}

// atCR splits at each CR. The NUL of CR NUL comes when its line is gone.
func atCR(data []byte, _ bool) (int, []byte, error) {
	if i := bytes.IndexByte(data, '\r'); i >= 0 {
		return i + 1, data[:i], nil
	}
	return 0, nil, nil
}

// reference is what a stream comes to by the model: without windows, at once.
func reference(stream []byte, maxLine int) (lines []string, tooLong bool) {
	text, _ := model(stream)
	for {
		line, rest, ok := bytes.Cut(text, []byte("\n"))
		if !ok {
			return lines, len(text) > maxLine+1
		}
		if line = bytes.TrimSuffix(line, []byte("\r")); len(line) > maxLine {
			return lines, true
		}
		lines, text = append(lines, string(line)), rest
	}
}

func FuzzLines(f *testing.F) {
	for _, test := range lineCases {
		f.Add([]byte(test.stream), []byte{0})
		f.Add([]byte(test.stream), []byte{2, 0, 1})
	}
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		if len(stream) > 1000 { // so that commands are never too many
			return
		}
		o := Options{MaxLine: 8}
		whole, pieces := run(o, stream), run(o, cut(stream, cuts)...)
		if !slices.Equal(whole.lines, pieces.lines) || (whole.err == nil) != (pieces.err == nil) ||
			whole.err == nil && (whole.rest != pieces.rest || whole.replies != pieces.replies) {
			t.Fatalf("%q: %v, in pieces %v", stream, whole, pieces)
		}
		lines, tooLong := reference(stream, o.MaxLine)
		if !slices.Equal(whole.lines, lines) || (whole.err != nil) != tooLong {
			t.Fatalf("%q: %v, want %q, too long %v", stream, whole, lines, tooLong)
		}
		// What is left is raw and complete: its text is the end of the whole text.
		if text, _ := model(stream); whole.err == nil {
			if rest, _ := model([]byte(whole.rest)); !bytes.HasSuffix(text, rest) {
				t.Fatalf("%q: left %q", stream, whole.rest)
			}
		}
	})
}

func TestAllocations(t *testing.T) {
	for name, stream := range map[string]string{
		"plain":  strings.Repeat("hello, world\r\n", 100),
		"telnet": strings.Repeat("hello\xff\xf1, \xff\xffworld\r\x00\xff\xfd\x03", 100),
	} {
		c := newCutter(Options{})
		scratch := make([]byte, 0, len(stream))
		var replies []byte
		raw := []byte(stream)
		lines := 0
		pass := func() {
			w := c.open(raw, scratch)
			w.replies = replies[:0]
			for ok := true; ok; {
				if _, ok, _ = w.next(); ok {
					lines++
				}
			}
			replies = w.replies
			w.close()
		}
		if n := testing.AllocsPerRun(100, pass); n != 0 || lines != 101*100 {
			t.Errorf("%s: %v allocations, %d lines", name, n, lines)
		}
	}
}

func BenchmarkLines(b *testing.B) {
	for name, stream := range map[string]string{
		"plain":  strings.Repeat("hello, world\r\n", 1000),
		"telnet": strings.Repeat("hello, world\r\n", 999) + "hello, world\xff\xf1\r\n",
	} {
		b.Run(name, func(b *testing.B) {
			c := newCutter(Options{})
			scratch := make([]byte, 0, len(stream))
			raw := []byte(stream)
			b.SetBytes(int64(len(raw)))
			b.ReportAllocs()
			for b.Loop() {
				w := c.open(raw, scratch)
				for ok := true; ok; {
					_, ok, _ = w.next()
				}
				w.close()
			}
		})
	}
}
