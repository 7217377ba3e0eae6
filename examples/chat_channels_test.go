package examples

import (
	"strings"
	"testing"
)

func TestChannels(t *testing.T) {
	everyKind(t, func(t *testing.T, connect func(testing.TB, *program) *peer) {
		server := start(t, "chat")
		all := people(t, server, connect, "alice", "bob", "carol")
		alice, bob, carol := all[0], all[1], all[2]
		for _, p := range []*peer{bob, carol} {
			p.send(t, "/sub news.*\n")
			p.expect(t, "You have subscribed to news.*.")
		}
		alice.send(t, "/pub news.go Go 1.26 is out\n")
		alice.expect(t, "Published to 2.")
		bob.expect(t, "\r[news.go] alice: Go 1.26 is out")
		carol.expect(t, "\r[news.go] alice: Go 1.26 is out")
		carol.send(t, "/unsub news.*\n")
		carol.expect(t, "You have unsubscribed from news.*.")
		alice.send(t, "/pub sports.chess draw\n/pub news.weather rain\n")
		alice.expect(t, "Published to 0.")
		alice.expect(t, "Published to 1.")
		if before := bob.expect(t, "\r[news.weather] alice: rain"); strings.Contains(before, "draw") {
			t.Errorf("bob got %q", before)
		}
		alice.send(t, "that was all\n")
		if before := carol.expect(t, "alice: that was all"); strings.Contains(before, "rain") {
			t.Errorf("carol got %q", before)
		}
	})
}

// TestRoomsAreNoChannels: who subscribes to everything hears neither rooms nor private messages, and cannot publish into
// a room.
func TestRoomsAreNoChannels(t *testing.T) {
	server := start(t, "chat")
	all := people(t, server, connectSocket, "alice", "bob", "mallory")
	alice, bob, mallory := all[0], all[1], all[2]
	mallory.send(t, "/sub *\n/sub room.*\n/leave\n")
	mallory.expect(t, "You left chat, and are in no room now.")
	alice.expect(t, "mallory left chat.")
	bob.expect(t, "mallory left chat.")
	alice.send(t, "a secret\n")
	bob.expect(t, "alice: a secret")
	mallory.send(t, "/pub room.chat alice: hello\n")
	mallory.expect(t, "[room.chat] mallory: alice: hello")
	alice.send(t, "/pub end of it\n")
	if before := mallory.expect(t, "[end] alice: of it"); strings.Contains(before, "secret") {
		t.Errorf("mallory got %q", before)
	}
	bob.send(t, "well\n")
	if before := alice.expect(t, "bob: well"); strings.Contains(before, "hello") {
		t.Errorf("alice got %q", before)
	}
}
