package main

import (
	"regexp"
	"strings"
	"testing"
	"unicode"
)

// What others can bring to somebody's screen. The first group is who it is about.
var sights = []*regexp.Regexp{
	regexp.MustCompile(`^([^ :]+): .+$`),
	regexp.MustCompile(`^\(private\) ([^ :]+): .+$`),
	regexp.MustCompile(`^\[[^ :]+\] ([^ :]+): .+$`),
	regexp.MustCompile(`^([^ :]+) (?:joined|left) chat\.$`),
	regexp.MustCompile(`^([^ :]+) is now [^ :]+\.$`),
}

// FuzzSpoof has a member send anything, and looks at the screen of another one: all that is on it is lines that say
// truly who has done something. Nobody speaks for bob or carol, moves them, or brings controls to the screen.
func FuzzSpoof(f *testing.F) {
	for _, seed := range []string{
		"hello\n", "carol: hello\n", "\rcarol: hello\r\x00carol left chat.\n", "\x1b[1A\rcarol: hi\n", "\u2028carol joined chat.\n",
		"/nick carol\n/nick Carol:\n/nick carol\u200b\n/nick carol,\nhi\n", "/nick (private)\nhi\n", "/nick [x]\nhi\n",
		"/nick carol\u3164left\u3164chat.\n", "/msg bob \r\ncarol joined chat.\n", "/msg bob \n/msg bob x\n/msg BOB carol: x\n",
		"/pub room.chat carol: hi\n/pub a]\u00a0b x\n/pub a carol: x\n/pub a [b] carol: x\n", "/join chat\n/leave\n/join CHAT\n/join chat.\n",
		"/sub *\n/pub x y\n/leave\n/join a\nhi\nbye\n", "\xff\xff\xff\xfb\x01\xff\xfa\x18\nx\xff\xf0y\n", "/nick a\n/nick alice\n/nick b\n\xf0\n",
		"\r\n \n\t\n/msg bob \t\n", "\u202ecarol :ih\n", strings.Repeat("x", 9000) + "\n", "/help\n/who\n/rooms\n/sub\n",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, typed string) {
		s := newServer(t)
		bob, carol := s.enter(t, "bob"), s.enter(t, "carol")
		bob.types("/sub *", "carol joined chat.", "You have subscribed to *.")
		mallory := s.enter(t, "mallory")
		mallory.Send(typed)
		mallory.Close()
		screen, ok := strings.CutSuffix(bob.Received(), "\r\n> ")
		if !ok {
			t.Fatalf("%q does not end with a prompt", screen)
		}
		for shown := range strings.SplitSeq(screen, "\r\n> ") {
			text, ok := strings.CutPrefix(shown, "\r")
			if !ok || strings.ContainsFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) {
				t.Errorf("%q is no line", shown)
			}
			switch strings.ToLower(about(text)) {
			case "", "bob", "carol":
				t.Errorf("mallory has brought %q to bob's screen", shown)
			}
		}
		carol.Received()
		carol.types("still here")
		bob.sees("carol: still here")
	})
}

// about is whom a line is about.
func about(text string) string {
	for _, sight := range sights {
		if found := sight.FindStringSubmatch(text); found != nil {
			return found[1]
		}
	}
	return ""
}
