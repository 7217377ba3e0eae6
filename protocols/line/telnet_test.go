package line

import (
	"bytes"
	"slices"
	"testing"
)

// strip collects what a Stripper makes of pieces.
func strip(pieces ...[]byte) (text []byte, commands []Command) {
	var s Stripper
	for _, p := range pieces {
		for len(p) > 0 {
			n, t, c := s.Next(p)
			text = append(text, t...)
			if c != (Command{}) {
				commands = append(commands, c)
			}
			p = p[n:]
		}
	}
	return text, commands
}

// model is the reference for Stripper: telnet as RFC 854 has it, on the whole stream at once, without any state.
func model(stream []byte) (text []byte, commands []Command) {
	cr := false
	emit := func(b byte) { text, cr = append(text, b), b == '\r' }
	for len(stream) > 0 {
		b := stream[0]
		switch {
		case b == 0 && cr:
			emit('\n')
			stream = stream[1:]
		case b != 255:
			emit(b)
			stream = stream[1:]
		case len(stream) == 1:
			return text, commands
		case stream[1] == 255:
			emit(255)
			stream = stream[2:]
		case stream[1] >= 251: // WILL, WONT, DO, DONT
			if len(stream) == 2 {
				return text, commands
			}
			commands = append(commands, Command{stream[1], stream[2]})
			stream = stream[3:]
		case stream[1] == 250: // SB
			end := endOfContent(stream[2:])
			if end < 0 {
				return text, commands
			}
			commands = append(commands, Command{Code: 250})
			stream = stream[2+end:]
		default:
			if stream[1] != 0 { // which would be the zero Command
				commands = append(commands, Command{Code: stream[1]})
			}
			stream = stream[2:]
		}
	}
	return text, commands
}

// endOfContent is where IAC SE ends, counting pairs, so that the second IAC of a doubled one begins none.
func endOfContent(content []byte) int {
	for i := 0; i+1 < len(content); i++ {
		if content[i] != 255 {
			continue
		}
		if content[i+1] == 240 {
			return i + 2
		}
		i++
	}
	return -1
}

var telnetCases = []struct {
	name, stream, text string
	commands           []Command
}{
	{"nothing", "", "", nil},
	{"text", "hello\r\n", "hello\r\n", nil},
	{"doubled IAC", "a\xff\xffb", "a\xffb", nil},
	{"two doubled IACs", "\xff\xff\xff\xff", "\xff\xff", nil},
	{"negotiations", "\xff\xfb\x01\xff\xfc\x02\xff\xfd\x03\xff\xfe\x04", "",
		[]Command{{will, 1}, {wont, 2}, {do, 3}, {dont, 4}}},
	{"option 255", "a\xff\xfd\xffb", "ab", []Command{{do, 255}}},
	{"option 0", "\xff\xfb\x00", "", []Command{{will, 0}}},
	{"commands of two bytes", "ab\xff\xf4\xff\xf1\xff\xf0c", "abc", []Command{{Code: 244}, {Code: 241}, {Code: 240}}},
	{"unknown command", "a\xff\x00b\xff\x80c", "abc", []Command{{Code: 128}}},
	{"subnegotiation", "a\xff\xfa\x1f\x00\x50\x00\x18\xff\xf0b", "ab", []Command{{Code: sb}}},
	{"IAC within", "\xff\xfa\x1f\xff\xff\xf0\r\n\xff\xf0b", "b", []Command{{Code: sb}}},
	{"garbage within", "\xff\xfa\x1f\xff\xfb\x01x\xff\xf0b", "b", []Command{{Code: sb}}},
	{"doubled IAC, then SE as content", "\xff\xfa\xff\xff\xff\xff\xf0\xff\xf0b", "b", []Command{{Code: sb}}},
	{"CR NUL", "a\r\x00b\r\x00", "a\r\nb\r\n", nil},
	{"CR NUL NUL", "\r\x00\x00", "\r\n\x00", nil},
	{"NUL", "a\x00b", "a\x00b", nil},
	{"CR, a command, NUL", "a\r\xff\xf1\x00", "a\r\n", []Command{{Code: 241}}},
	{"CR, a doubled IAC, NUL", "\r\xff\xff\x00", "\r\xff\x00", nil},
	{"CR CR NUL", "\r\r\x00\r", "\r\r\n\r", nil},
	{"half a command", "a\xff", "a", nil},
	{"half a negotiation", "a\xff\xfd", "a", nil},
	{"half a subnegotiation", "a\xff\xfa\x18\xff", "a", nil},
}

// TestStripper cuts each case in every way into three pieces.
func TestStripper(t *testing.T) {
	for _, test := range telnetCases {
		stream := []byte(test.stream)
		for i := range len(stream) + 1 {
			for j := i; j <= len(stream); j++ {
				text, commands := strip(stream[:i], stream[i:j], stream[j:])
				if string(text) != test.text || !slices.Equal(commands, test.commands) {
					t.Fatalf("%s, cut at %d and %d: %q %v, want %q %v", test.name, i, j, text, commands, test.text, test.commands)
				}
			}
		}
		if text, commands := model(stream); string(text) != test.text || !slices.Equal(commands, test.commands) {
			t.Errorf("%s: the model says %q %v, want %q %v", test.name, text, commands, test.text, test.commands)
		}
	}
}

func TestStrip(t *testing.T) {
	var s Stripper
	got := s.Strip([]byte("> "), []byte("a\xff\xfd\x01\xff"))
	got = s.Strip(got, []byte("\xffb\r"))
	got = s.Strip(got, []byte("\x00"))
	if want := "> a\xffb\r\n"; string(got) != want {
		t.Errorf("%q, want %q", got, want)
	}
	if n, text, c := s.Next(nil); n != 0 || text != nil || c != (Command{}) {
		t.Error("nothing is something:", n, text, c)
	}
}

// cut cuts stream into pieces whose lengths are the bytes of cuts, over and over.
func cut(stream, cuts []byte) (pieces [][]byte) {
	for i := 0; len(stream) > 0; i++ {
		n := len(stream)
		if len(cuts) > 0 {
			n = min(n, 1+int(cuts[i%len(cuts)]))
		}
		pieces, stream = append(pieces, stream[:n]), stream[n:]
	}
	return pieces
}

func FuzzStripper(f *testing.F) {
	for _, test := range telnetCases {
		f.Add([]byte(test.stream), []byte{0})
		f.Add([]byte(test.stream+test.stream), []byte{1, 0, 2, 7})
	}
	f.Fuzz(func(t *testing.T, stream, cuts []byte) {
		before := bytes.Clone(stream)
		wantText, wantCommands := model(stream)
		for _, pieces := range [][][]byte{{stream}, cut(stream, cuts)} {
			text, commands := strip(pieces...)
			if !bytes.Equal(text, wantText) || !slices.Equal(commands, wantCommands) {
				t.Fatalf("%q: %q %v, want %q %v", pieces, text, commands, wantText, wantCommands)
			}
		}
		if !bytes.Equal(before, stream) {
			t.Fatal("the stream was changed")
		}
	})
}

func TestRefuse(t *testing.T) {
	for _, test := range []struct {
		name, want string
		commands   []Command
	}{
		{"WILL", "\xff\xfe\x01", []Command{{will, 1}}},
		{"DO", "\xff\xfc\x01", []Command{{do, 1}}},
		{"once each", "\xff\xfe\x01\xff\xfc\x01\xff\xfe\x02", []Command{{will, 1}, {will, 1}, {do, 1}, {do, 1}, {will, 2}}},
		{"options at the edges", "\xff\xfe\x00\xff\xfe\x3f\xff\xfe\x40\xff\xfe\xff",
			[]Command{{will, 0}, {will, 63}, {will, 64}, {will, 255}, {will, 0}, {will, 64}, {will, 255}}},
		{"acknowledgements", "", []Command{{wont, 1}, {dont, 1}, {Code: sb}, {Code: 241}}},
		{"a loop", "\xff\xfe\x05", []Command{{will, 5}, {wont, 5}, {will, 5}, {wont, 5}, {will, 5}}},
		{"timing marks", "\xff\xfc\x06\xff\xfc\x06\xff\xfe\x06", []Command{{do, timingMark}, {do, timingMark}, {will, 6}, {will, 6}}},
	} {
		var r refusals
		var got []byte
		for _, c := range test.commands {
			got = r.refuse(got, c)
		}
		if string(got) != test.want {
			t.Errorf("%s: % x, want % x", test.name, got, test.want)
		}
	}
}
