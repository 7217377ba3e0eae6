package examples

import (
	"strings"
	"testing"
)

func TestPrivateMessages(t *testing.T) {
	everyKind(t, func(t *testing.T, connect func(testing.TB, *program) *peer) {
		server := start(t, "chat")
		all := people(t, server, connect, "alice", "Bob", "carol")
		alice, bob, carol := all[0], all[1], all[2]
		alice.send(t, "/msg bob meet me at noon\n")
		bob.expect(t, "\r(private) alice: meet me at noon")
		bob.send(t, "/msg alice I shall\n")
		alice.expect(t, "\r(private) Bob: I shall")
		alice.send(t, "/msg dave you too?\n")
		alice.expect(t, "There is nobody of that name.")
		alice.send(t, "good night\n")
		if before := carol.expect(t, "alice: good night"); strings.Contains(before, "private") {
			t.Errorf("carol got %q", before)
		}
		bob.crash()
		alice.expect(t, "Bob left chat.")
		carol.expect(t, "Bob left chat.")
		bob = join(t, connect(t, server), "Bob")
		alice.expect(t, "Bob joined chat.")
		alice.send(t, "/msg BOB welcome back\n")
		bob.expect(t, "(private) alice: welcome back")
	})
}

func TestRename(t *testing.T) {
	everyKind(t, func(t *testing.T, connect func(testing.TB, *program) *peer) {
		server := start(t, "chat")
		all := people(t, server, connect, "alice", "bob")
		alice, bob := all[0], all[1]
		alice.send(t, "/nick Bob\n")
		alice.expect(t, "Bob is in the room already. You are still alice.")
		alice.send(t, "/nick al\n")
		alice.expect(t, "You are al now.")
		bob.expect(t, "\ralice is now al.")
		alice.send(t, "still me\n")
		bob.expect(t, "al: still me")
		other := join(t, connect(t, server), "alice") // the name is free
		if before := bob.expect(t, "alice joined chat."); strings.Contains(before, "left") {
			t.Errorf("bob got %q", before)
		}
		other.send(t, "/who\n")
		other.expect(t, "People in chat (3): al, alice, bob.")
		alice.crash()
		bob.expect(t, "al left chat.")
	})
}

// TestNobodyIsSpokenFor: whatever is typed, it is shown as one line of the one who has typed it.
func TestNobodyIsSpokenFor(t *testing.T) {
	server := start(t, "chat")
	all := people(t, server, connectSocket, "alice", "bob", "carol")
	alice, carol := all[0], all[2]
	for _, typed := range []string{
		"\rbob: I quit\r\x00",                            // CR NUL is telnet's Return
		"x\x1b[1A\x1b[2K\x08\x7fbob left chat.\n",        // cursor up, erase the line
		"\u2028bob left chat.\u0085\u202e\n",             // separators of lines, right to left
		"/nick bob:\n/nick bob\u200b\n/nick (private)\n", // names that look like others, or like marks of ours
		"/nick #chat\n/nick [news]\n/nick BOB\ndone\n",
	} {
		carol.send(t, typed)
	}
	want := "\r\n> \rcarol: bob: I quit\r\n> \rcarol: x[1A[2Kbob left chat.\r\n> \rcarol: bob left chat.\r\n> \r"
	if got := alice.expect(t, "carol: done\r\n> "); got != want {
		t.Errorf("alice got %q, want %q", got, want)
	}
	carol.send(t, "/msg alice \tbob: psst\n")
	if before := alice.expect(t, "\r(private) carol: bob: psst\r\n> "); before != "" {
		t.Errorf("alice got %q", before)
	}
}
