//go:build unix

package reactor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// A target is an address taken apart, before any look-up.
type target struct {
	network string
	path    string     // unix only
	host    string     // as written, without brackets
	ip      netip.Addr // of host, when host is a literal; unmapped
	service string     // a named port, still to be looked up
	port    uint16     // when service is empty
}

// parseTarget checks the syntax of address and that the network can reach it, without look-ups.
func parseTarget(network, address string) (target, error) {
	switch network {
	case "tcp", "tcp4", "tcp6":
	case "unix":
		return target{network: network, path: address}, checkPath(address)
	default:
		return target{}, ErrUnknownNetwork
	}
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return target{}, fmt.Errorf("%w: %w", ErrBadAddress, err)
	}
	t := target{network: network, host: host}
	if ip, err := netip.ParseAddr(host); err == nil {
		t.ip = ip.Unmap()
		if !t.reaches(t.ip) {
			return target{}, badAddress("not an address of this network")
		}
		if _, ok := zoneIndex(t.ip.Zone()); !ok {
			return target{}, badAddress("no such interface as in the zone")
		}
	} else if host != "" && !isHostName(host) {
		return target{}, badAddress("neither an IP address nor a host name")
	}
	t.port, t.service, err = parsePort(port)
	return t, err
}

// reaches reports whether addresses of this family belong to the network.
func (t target) reaches(ip netip.Addr) bool {
	switch t.network {
	case "tcp4":
		return ip.Is4()
	case "tcp6":
		return ip.Is6()
	}
	return ip.IsValid()
}

// isLoopbackName reports the one host name that needs no look-up (RFC 6761, 6.3).
func (t target) isLoopbackName() bool {
	return strings.EqualFold(strings.TrimSuffix(t.host, "."), "localhost")
}

// loopbacks returns the network's loopback addresses: IPv4 first, where a listener on "localhost" is.
func (t target) loopbacks() []netip.Addr {
	v4, v6 := netip.AddrFrom4([4]byte{127, 0, 0, 1}), netip.IPv6Loopback()
	switch t.network {
	case "tcp4":
		return []netip.Addr{v4}
	case "tcp6":
		return []netip.Addr{v6}
	}
	return []netip.Addr{v4, v6}
}

// dialIPs returns the addresses that are known without a look-up; none for a host name.
func (t target) dialIPs() []netip.Addr {
	switch {
	case t.host == "" || t.isLoopbackName():
		return t.loopbacks()
	case !t.ip.IsValid():
		return nil
	case t.ip.IsUnspecified() && t.ip.Is4():
		return []netip.Addr{netip.AddrFrom4([4]byte{127, 0, 0, 1})}
	case t.ip.IsUnspecified():
		return []netip.Addr{netip.IPv6Loopback()}
	}
	return []netip.Addr{t.ip}
}

// lookUp asks the resolver for the host's addresses, in its order of preference (RFC 6724).
func (t target) lookUp(ctx context.Context) ([]netip.Addr, error) {
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip"+strings.TrimPrefix(t.network, "tcp"), t.host)
	if err != nil {
		return nil, err
	}
	ips := found[:0]
	for _, ip := range found {
		if ip = ip.Unmap(); t.reaches(ip) {
			ips = append(ips, ip)
		}
	}
	if len(ips) == 0 {
		return nil, badAddress("the host has no address of this network")
	}
	return ips, nil
}

// lookUpPort turns a named port into its number.
func (t *target) lookUpPort(ctx context.Context) error {
	if t.service == "" {
		return nil
	}
	port, err := net.DefaultResolver.LookupPort(ctx, t.network, t.service)
	if err != nil {
		return err
	}
	t.port, t.service = uint16(port), ""
	return nil
}

// endpoint adds the port, and turns the zone's name into its index.
func (t target) endpoint(ip netip.Addr) Endpoint {
	zone, _ := zoneIndex(ip.Zone())
	return Endpoint{peer: peerFrom(ip, zone, t.port)}
}

func (t target) endpoints(ips []netip.Addr) []Endpoint {
	eps := make([]Endpoint, len(ips))
	for i, ip := range ips {
		eps[i] = t.endpoint(ip)
	}
	return eps
}

// ParseDial checks a network ("tcp", "tcp4", "tcp6", "unix") and an address to connect to ("host:port" as in
// package net, or a path, or on Linux an abstract name with a leading '@') and answers at once, without asking a
// resolver. If no look-up is needed literal is true and eps are the endpoints in the order to be tried; otherwise
// eps is nil and ResolveDial must be asked. An empty host, and "localhost", mean the loopback addresses; an
// unspecified address means the loopback address of its family. Errors: ErrUnknownNetwork, ErrBadAddress (also
// for port 0), ErrUnsupported, in a *SocketError.
func ParseDial(network, address string) (eps []Endpoint, literal bool, err error) {
	t, err := parseDial(network, address)
	if err != nil {
		return nil, false, socketError("resolve", network, address, err)
	}
	if t.path != "" {
		return []Endpoint{{peer: Peer{family: familyUnix}, path: t.path}}, true, nil
	}
	ips := t.dialIPs()
	if ips == nil || t.service != "" {
		return nil, false, nil
	}
	return t.endpoints(ips), true, nil
}

func parseDial(network, address string) (target, error) {
	t, err := parseTarget(network, address)
	if err == nil && t.path == "" && t.service == "" && t.port == 0 {
		err = badAddress("no port")
	}
	return t, err
}

// ResolveDial does what ParseDial does, and the look-ups of host and service names besides, with
// net.DefaultResolver: it may block until ctx ends, so never call it in a loop's turn. Endpoints of a name with
// both IPv4 and IPv6 addresses alternate between them, beginning with the resolver's first choice (RFC 8305, 4),
// so that a dead family costs one attempt, not all. Errors, in a *SocketError: as ParseDial, or the resolver's
// *net.DNSError.
func ResolveDial(ctx context.Context, network, address string) ([]Endpoint, error) {
	eps, literal, err := ParseDial(network, address)
	if err != nil || literal {
		return eps, err
	}
	t, _ := parseDial(network, address)
	if err := t.lookUpPort(ctx); err != nil {
		return nil, socketError("resolve", network, address, err)
	}
	ips := t.dialIPs()
	if ips == nil {
		if ips, err = t.lookUp(ctx); err != nil {
			return nil, socketError("resolve", network, address, err)
		}
	}
	return t.endpoints(alternate(ips)), nil
}

// alternate takes from both families in turn, and keeps the order within each.
func alternate(ips []netip.Addr) []netip.Addr {
	var first, second []netip.Addr
	for _, ip := range ips {
		if ip.Is4() == ips[0].Is4() {
			first = append(first, ip)
		} else {
			second = append(second, ip)
		}
	}
	mixed := make([]netip.Addr, 0, len(ips))
	for i := range max(len(first), len(second)) {
		if i < len(first) {
			mixed = append(mixed, first[i])
		}
		if i < len(second) {
			mixed = append(mixed, second[i])
		}
	}
	return mixed
}

// resolveListen chooses the one endpoint to listen on. dual asks for both families on an IPv6 socket.
func resolveListen(network, address string) (e Endpoint, dual bool, err error) {
	t, err := parseTarget(network, address)
	if err != nil {
		return Endpoint{}, false, err
	}
	if t.path != "" {
		return Endpoint{peer: Peer{family: familyUnix}, path: t.path}, false, nil
	}
	if err := t.lookUpPort(context.Background()); err != nil {
		return Endpoint{}, false, err
	}
	ip := t.ip
	switch {
	case t.host == "" && network == "tcp4":
		ip = netip.IPv4Unspecified()
	case t.host == "":
		ip = netip.IPv6Unspecified()
	case t.isLoopbackName():
		ip = t.loopbacks()[0]
	case !ip.IsValid():
		ips, err := t.lookUp(context.Background())
		if err != nil {
			return Endpoint{}, false, err
		}
		ip = preferIP4(ips)
	}
	return t.endpoint(ip), network == "tcp" && ip == netip.IPv6Unspecified(), nil
}

// preferIP4 chooses as package net does for a listener on a host name.
func preferIP4(ips []netip.Addr) netip.Addr {
	for _, ip := range ips {
		if ip.Is4() {
			return ip
		}
	}
	return ips[0]
}
