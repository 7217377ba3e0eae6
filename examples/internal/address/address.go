// Package address reads and shows the addresses of the examples.
package address

import (
	"net"
	"strings"
)

// Usage describes what Parse understands, for a flag.
const Usage = "where to listen: `host:port`, or unix:/path"

// Parse takes an address from the command line apart, for System.Listen.
func Parse(text string) (network, address string) {
	if path, ok := strings.CutPrefix(text, "unix:"); ok {
		return "unix", path
	}
	return "tcp", text
}

// HowToConnect is what to type to talk to a server that listens at a.
func HowToConnect(a net.Addr) string {
	if a.Network() == "unix" {
		return "nc -U " + a.String()
	}
	host, port, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return "telnet " + host + " " + port + ", or nc " + host + " " + port
}
