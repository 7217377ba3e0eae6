package line

import (
	"bytes"
	"strings"
	"testing"
)

var encoderCases = []struct{ payload, frame, line string }{
	{"", "\r\n", ""},
	{"hello", "hello\r\n", "hello"},
	{"hello\n", "hello\r\n", "hello"},
	{"hello\r\n", "hello\r\n", "hello"},
	{"hello\r", "hello\r\n", "hello"},
	{"hello\n\r\n", "hello \r\n", "hello "},
	{"\n", "\r\n", ""},
	{"\r\n\r\n", " \r\n", " "},
	{"a\nQUIT\r\nb\rc\n\rd", "a QUIT b c  d\r\n", "a QUIT b c  d"},
	{"a\r\x00b", "a \x00b\r\n", "a \x00b"}, // CR NUL would be an end of line
	{"\x00", "\x00\r\n", "\x00"},
	{"\xff", "\xff\xff\r\n", "\xff"},
	{"a\xff\xfd\x01\xff\n", "a\xff\xff\xfd\x01\xff\xff\r\n", "a\xff\xfd\x01\xff"},
	{"gr\u00fc\u00dfe \x1b[2J", "gr\u00fc\u00dfe \x1b[2J\r\n", "gr\u00fc\u00dfe \x1b[2J"},
}

func TestAppendLine(t *testing.T) {
	for _, test := range encoderCases {
		if got := appendLine([]byte("> "), []byte(test.payload)); string(got) != "> "+test.frame {
			t.Errorf("%q: %q, want %q", test.payload, got, test.frame)
		}
		if got := asLine(test.payload); got != test.line {
			t.Errorf("%q: the model says %q, want %q", test.payload, got, test.line)
		}
	}
}

// asLine is the model: what of a payload a peer of this package gets.
func asLine(payload string) string {
	payload = strings.TrimSuffix(strings.TrimSuffix(payload, "\n"), "\r")
	return strings.NewReplacer("\r\n", " ", "\r", " ", "\n", " ").Replace(payload)
}

// FuzzAppendLine has the cutter read what the encoder wrote: whatever two payloads are, they come out as two lines, and
// nothing in them is a command.
func FuzzAppendLine(f *testing.F) {
	for _, test := range encoderCases {
		f.Add([]byte(test.payload), []byte("second"), []byte{0})
		f.Add([]byte("first"), []byte(test.payload), []byte{2, 0, 1})
	}
	f.Fuzz(func(t *testing.T, first, second, cuts []byte) {
		before := bytes.Clone(first)
		stream := appendLine(appendLine(nil, first), second)
		if !bytes.Equal(first, before) {
			t.Fatal("the payload was changed")
		}
		want := outcome{lines: []string{asLine(string(first)), asLine(string(second))}}
		got := run(Options{MaxLine: 1 + len(first) + len(second)}, cut(stream, cuts)...)
		if !got.equal(want) {
			t.Fatalf("%q, %q as %q: %v, want %v", first, second, stream, got, want)
		}
	})
}

func TestAppendLineAllocations(t *testing.T) {
	room := make([]byte, 0, 100)
	text := []byte("hello\nworld \xff\r\n")
	if n := testing.AllocsPerRun(100, func() { appendLine(room, text) }); n != 0 {
		t.Error(n, "allocations")
	}
}
