package examples

import (
	"net"
	"testing"
)

func TestEcho(t *testing.T) {
	everyKind(t, func(t *testing.T, connect func(testing.TB, *program) *peer) {
		server := start(t, "echo")
		server.expect(t, "connect with: telnet 127.0.0.1 "+server.port())
		client := connect(t, server)
		client.send(t, "hello\n")
		client.expect(t, "hello")
		server.expect(t, `Echoed data: "hello`) // a second later
		client.send(t, "goodbye\n")             // does not begin with bye
		client.expect(t, "goodbye")
		client.send(t, "Bye bye\n")
		client.expect(t, "Bye bye")
		client.expectEnd(t)
	})
}

// TestEchoBytes: all bytes come back, and nothing else.
func TestEchoBytes(t *testing.T) {
	server := start(t, "echo")
	client := connectSocket(t, server)
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	client.send(t, string(all))
	if before := client.expect(t, string(all)); before != "" {
		t.Errorf("%q came before", before)
	}
	client.send(t, "bye\n")
	if rest := client.expectEnd(t); rest != "bye\n" {
		t.Errorf("%q came at the end", rest)
	}
}

func TestHalfClosedEcho(t *testing.T) {
	server := start(t, "echo")
	client := connectSocket(t, server)
	client.send(t, "hello")
	client.in.(*net.TCPConn).CloseWrite()
	if got := client.expectEnd(t); got != "hello" {
		t.Errorf("got %q", got)
	}
}
