package load

import (
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// Config describes a run. Zero values take the default that is stated.
type Config struct {
	// Addr is the server's IPv4 address and port.
	Addr string
	// Conns is the number of connections, in a fan-out that of subscribers.
	// Only Idle allows 0.
	Conns int
	// Size is the length of a message in bytes; 64 by default.
	Size int
	// Depth is the number of messages that a connection has outstanding, sent
	// by one write; 1 by default. The latency is that of the whole batch.
	// Blocked and Stalled allow no other.
	Depth int
	// Warmup is the time of full load before the measured window.
	Warmup time.Duration
	// Duration is the length of the measured window; 1 s by default.
	// In Blocked it is that of the calm before; the blocked connections
	// themselves set the length of the other.
	Duration time.Duration
	// Rate is the number of messages per second of all connections together
	// in Paced, Blocked and Stalled. In Blocked 0 means a closed loop.
	Rate float64
	// BlockedConns is the number of further connections of Blocked that send
	// a blocking message each.
	BlockedConns int
	// Spin polls for events instead of sleeping, at the price of a whole
	// processor. It keeps the time to wake the load generator out of the
	// latencies at low load, where it would be the greater part.
	Spin bool
	// Verify compares every byte; otherwise the length and the first and last
	// byte of each read are checked.
	Verify bool
	// ServerPID is the process whose CPU time and memory are read at the edges
	// of the measured window; 0 leaves these fields of the Report zero.
	ServerPID int
}

// normalize fills in defaults, checks the rest and returns the server's
// address for connect(2).
func (c *Config) normalize() (*unix.SockaddrInet4, error) {
	if c.Size == 0 {
		c.Size = 64
	}
	if c.Depth == 0 {
		c.Depth = 1
	}
	if c.Duration == 0 {
		c.Duration = time.Second
	}
	if c.Conns < 0 || c.Size < 0 || c.Depth < 0 || c.Warmup < 0 || c.Duration < 0 || c.Rate < 0 || c.BlockedConns < 0 {
		return nil, errors.New("load: negative value in Config")
	}
	addr, err := net.ResolveTCPAddr("tcp4", c.Addr)
	if err != nil {
		return nil, fmt.Errorf("load: server address: %w", err)
	}
	server := &unix.SockaddrInet4{Port: addr.Port}
	copy(server.Addr[:], addr.IP.To4())
	return server, nil
}
