package examples

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

// TestRooms: two talk in a room, and the third one does not hear it.
func TestRooms(t *testing.T) {
	everyKind(t, func(t *testing.T, connect func(testing.TB, *program) *peer) {
		server := start(t, "chat")
		all := people(t, server, connect, "alice", "bob", "carol")
		alice, bob, carol := all[0], all[1], all[2]
		alice.send(t, "/join games\n")
		alice.expect(t, "You talk in games now. People here: 1.")
		bob.send(t, "/join #Games\n")
		bob.expect(t, "You talk in games now. People here: 2.")
		alice.expect(t, "bob joined games.")
		carol.send(t, "/rooms\n")
		carol.expect(t, "People are in chat (3), games (2).")
		carol.send(t, "/who games\n")
		carol.expect(t, "People in games (2): alice, bob.")

		alice.send(t, "chess?\n")
		bob.expect(t, "#games alice: chess?")
		bob.send(t, "/join chat\n")
		bob.expect(t, "You talk in chat now.")
		bob.send(t, "see you in games\n")
		alice.expect(t, "#chat bob: see you in games")
		if before := carol.expect(t, "\rbob: see you in games"); strings.Contains(before, "chess") {
			t.Errorf("carol got %q", before)
		}
		bob.send(t, "/leave games\n")
		bob.expect(t, "You left games.")
		alice.expect(t, "bob left games.")
		alice.send(t, "/leave\n")
		alice.expect(t, "You left games, and talk in chat now.")
		alice.send(t, "back again\n")
		bob.expect(t, "\ralice: back again")
		carol.expect(t, "\ralice: back again")
		carol.send(t, "/who games\n")
		carol.expect(t, "Nobody is in games.")
	})
}

// TestCrash: who is killed has left, all rooms.
func TestCrash(t *testing.T) {
	everyKind(t, func(t *testing.T, connect func(testing.TB, *program) *peer) {
		server := start(t, "chat")
		all := people(t, server, connect, "alice", "bob")
		alice, bob := all[0], all[1]
		for _, p := range all {
			p.send(t, "/join games\n")
			p.expect(t, "You talk in games now.")
		}
		alice.expect(t, "bob joined games.")
		bob.crash()
		between := alice.expect(t, "left")
		between += alice.expect(t, "left")
		if between += alice.expect(t, "."); strings.Count(between, "bob ") != 2 {
			t.Errorf("alice got %q", between)
		}
		alice.send(t, "/who\n/who chat\n")
		alice.expect(t, "People in games (1): alice.")
		alice.expect(t, "People in chat (1): alice.")
	})
}

// TestCrowd: however many come and go at once, those who stay see each of them come, speak and go, in this order.
func TestCrowd(t *testing.T) {
	server := start(t, "chat")
	watchers := people(t, server, connectSocket, "alice", "bob")
	const crowd = 20
	done := make(chan struct{})
	for i := range crowd {
		p := connectSocket(t, server)
		go func() {
			defer func() { done <- struct{}{} }()
			fmt.Fprintf(p.in, "guest%d\nhello\n/nick g%d\nhere I am\n/who\n", i, i)
			for !p.has("People in chat") {
				<-p.news
			}
			if i%2 == 0 {
				p.crash()
			} else {
				fmt.Fprint(p.in, "bye\n")
			}
		}()
	}
	for range crowd {
		<-done
	}
	for _, p := range watchers {
		seen := ""
		for range crowd {
			seen += p.expect(t, " left chat.") + " left chat."
		}
		for i := range crowd {
			at := 0
			for _, want := range []string{
				"guest%[1]d joined chat.", "guest%[1]d: hello", "guest%[1]d is now g%[1]d.", "g%[1]d: here I am", "g%[1]d left chat.",
			} {
				want = "\r" + fmt.Sprintf(want, i)
				next := strings.Index(seen[at:], want)
				if next < 0 || strings.Count(seen, want) != 1 {
					t.Fatalf("%q is missing, not in order, or not the only one: %q", want, seen)
				}
				at += next
			}
		}
		p.send(t, "/who\n")
		p.expect(t, "People in chat (2): alice, bob.")
	}
}

// TestHistory: who comes is told what was said last, with the time; also if all had left.
func TestHistory(t *testing.T) {
	everyKind(t, func(t *testing.T, connect func(testing.TB, *program) *peer) {
		server := start(t, "chat")
		all := people(t, server, connect, "alice", "bob")
		alice, bob := all[0], all[1]
		for i := range 25 {
			alice.send(t, fmt.Sprintf("line %d.\n", i))
		}
		bob.expect(t, "alice: line 24.")
		for _, p := range all {
			p.send(t, "bye\n")
			p.expectEnd(t)
		}
		carol := join(t, connect(t, server), "carol")
		carol.expect(t, "People here: 1.")
		for i := 5; i < 25; i++ {
			want := regexp.MustCompile(`\n> \r\(\d\d:\d\d\) $`)
			if before := carol.expect(t, fmt.Sprintf("alice: line %d.", i)); !want.MatchString(before) {
				t.Errorf("line %d: after %q", i, before)
			}
		}
		dave := join(t, connect(t, server), "dave")
		dave.expect(t, "alice: line 24.")
		dave.send(t, "hello\n")
		if before := carol.expect(t, "dave: hello"); !strings.HasSuffix(before, "\r") {
			t.Errorf("news comes after %q", before)
		}
	})
}

// TestRoomLimits are told.
func TestRoomLimits(t *testing.T) {
	server := start(t, "chat")
	alice := join(t, connectSocket(t, server), "alice")
	for typed, answer := range map[string]string{
		"/join *":                                   "has to begin with a letter or a digit",
		"/join a[b]":                                "letters, digits, and - _ . only",
		"/join a\x1b[2Jb":                           "letters, digits, and - _ . only",
		"/join " + strings.Repeat("x", 21):          "longer than 20 characters",
		"/nick " + strings.Repeat("x", 21):          "longer than 20 characters",
		"/pub " + strings.Repeat("x", 51) + " text": "longer than 50 characters",
		"/pub a* x":                                 "are for patterns",
		"/sub " + strings.Repeat("x", 51):           "longer than 50 characters",
		"/msg bob " + strings.Repeat("x", 1001):     "at most 1000 characters",
	} {
		alice.send(t, typed+"\n")
		alice.expect(t, answer)
	}
	for i := range 9 {
		alice.send(t, fmt.Sprintf("/join room%d\n/sub x%d\n", i, i))
		alice.expect(t, fmt.Sprintf("You have subscribed to x%d.", i))
	}
	alice.send(t, "/join more\n/sub more\n/sub even more\n/sub evenmore\n")
	alice.expect(t, "You are in 10 rooms already.")
	alice.expect(t, "You have subscribed to more.")
	alice.expect(t, "no blanks")
	alice.expect(t, "You have subscribed to 10 patterns already.")
}
