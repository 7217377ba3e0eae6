//go:build unix

package reactor

import (
	"errors"
	"fmt"

	"golang.org/x/sys/unix"
)

// The reasons for which sockets are refused. They arrive wrapped in a *SocketError; compare with errors.Is. Options
// out of their range are ErrBadOption. What the system alone refuses (a missing directory, a port below 1024 without
// the right to it) is its own errno.
var (
	// ErrUnknownNetwork: the network is none of "tcp", "tcp4", "tcp6" and "unix".
	ErrUnknownNetwork error = &sentinel{text: "unknown network"}
	// ErrBadAddress: the address cannot be read, or names nothing the network can reach.
	ErrBadAddress error = &sentinel{text: "bad address"}
	// ErrAddressInUse: another socket listens there, or the path is taken. It also matches EADDRINUSE.
	ErrAddressInUse error = &sentinel{text: "address already in use", also: unix.EADDRINUSE}
	// ErrNotSocket: the path of a unix listener is taken by something that is not a socket, which is never
	// removed. It also matches EADDRINUSE, which is what bind(2) says.
	ErrNotSocket error = &sentinel{text: "path exists and is not a socket", also: unix.EADDRINUSE}
	// ErrBacklogFull: the unix listener has no room for one more connection. Nothing tells when it will have:
	// connect again after a while. It also matches EAGAIN.
	ErrBacklogFull error = &sentinel{text: "listener's backlog is full", also: unix.EAGAIN}
	// ErrSelfConnect: nobody listened on a local port, and the kernel chose that very port for the caller's
	// end: the socket is connected to itself (RFC 9293, 3.5, simultaneous open). It also matches ECONNREFUSED.
	ErrSelfConnect error = &sentinel{text: "connected to itself", also: unix.ECONNREFUSED}
	// ErrUnsupported: this system lacks the means. It also matches errors.ErrUnsupported.
	ErrUnsupported error = &sentinel{text: "not supported on this system", also: errors.ErrUnsupported}
)

// A sentinel is an error that is compared by identity, and stands for one more error of another package.
type sentinel struct {
	text string
	also error
}

func (s *sentinel) Error() string { return s.text }

func (s *sentinel) Is(target error) bool { return s.also != nil && target == s.also }

// A SocketError tells which operation failed, on what, and why.
type SocketError struct {
	Op      string // "listen", "unlink", "resolve" or "connect"
	Network string // as it was given; "tcp" or "unix" for "connect"
	Address string // as it was given; the numeric endpoint for "connect"
	Err     error  // one of the errors of this package, an errno, or a *net.DNSError; never nil
}

// Error gives the whole story in one line.
func (e *SocketError) Error() string {
	return fmt.Sprintf("reactor: %s %s %s: %v", e.Op, e.Network, e.Address, e.Err)
}

// Unwrap returns Err.
func (e *SocketError) Unwrap() error { return e.Err }

// socketError names the errors of the system that this package has a name for.
func socketError(op, network, address string, err error) error {
	switch {
	case err == unix.EADDRINUSE:
		err = ErrAddressInUse
	case err == unix.EAFNOSUPPORT || err == unix.EPROTONOSUPPORT:
		err = fmt.Errorf("%w: %w", ErrUnsupported, err)
	}
	return &SocketError{Op: op, Network: network, Address: address, Err: err}
}
