package address

import (
	"net"
	"testing"
)

func TestParse(t *testing.T) {
	for text, want := range map[string][2]string{
		":3000":          {"tcp", ":3000"},
		"127.0.0.1:0":    {"tcp", "127.0.0.1:0"},
		"unix:/tmp/chat": {"unix", "/tmp/chat"},
		"unix:":          {"unix", ""},
	} {
		if network, address := Parse(text); network != want[0] || address != want[1] {
			t.Errorf("%s: %s %s, want %s", text, network, address, want)
		}
	}
}

func TestHowToConnect(t *testing.T) {
	for want, a := range map[string]net.Addr{
		"telnet localhost 3000, or nc localhost 3000": &net.TCPAddr{IP: net.IPv6zero, Port: 3000},
		"telnet localhost 3001, or nc localhost 3001": &net.TCPAddr{IP: net.IPv4zero, Port: 3001},
		"telnet 127.0.0.1 3000, or nc 127.0.0.1 3000": &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 3000},
		"telnet ::1 3000, or nc ::1 3000":             &net.TCPAddr{IP: net.IPv6loopback, Port: 3000},
		"nc -U /tmp/chat":                             &net.UnixAddr{Net: "unix", Name: "/tmp/chat"},
	} {
		if got := HowToConnect(a); got != want {
			t.Errorf("%v: %q, want %q", a, got, want)
		}
	}
}
