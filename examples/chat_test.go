package examples

import (
	"strings"
	"testing"
)

const loginPrompt = "Enter nickname to log in to chat room:\r\n> "

// join logs a peer in. From then on it hears what is said.
func join(t testing.TB, p *peer, name string) *peer {
	t.Helper()
	p.expect(t, "Enter nickname to log in to chat room:")
	p.send(t, name+"\n")
	p.expect(t, "Welcome, "+name+"!")
	return p
}

// people logs several in, one after the other, so that each has heard of those who came later.
func people(t testing.TB, server *program, connect func(testing.TB, *program) *peer, names ...string) (all []*peer) {
	t.Helper()
	for _, name := range names {
		p := join(t, connect(t, server), name)
		for _, before := range all {
			before.expect(t, name+" joined chat.")
		}
		all = append(all, p)
	}
	return all
}

func TestTwoPeopleTalk(t *testing.T) {
	everyKind(t, func(t *testing.T, connect func(testing.TB, *program) *peer) {
		server := start(t, "chat")
		both := people(t, server, connect, "alice", "bob")
		alice, bob := both[0], both[1]
		alice.send(t, "hello bob\n")
		bob.expect(t, "alice: hello bob")
		bob.send(t, "hello alice, gr\u00fc\u00df Gott\n")
		if between := alice.expect(t, "bob: hello alice, gr\u00fc\u00df Gott"); strings.Contains(between, "hello bob") {
			t.Errorf("alice got her own words: %q", between)
		}
		alice.send(t, "/help\n")
		alice.expect(t, "Type bye to leave")
		alice.send(t, "/nonsense\n")
		alice.expect(t, "no such command")
		alice.send(t, "BYE\n")
		alice.expect(t, "Goodbye, alice.")
		alice.expectEnd(t)
		bob.expect(t, "alice left chat.")
		join(t, connect(t, server), "alice") // the name is free again
		bob.expect(t, "alice joined chat.")
	})
}

// TestScreen compares all bytes that two people get.
func TestScreen(t *testing.T) {
	server := start(t, "chat")
	alice := connectSocket(t, server)
	alice.expect(t, "\r"+loginPrompt)
	alice.send(t, "alice\r\n")
	screen := "\rWelcome, alice! People here: 1. Type /help for help.\r\n> "
	if before := alice.expect(t, screen); before != "" {
		t.Errorf("%q came before", before)
	}
	bob := join(t, connectSocket(t, server), "bob")
	bob.expect(t, "\r\n> ")
	bob.send(t, "one\x1b[2J\ttwo\r\n \r\nthree\xff\xff\r\x00bye\r\n")
	if got, want := bob.expectEnd(t), "> > > \rGoodbye, bob.\r\n"; got != want {
		t.Errorf("bob got %q, want %q", got, want)
	}
	screen = "\rbob joined chat.\r\n> \rbob: one[2J two\r\n> \rbob: three\uFFFD\r\n> \rbob left chat.\r\n> "
	if before := alice.expect(t, screen); before != "" {
		t.Errorf("%q came before", before)
	}
}

// TestPipelinedLogin sends the nickname and what is said with it at once.
func TestPipelinedLogin(t *testing.T) {
	everyKind(t, func(t *testing.T, connect func(testing.TB, *program) *peer) {
		server := start(t, "chat")
		alice := join(t, connect(t, server), "alice")
		bob := connect(t, server)
		bob.send(t, "bob\nhello\nhow are you?\nbye\n")
		alice.expect(t, "bob joined chat.")
		alice.expect(t, "bob: hello")
		alice.expect(t, "bob: how are you?")
		alice.expect(t, "bob left chat.")
		bob.expect(t, "Goodbye, bob.")
		bob.expectEnd(t)
	})
}

func TestNicknames(t *testing.T) {
	everyKind(t, func(t *testing.T, connect func(testing.TB, *program) *peer) {
		server := start(t, "chat")
		join(t, connect(t, server), "alice")
		bob := connect(t, server)
		for nickname, problem := range map[string]string{
			"\n":                           "empty",
			"   \n":                        "empty",
			"a b\n":                        "no blanks",
			"a:\n":                         "no blanks, colons",
			"a\tb\n":                       "control characters",
			"\xc3(\n":                      "not UTF-8",
			"/help\n":                      "letter or a digit",
			strings.Repeat("x", 21) + "\n": "longer than 20",
			"alice\n":                      "alice is in the room already",
			" ALICE \n":                    "ALICE is in the room already",
		} {
			bob.send(t, nickname)
			bob.expect(t, problem)
		}
		bob.send(t, strings.Repeat("\u00fc", 20)+"\n")
		bob.expect(t, "Welcome, "+strings.Repeat("\u00fc", 20)+"!")
	})
}

// TestNicknameOfOneWhoLeft is free at once, however the other one left.
func TestNicknameOfOneWhoLeft(t *testing.T) {
	server := start(t, "chat")
	bob := join(t, connectSocket(t, server), "bob")
	for _, leave := range []func(*peer){
		func(p *peer) { p.send(t, "bye\n") },
		func(p *peer) { p.in.Close() },
		func(p *peer) { p.crash() },
	} {
		alice := join(t, connectSocket(t, server), "alice")
		bob.expect(t, "alice joined chat.")
		leave(alice)
		bob.expect(t, "alice left chat.")
	}
}

func TestLoginTimeout(t *testing.T) {
	everyKind(t, func(t *testing.T, connect func(testing.TB, *program) *peer) {
		server := start(t, "chat", "-login", "300ms")
		late := connect(t, server)
		late.send(t, "no good name\n") // gives no more time
		late.expect(t, "Time's up... goodbye.")
		late.expectEnd(t)
	})
}

// TestLoginInTime: who is in stays in. The ping comes later than the login's limit.
func TestLoginInTime(t *testing.T) {
	server := start(t, "chat", "-login", "1s", "-ping", "1500ms")
	alice := join(t, connectSocket(t, server), "alice")
	if before := alice.expect(t, "(ping) Are you there, alice...?"); strings.Contains(before, "Time's up") {
		t.Errorf("got %q", before)
	}
}

func TestPing(t *testing.T) {
	everyKind(t, func(t *testing.T, connect func(testing.TB, *program) *peer) {
		server := start(t, "chat", "-ping", "100ms")
		alice := join(t, connect(t, server), "alice")
		for range 3 {
			alice.expect(t, "(ping) Are you there, alice...?")
		}
		alice.send(t, "bye\n")
		alice.expect(t, "Goodbye, alice.")
		alice.expectEnd(t)
	})
}

// TestShutdown says goodbye to all, those who have not logged in too, and tells nobody that all the others leave.
func TestShutdown(t *testing.T) {
	everyKind(t, func(t *testing.T, connect func(testing.TB, *program) *peer) {
		server := start(t, "chat")
		all := people(t, server, connect, "alice", "bob", "carol")
		for _, p := range all {
			p.send(t, "/join games\n/sub *\n")
			p.expect(t, "You have subscribed to *.")
		}
		stranger := connect(t, server)
		stranger.expect(t, "Enter nickname")
		server.shutDown(t)
		for _, p := range append(all, stranger) {
			before := p.expect(t, "\rServer is shutting down... try reconnecting later.")
			if rest := p.expectEnd(t); strings.Contains(before+rest, "left") {
				t.Errorf("around the goodbye: %q and %q", before, rest)
			}
		}
	})
}

func TestTooLongLine(t *testing.T) {
	server := start(t, "chat")
	both := people(t, server, connectSocket, "alice", "bob")
	alice, bob := both[0], both[1]
	bob.send(t, strings.Repeat("x", 1001)+"\n")
	bob.expect(t, "at most 1000 characters")
	bob.send(t, strings.Repeat("x", 8193)+"\n")
	bob.expectEnd(t)
	if said := alice.expect(t, "bob left chat."); strings.Contains(said, "xxx") {
		t.Error("alice got what was too long")
	}
}

// TestTelnetNegotiation refuses what a telnet client offers.
func TestTelnetNegotiation(t *testing.T) {
	server := start(t, "chat")
	alice := connectSocket(t, server)
	alice.expect(t, loginPrompt)
	alice.send(t, "\xff\xfd\x03\xff\xfb\x18\xff\xfd\x03") // DO SUPPRESS-GO-AHEAD, WILL TERMINAL-TYPE
	if before := alice.expect(t, "\xff\xfc\x03\xff\xfe\x18"); before != "" {
		t.Errorf("%q came before", before)
	}
	alice.send(t, "al\xff\xf1ice\r\n")
	if before := alice.expect(t, "\rWelcome, alice!"); before != "" {
		t.Errorf("%q came before", before)
	}
}
