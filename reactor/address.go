//go:build unix

package reactor

import (
	"net"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// Which kind of address a Peer holds. The zero value is no address.
const (
	_ uint8 = iota
	familyIP4
	familyIP6
	familyUnix
)

// A Peer is the other end of an accepted connection, in 24 bytes without pointers, so that a million of them
// cost the garbage collector nothing. It can be compared and used as a key. The zero Peer is no address.
type Peer struct {
	ip     [16]byte // an IPv4 address is in its IPv6-mapped form
	zone   uint32   // index of the network interface, for link-local IPv6 addresses; otherwise 0
	port   uint16
	family uint8
}

// peerFrom drops the zone's name: zone is its index.
func peerFrom(ip netip.Addr, zone uint32, port uint16) Peer {
	ip = ip.Unmap()
	p := Peer{ip: ip.As16(), port: port, family: familyIP4}
	if ip.Is6() {
		p.zone, p.family = zone, familyIP6
	}
	return p
}

// AddrPort returns the address and port; it is not valid for a peer on a unix socket and for the zero Peer. It
// allocates only when there is a zone to be named.
func (p Peer) AddrPort() netip.AddrPort {
	ip := netip.AddrFrom16(p.ip)
	switch p.family {
	case familyIP4:
		ip = ip.Unmap()
	case familyIP6:
		ip = ip.WithZone(zoneName(p.zone))
	default:
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(ip, p.port)
}

// Addr returns a fresh *net.TCPAddr, or *net.UnixAddr with an empty name: clients of unix sockets seldom have
// one. It returns nil for the zero Peer.
func (p Peer) Addr() net.Addr {
	switch p.family {
	case familyIP4, familyIP6:
		return net.TCPAddrFromAddrPort(p.AddrPort())
	case familyUnix:
		return &net.UnixAddr{Net: "unix"}
	}
	return nil
}

// String returns "host:port", "unix", or "" for the zero Peer.
func (p Peer) String() string {
	switch p.family {
	case familyIP4, familyIP6:
		return p.AddrPort().String()
	case familyUnix:
		return "unix"
	}
	return ""
}

// An Endpoint is one place to connect to, past all look-ups: an IP address with a port, or a unix path. It can be
// compared. The zero Endpoint leads nowhere: Connect refuses it with ErrBadAddress.
type Endpoint struct {
	peer Peer
	path string // unix only; a leading '@' makes it abstract
}

// Network returns "tcp" or "unix", or "" for the zero Endpoint.
func (e Endpoint) Network() string {
	switch e.peer.family {
	case familyIP4, familyIP6:
		return "tcp"
	case familyUnix:
		return "unix"
	}
	return ""
}

// Addr returns a fresh *net.TCPAddr or *net.UnixAddr, or nil for the zero Endpoint.
func (e Endpoint) Addr() net.Addr {
	if e.peer.family == familyUnix {
		return &net.UnixAddr{Name: e.path, Net: "unix"}
	}
	return e.peer.Addr()
}

// Peer returns the endpoint as the other end of a connection to it: without a unix path.
func (e Endpoint) Peer() Peer { return e.peer }

// String returns "host:port" or the path, or "" for the zero Endpoint.
func (e Endpoint) String() string {
	if e.peer.family == familyUnix {
		return e.path
	}
	return e.peer.String()
}

// sockaddr gives the address to the kernel, with the domain of the socket it needs.
func (e Endpoint) sockaddr() (domain int, sa unix.Sockaddr) {
	switch e.peer.family {
	case familyIP4:
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(e.peer.port), Addr: [4]byte(e.peer.ip[12:])}
	case familyIP6:
		return unix.AF_INET6, &unix.SockaddrInet6{Port: int(e.peer.port), ZoneId: e.peer.zone, Addr: e.peer.ip}
	case familyUnix:
		return unix.AF_UNIX, &unix.SockaddrUnix{Name: e.path}
	}
	return unix.AF_UNSPEC, nil
}

// endpointFrom takes an address from the kernel. IPv6-mapped IPv4 addresses, as a dual-stack listener sees
// them, become IPv4 ones; a nameless unix socket, which package unix calls "@", gets an empty path.
func endpointFrom(sa unix.Sockaddr) Endpoint {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return Endpoint{peer: peerFrom(netip.AddrFrom4(sa.Addr), 0, uint16(sa.Port))}
	case *unix.SockaddrInet6:
		return Endpoint{peer: peerFrom(netip.AddrFrom16(sa.Addr), sa.ZoneId, uint16(sa.Port))}
	case *unix.SockaddrUnix:
		e := Endpoint{peer: Peer{family: familyUnix}}
		if sa.Name != "@" {
			e.path = sa.Name
		}
		return e
	}
	return Endpoint{}
}

// zoneName returns the interface's name, or its number when it has gone; "" for 0.
func zoneName(index uint32) string {
	if index == 0 {
		return ""
	}
	if i, err := net.InterfaceByIndex(int(index)); err == nil {
		return i.Name
	}
	return strconv.FormatUint(uint64(index), 10)
}

// zoneIndex is the inverse of zoneName; false when the zone names no interface.
func zoneIndex(zone string) (uint32, bool) {
	if zone == "" {
		return 0, true
	}
	if i, err := net.InterfaceByName(zone); err == nil {
		return uint32(i.Index), true
	}
	n, err := strconv.ParseUint(zone, 10, 31)
	return uint32(n), err == nil && n > 0
}
