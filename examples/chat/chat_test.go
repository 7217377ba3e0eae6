package main

import (
	"context"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/actors/actorstest"
	"github.com/troupe-go/troupe/protocols/line"
	"github.com/troupe-go/troupe/pubsub"
)

// These tests have the server in memory. Package examples tests the running program from outside, with people's clients.

// A server is one in memory.
type server struct {
	*actorstest.World
	*chat
}

func newServer(t testing.TB) *server {
	w := actorstest.NewWorld(t, actors.Options{PubSub: pubsub.Options{History: memories}})
	return &server{w, &chat{login: 10 * time.Second, ping: 40 * time.Second, interrupted: context.Background()}}
}

// A person is somebody's side of a connection.
type person struct {
	*actorstest.Peer
	t testing.TB
}

func (s *server) connect(t testing.TB) *person {
	p := s.OpenWith(line.Factory(func() line.Handler { return &login{chat: s.chat} }, line.Options{}), actors.ConnOptions{})
	return &person{p, t}
}

// enter logs somebody in who hears no history.
func (s *server) enter(t testing.TB, nickname string) *person {
	t.Helper()
	p := s.connect(t)
	p.Send(nickname + "\r\n")
	if got := p.Received(); !strings.Contains(got, "\rWelcome, "+nickname+"! ") {
		t.Fatalf("%s is not welcome: %q", nickname, got)
	}
	return p
}

// types sends a line, and fails the test if the answer on the screen is not what was wanted: nothing or lines, each of
// them with a prompt after it.
func (p *person) types(text string, want ...string) {
	p.t.Helper()
	p.Send(text + "\r\n")
	if len(want) == 0 {
		p.Expect("> ")
		return
	}
	p.sees(want...)
}

// sees fails the test if anything else is new on the screen.
func (p *person) sees(want ...string) {
	p.t.Helper()
	screen := ""
	for _, text := range want {
		screen += "\r" + text + "\r\n> "
	}
	if got := p.Received(); got != screen {
		p.t.Errorf("on the screen: %q, want %q", got, screen)
	}
}

func TestLogin(t *testing.T) {
	s := newServer(t)
	alice := s.connect(t)
	alice.sees("Enter nickname to log in to chat room:")
	alice.types("a b", "Nickname error: no blanks, colons and control characters, please. Try again:")
	alice.types(" alice ", "Welcome, alice! People here: 1. Type /help for help.")
	late := s.connect(t)
	late.Received()
	late.types("ALICE", "ALICE is in the room already. Try another nickname:")
	s.Advance(10 * time.Second)
	late.Expect("\rTime's up... goodbye.\r\n")
	late.ExpectClosed(actors.LocalClose)
	s.Advance(30 * time.Second)
	alice.sees("(ping) Are you there, alice...?")
	alice.Send("Bye\r\n")
	alice.Expect("\rGoodbye, alice.\r\n")
	alice.ExpectClosed(actors.LocalClose)
}

func TestTalk(t *testing.T) {
	s := newServer(t)
	alice, bob := s.enter(t, "alice"), s.enter(t, "bob")
	alice.sees("bob joined chat.")
	alice.types("hello \t bob\x1b[2J")
	bob.sees("alice: hello   bob[2J")
	bob.types("  ")
	alice.sees()
	bob.Reset()
	alice.sees("bob left chat.")
}

func TestRooms(t *testing.T) {
	s := newServer(t)
	alice, bob, carol := s.enter(t, "alice"), s.enter(t, "bob"), s.enter(t, "carol")
	alice.sees("bob joined chat.", "carol joined chat.")
	bob.sees("carol joined chat.")

	alice.types("/join #Go", "You talk in go now. People here: 1.")
	bob.types("/join go", "You talk in go now. People here: 2.")
	alice.sees("bob joined go.")
	alice.types("gophers?")
	bob.sees("#go alice: gophers?")
	carol.types("hello all")
	alice.sees("#chat carol: hello all")
	bob.sees("#chat carol: hello all")
	bob.types("/join chat", "You talk in chat now.")
	bob.types("here I am")
	alice.sees("#chat bob: here I am")
	carol.sees("bob: here I am")

	carol.types("/rooms", "People are in chat (3), go (2).")
	carol.types("/who", "People in chat (3): alice, bob, carol.")
	carol.types("/who go", "People in go (2): alice, bob.")
	carol.types("/who elsewhere", "Nobody is in elsewhere.")
	carol.types("/leave go", "You are not in go.")

	bob.types("/leave", "You left chat, and talk in go now.")
	alice.sees("bob left chat.")
	carol.sees("bob left chat.")
	bob.types("now here")
	alice.sees("#go bob: now here")
	bob.types("/leave go", "You left go, and are in no room now.")
	alice.sees("bob left go.")
	bob.types("anybody?", "You are in no room. Type /join room")
	bob.types("/who", "You are in no room.")
	bob.types("/leave", "You are in no room.")
	alice.types("/leave", "You left go, and talk in chat now.")
	carol.types("/rooms", "People are in chat (2).")
	alice.types("/leave", "You left chat, and are in no room now.")
	carol.sees("alice left chat.")
	carol.types("/leave", "You left chat, and are in no room now.")
	carol.types("/rooms", "Nobody is in any room.")
}

// TestManyRooms bounds how many rooms somebody is in, and answers.
func TestManyRooms(t *testing.T) {
	s := newServer(t)
	alice := s.enter(t, "alice")
	for i := range maxSeats - 1 {
		alice.types(fmt.Sprint("/join r", i), fmt.Sprintf("You talk in r%d now. People here: 1.", i))
	}
	alice.types("/join another", "You are in 10 rooms already. Leave one first.")
	alice.types("/join r1", "You talk in r1 now.")
	alice.types("/leave r2", "You left r2.")
	alice.types("/join another", "You talk in another now. People here: 1.")
	for i := range maxListed {
		bob := s.enter(t, fmt.Sprint("bob", i))
		bob.Send("/join full\n/leave chat\n")
		bob.Send(fmt.Sprintf("/join room%d\n", i))
	}
	alice.Received()
	alice.Send("/who full\n")
	if got := alice.Received(); !strings.HasPrefix(got, "\rPeople in full (50): bob0, bob1, bob10") || strings.Contains(got, "more") {
		t.Errorf("50 people: %q", got)
	}
	alice.Send("/rooms\n")
	if got := alice.Received(); !strings.HasPrefix(got, "\rPeople are in full (50), another (1), chat (1)") || !strings.HasSuffix(got, ", and 11 more.\r\n> ") {
		t.Errorf("61 rooms: %q", got)
	}
}

// TestHistory: newcomers are told what was said last, and when; what is said from now on has no time.
func TestHistory(t *testing.T) {
	s := newServer(t)
	alice := s.enter(t, "alice")
	for i := range remembered + 5 {
		alice.types(fmt.Sprintf("line %d.", i))
	}
	bob := s.connect(t)
	bob.Received()
	bob.Send("bob\nhello\n") // at once: what bob says himself is not told to him
	alice.sees("bob joined chat.", "bob: hello")
	alice.types("hello bob")
	want := `^\rWelcome, bob! People here: 2\. Type /help for help\.\r\n> > `
	for i := range remembered {
		want += fmt.Sprintf(`\r\(\d\d:\d\d\) alice: line %d\.\r\n> `, i+5)
	}
	want += `\ralice: hello bob\r\n> $`
	if got := bob.Received(); !regexp.MustCompile(want).MatchString(got) {
		t.Errorf("bob got %q, want %s", got, want)
	}

	// Who comes back is told everything, own words too.
	alice.types("/leave", "You left chat, and are in no room now.")
	alice.types("/join go", "You talk in go now. People here: 1.")
	alice.Send("/join chat\n")
	want = `^\rYou talk in chat now\. People here: 2\.\r\n> `
	for i := range remembered - 2 {
		want += fmt.Sprintf(`\r#chat \(\d\d:\d\d\) alice: line %d\.\r\n> `, i+7)
	}
	want += `\r#chat \(\d\d:\d\d\) bob: hello\r\n> \r#chat \(\d\d:\d\d\) alice: hello bob\r\n> $`
	if got := alice.Received(); !regexp.MustCompile(want).MatchString(got) {
		t.Errorf("alice got %q, want %s", got, want)
	}
}

func TestCommands(t *testing.T) {
	s := newServer(t)
	alice := s.enter(t, "alice")
	for text, want := range map[string]string{
		"/":          "There is no such command. Type /help for help.",
		"/nonsense":  "There is no such command. Type /help for help.",
		"/join":      "Type /join room",
		"/JOIN":      "Type /join room",
		"/msg bob":   "Type /msg nick text",
		"/msg bob  ": "Type /msg nick text",
		"/nick":      "Type /nick nick",
		"/pub":       "Type /pub channel text",
		"/pub x":     "Type /pub channel text",
		"/unsub":     "Type /unsub pattern",

		"/join a b":                       "Room error: no blanks, colons and control characters, please.",
		"/join *":                         "Room error: it has to begin with a letter or a digit.",
		"/join a*":                        "Room error: letters, digits, and - _ . only, please.",
		"/join ##a":                       "Room error: it has to begin with a letter or a digit.",
		"/join #":                         "Room error: it is empty.",
		"/join aaaaaaaaaabbbbbbbbbbc":     "Room error: it is longer than 20 characters.",
		"/leave a*":                       "Room error: letters, digits, and - _ . only, please.",
		"/who a*":                         "Room error: letters, digits, and - _ . only, please.",
		"/nick a:b":                       "Nickname error: no blanks, colons and control characters, please.",
		"/nick (ping)":                    "Nickname error: it has to begin with a letter or a digit.",
		"/nick alice":                     "You are alice already.",
		"/pub news.* x":                   `Channel error: * ? [ ] ^ \ are for patterns, see /sub.`,
		"/pub room: x":                    "Channel error: no blanks, colons and control characters, please.",
		"/sub a b":                        "Pattern error: no blanks, colons and control characters, please.",
		"/sub " + strings.Repeat("*", 51): "Pattern error: it is longer than 50 characters.",
		"/unsub news":                     "You have not subscribed to that.",
		"/msg nobody hello":               "There is nobody of that name.",
		strings.Repeat("\u00fc", 1001):    "That is too long: at most 1000 characters, please.",
	} {
		alice.types(text, want)
	}
	bob := s.enter(t, "bob")
	alice.sees("bob joined chat.")
	alice.types(strings.Repeat("\u00fc", 1000))
	bob.sees("alice: " + strings.Repeat("\u00fc", 1000))
}

// TestHelp: every command is in it, and no line is wider than a terminal.
func TestHelp(t *testing.T) {
	s := newServer(t)
	alice := s.enter(t, "alice")
	alice.Send("/help\n")
	help := alice.Received()
	for text := range strings.Lines(help) {
		if len(text) > 80 {
			t.Errorf("%d columns: %q", len(text), text)
		}
	}
	for _, k := range commands {
		if strings.Count(help, k.name+" ") != 1 {
			t.Errorf("%s is not in the help, or too often", k.name)
		}
	}
	if !strings.Contains(help, "bye") {
		t.Error("how does one leave?")
	}
}

func TestPrivateMessages(t *testing.T) {
	s := newServer(t)
	alice, bob, carol := s.enter(t, "alice"), s.enter(t, "Bob"), s.enter(t, "carol")
	alice.Received()
	bob.Received()
	alice.types("/msg bob  a secret ")
	bob.sees("(private) alice: a secret")
	carol.sees()
	alice.Send("/msg alice note\n")
	alice.Expect("> \r(private) alice: note\r\n> ")
	bob.Close()
	alice.sees("Bob left chat.")
	alice.types("/msg bob hello?", "There is nobody of that name.")
	stranger := s.connect(t)
	stranger.Received()
	alice.types("/msg stranger hello?", "There is nobody of that name.")
}

func TestRename(t *testing.T) {
	s := newServer(t)
	alice, bob := s.enter(t, "alice"), s.enter(t, "bob")
	alice.sees("bob joined chat.")
	alice.types("/nick BOB", "BOB is in the room already. You are still alice.")
	alice.types("/nick al", "You are al now.")
	bob.sees("alice is now al.")
	bob.types("/who", "People in chat (2): al, bob.")
	bob.types("/msg alice hello", "There is nobody of that name.")
	bob.types("/msg al hello")
	alice.sees("(private) bob: hello")
	alice.types("hello")
	bob.sees("al: hello")
	alice.types("/nick AL", "You are AL now.")
	bob.sees("al is now AL.")
	carol := s.enter(t, "alice") // the name is free
	carol.Received()
	bob.sees("alice joined chat.")
	carol.types("/nick alicia", "You are alicia now.")
	bob.sees("alice is now alicia.")
	carol.Close()
	bob.sees("alicia left chat.")
	alice.Received()
	alice.Send("/join go\n")
	bob.types("/join go", "You talk in go now. People here: 2.")
	alice.Send("/nick alan\n")
	bob.sees("#chat AL is now alan.", "#go AL is now alan.")
	bob.types("/leave", "You left go, and talk in chat now.")
	alice.Send("/nick al\n/nick ally\n/nick allison\n")
	bob.sees("alan is now al.", "al is now ally.", "ally is now allison.")
}

func TestChannels(t *testing.T) {
	s := newServer(t)
	alice, bob := s.enter(t, "alice"), s.enter(t, "bob")
	alice.sees("bob joined chat.")
	bob.types("/sub", "You have subscribed to nothing.")
	alice.types("/pub news.go out now", "Published to 0.")
	bob.types("/sub news.*", "You have subscribed to news.*.")
	bob.types("/sub news.*", "You have subscribed to news.* already.")
	bob.types("/sub ?ob", "You have subscribed to ?ob.")
	bob.types("/sub", "You have subscribed to news.*, ?ob.")
	alice.types("/pub news.go  Go 1.26 is out ", "Published to 1.")
	bob.sees("[news.go] alice: Go 1.26 is out")
	alice.types("/pub bob hello", "Published to 1.")
	bob.sees("[bob] alice: hello")
	bob.Send("/pub news.x me too\n")
	if got := bob.Received(); !strings.Contains(got, "\r[news.x] bob: me too\r\n> ") || !strings.Contains(got, "\rPublished to 1.\r\n> ") {
		t.Errorf("bob got %q", got)
	}
	bob.types("/unsub news.*", "You have unsubscribed from news.*.")
	alice.types("/pub news.go again", "Published to 0.")
	bob.sees()

	// No pattern reaches what is said in rooms, or who comes and goes.
	bob.types("/leave", "You left chat, and are in no room now.")
	alice.sees("bob left chat.")
	for _, pattern := range []string{"*", "[^x]*", "room.*", "*chat", `\*`} {
		bob.types("/sub "+pattern, "You have subscribed to "+pattern+".")
	}
	alice.types("psst")
	alice.types("/leave", "You left chat, and are in no room now.")
	bob.sees()
	for i := range maxPatterns - 6 {
		bob.types(fmt.Sprint("/sub x", i), fmt.Sprintf("You have subscribed to x%d.", i))
	}
	bob.types("/sub y", "You have subscribed to 10 patterns already. Type /unsub pattern")
}

// TestShutdown: everybody gets a goodbye, and nobody is told that all leave.
func TestShutdown(t *testing.T) {
	s := newServer(t)
	alice, bob := s.enter(t, "alice"), s.enter(t, "bob")
	alice.Received()
	over, interrupt := context.WithCancel(context.Background())
	s.interrupted = over
	interrupt()
	bob.Shutdown()
	bob.Expect("\rServer is shutting down... try reconnecting later.\r\n")
	bob.ExpectClosed(actors.Shutdown)
	alice.sees()
	alice.Shutdown()
	alice.Expect("\rServer is shutting down... try reconnecting later.\r\n")
}
