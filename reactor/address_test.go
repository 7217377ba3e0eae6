//go:build unix

package reactor

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

func TestParseDial(t *testing.T) {
	for _, c := range []struct {
		network, address string
		want             string // endpoints; "look up" when not literal
		err              error
	}{
		{"tcp", "192.0.2.1:80", "192.0.2.1:80", nil},
		{"tcp4", "192.0.2.1:65535", "192.0.2.1:65535", nil},
		{"tcp", "[192.0.2.1]:80", "192.0.2.1:80", nil},
		{"tcp", "[2001:db8::1]:80", "[2001:db8::1]:80", nil},
		{"tcp6", "[2001:db8::1]:1", "[2001:db8::1]:1", nil},
		{"tcp", "[::ffff:192.0.2.1]:80", "192.0.2.1:80", nil},
		{"tcp", "[fe80::1%77777]:80", "[fe80::1%77777]:80", nil},
		{"tcp", ":80", "127.0.0.1:80 [::1]:80", nil},
		{"tcp4", ":80", "127.0.0.1:80", nil},
		{"tcp6", ":80", "[::1]:80", nil},
		{"tcp", "0.0.0.0:80", "127.0.0.1:80", nil},
		{"tcp", "[::]:80", "[::1]:80", nil},
		{"tcp", "localhost:80", "127.0.0.1:80 [::1]:80", nil},
		{"tcp6", "LocalHost.:80", "[::1]:80", nil},
		{"tcp", "example.org:80", "look up", nil},
		{"tcp", "example.org.:80", "look up", nil},
		{"tcp", "under_score.example:80", "look up", nil},
		{"tcp", "4c1d7e:80", "look up", nil},
		{"tcp", "123456:80", "look up", nil}, // a container's name may be digits
		{"tcp", "127.0.0.1:http", "look up", nil},
		{"unix", "/run/socket", "/run/socket", nil},
		{"unix", "relative", "relative", nil},
		{"unix", "host:80", "host:80", nil},

		{"udp", "127.0.0.1:80", "", ErrUnknownNetwork},
		{"TCP", "127.0.0.1:80", "", ErrUnknownNetwork},
		{"unixgram", "/run/socket", "", ErrUnknownNetwork},
		{"tcp", "", "", ErrBadAddress},
		{"tcp", "127.0.0.1", "", ErrBadAddress},
		{"tcp", "127.0.0.1:", "", ErrBadAddress},
		{"tcp", "127.0.0.1:0", "", ErrBadAddress},
		{"tcp", "127.0.0.1:65536", "", ErrBadAddress},
		{"tcp", "127.0.0.1:99999999999999999999", "", ErrBadAddress},
		{"tcp", "127.0.0.1:-1", "", ErrBadAddress},
		{"tcp", "127.0.0.1:+1", "", ErrBadAddress},
		{"tcp", "127.0.0.1:8 0", "", ErrBadAddress},
		{"tcp", "127.0.0.1:80/", "", ErrBadAddress},
		{"tcp", "::1:80", "", ErrBadAddress},
		{"tcp", "[::1:80", "", ErrBadAddress},
		{"tcp", "[::1]80", "", ErrBadAddress},
		{"tcp", "[::1]", "", ErrBadAddress},
		{"tcp", "[::1%no-such-zone]:80", "", ErrBadAddress},
		{"tcp", "[fe80::1%0]:80", "", ErrBadAddress},
		{"tcp4", "[::1]:80", "", ErrBadAddress},
		{"tcp6", "127.0.0.1:80", "", ErrBadAddress},
		{"tcp6", "[::ffff:127.0.0.1]:80", "", ErrBadAddress},
		{"tcp", "1.2.3.400:80", "", ErrBadAddress},
		{"tcp", "1.2.3:80", "", ErrBadAddress},
		{"tcp", "a..b:80", "", ErrBadAddress},
		{"tcp", ".:80", "", ErrBadAddress},
		{"tcp", "-a.example:80", "", ErrBadAddress},
		{"tcp", "a b:80", "", ErrBadAddress},
		{"tcp", "a/b:80", "", ErrBadAddress},
		{"tcp", "exämple.org:80", "", ErrBadAddress}, // IDNA is the caller's affair
		{"tcp", strings.Repeat("a", 64) + ":80", "", ErrBadAddress},
		{"tcp", strings.Repeat("a.", 127) + "a:80", "", ErrBadAddress},
		{"unix", "", "", ErrBadAddress},
		{"unix", "a\x00b", "", ErrBadAddress},
		{"unix", "/" + strings.Repeat("a", 200), "", ErrBadAddress},
	} {
		eps, literal, err := ParseDial(c.network, c.address)
		if c.err != nil {
			var told *SocketError
			if !errors.Is(err, c.err) || !errors.As(err, &told) || eps != nil || literal {
				t.Errorf("ParseDial(%q, %q) = %v, %v, %v, want %v", c.network, c.address, eps, literal, err, c.err)
			}
			continue
		}
		got := "look up"
		if literal {
			got = joinEndpoints(eps)
		}
		if err != nil || got != c.want || literal != (eps != nil) {
			t.Errorf("ParseDial(%q, %q) = %q, %v, want %q", c.network, c.address, got, err, c.want)
		}
	}
}

func joinEndpoints(eps []Endpoint) string {
	var all []string
	for _, e := range eps {
		all = append(all, e.String())
	}
	return strings.Join(all, " ")
}

// TestPathLength: the longest path the kernel takes is taken, and one more byte is refused before it.
func TestPathLength(t *testing.T) {
	room := len(unix.RawSockaddrUnix{}.Path)
	t.Chdir(t.TempDir())
	path := strings.Repeat("p", room-1)
	mustListen(t, "unix", path, SocketOptions{})
	mustConnect(t, literalEndpoint(t, "unix", path), SocketOptions{})
	if _, _, err := Listen("unix", path+"p", SocketOptions{}); !errors.Is(err, ErrBadAddress) {
		t.Error(err)
	}
}

func TestAddr(t *testing.T) {
	for _, c := range []struct{ network, address string }{
		{"tcp", "192.0.2.1:80"}, {"tcp", "[2001:db8::1]:80"}, {"tcp", "[fe80::1%77777]:80"}, {"unix", "/run/socket"},
	} {
		e := literalEndpoint(t, c.network, c.address)
		if e.Network() != c.network || e.Addr().Network() != c.network || e.Addr().String() != c.address {
			t.Errorf("%v: network %q, address %#v", e, e.Network(), e.Addr())
		}
	}
	var none Endpoint
	if none.Network() != "" || none.Addr() != nil || none.String() != "" {
		t.Errorf("the zero Endpoint is %q %q %v", none.Network(), none, none.Addr())
	}
	var nobody Peer
	if nobody.Addr() != nil || nobody.String() != "" || nobody.AddrPort() != (netip.AddrPort{}) {
		t.Errorf("the zero Peer is %q %v", nobody, nobody.Addr())
	}
}

// TestZone goes from an interface's name to its index and back.
func TestZone(t *testing.T) {
	all, err := net.Interfaces()
	if err != nil || len(all) == 0 {
		t.Skip("no interfaces: ", err)
	}
	address := "[fe80::1%" + all[0].Name + "]:80"
	e := literalEndpoint(t, "tcp", address)
	if e.peer.zone != uint32(all[0].Index) || e.String() != address || e.Addr().String() != address {
		t.Errorf("%v has zone %d, want %d", e, e.peer.zone, all[0].Index)
	}
}

func TestAlternate(t *testing.T) {
	for _, c := range []struct{ in, want string }{
		{"::1", "::1"},
		{"::1 ::2 1.1.1.1 1.1.1.2 1.1.1.3", "::1 1.1.1.1 ::2 1.1.1.2 1.1.1.3"},
		{"1.1.1.1 ::1 ::2 ::3", "1.1.1.1 ::1 ::2 ::3"},
		{"1.1.1.2 1.1.1.1", "1.1.1.2 1.1.1.1"},
	} {
		var ips []netip.Addr
		for s := range strings.FieldsSeq(c.in) {
			ips = append(ips, netip.MustParseAddr(s))
		}
		var got []string
		for _, ip := range alternate(ips) {
			got = append(got, ip.String())
		}
		if !slices.Equal(got, strings.Fields(c.want)) {
			t.Errorf("%s: got %v", c.in, got)
		}
	}
}

// useResolver puts a name server of one host into net.DefaultResolver until the test ends, and counts the
// questions. "both.test." has two IPv4 and two IPv6 addresses; no other name exists.
func useResolver(t *testing.T) (questions *atomic.Int32) {
	t.Helper()
	questions = new(atomic.Int32)
	before := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = before })
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(context.Context, string, string) (net.Conn, error) {
		questions.Add(1)
		client, server := net.Pipe()
		go answer(server)
		return client, nil
	}}
	return questions
}

// answer serves one connection, in the framing of DNS over TCP (RFC 1035, 4.2.2).
func answer(c net.Conn) {
	defer c.Close()
	for {
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err != nil {
			return
		}
		query := make([]byte, binary.BigEndian.Uint16(size[:]))
		if _, err := io.ReadFull(c, query); err != nil {
			return
		}
		end := 12
		for query[end] != 0 {
			end += int(query[end]) + 1
		}
		end += 5 // the root label, type and class
		reply := slices.Clone(query[:end])
		reply[2], reply[3] = 0x84, 0x80 // an authoritative answer, recursion available
		clear(reply[6:12])
		if string(query[12:end-4]) != "\x04both\x04test\x00" {
			reply[3] |= 3 // no such name
		} else {
			for _, last := range []byte{1, 2} {
				switch query[end-3] {
				case 1: // A
					reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, last)
				case 28: // AAAA
					reply = append(reply, 0xc0, 12, 0, 28, 0, 1, 0, 0, 0, 60, 0, 16,
						0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last)
				}
			}
			reply[7] = 2
		}
		binary.BigEndian.PutUint16(size[:], uint16(len(reply)))
		if _, err := c.Write(append(size[:], reply...)); err != nil {
			return
		}
	}
}

func TestResolveDial(t *testing.T) {
	questions := useResolver(t)
	for _, c := range []struct {
		network, address string
		want             []string // sorted: the order depends on this machine's routes (RFC 6724)
		asks             bool
	}{
		{"tcp", "192.0.2.7:80", []string{"192.0.2.7:80"}, false},
		{"tcp", "localhost:80", []string{"127.0.0.1:80", "[::1]:80"}, false},
		{"unix", "/run/socket", []string{"/run/socket"}, false},
		{"tcp", "both.test.:80", []string{"192.0.2.1:80", "192.0.2.2:80", "[2001:db8::1]:80", "[2001:db8::2]:80"}, true},
		{"tcp4", "both.test.:80", []string{"192.0.2.1:80", "192.0.2.2:80"}, true},
		{"tcp6", "both.test.:http", []string{"[2001:db8::1]:80", "[2001:db8::2]:80"}, true},
		{"tcp", "127.0.0.1:https", []string{"127.0.0.1:443"}, false},
	} {
		questions.Store(0)
		eps, err := ResolveDial(t.Context(), c.network, c.address)
		var got []string
		for i, e := range eps {
			got = append(got, e.String())
			if i > 0 && c.network == "tcp" && e.peer.family == eps[i-1].peer.family {
				t.Errorf("%s: families do not alternate in %v", c.address, eps)
			}
		}
		slices.Sort(got)
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("ResolveDial(%q, %q) = %v, %v, want %v", c.network, c.address, got, err, c.want)
		}
		if asked := questions.Load() > 0; asked != c.asks {
			t.Errorf("%s %s: asked the name server: %v", c.network, c.address, asked)
		}
	}
}

func TestResolveDialErrors(t *testing.T) {
	useResolver(t)
	var dns *net.DNSError
	for _, address := range []string{"none.test.:80", "127.0.0.1:no-such-service"} {
		var told *SocketError
		_, err := ResolveDial(t.Context(), "tcp", address)
		if !errors.As(err, &dns) || !dns.IsNotFound || !errors.As(err, &told) || told.Op != "resolve" {
			t.Errorf("%s: %v", address, err)
		}
	}
	if _, err := ResolveDial(t.Context(), "tcp", "host"); !errors.Is(err, ErrBadAddress) {
		t.Error(err)
	}
}

// TestResolveDialGivesUp: the name server never answers, and the context ends.
func TestResolveDialGivesUp(t *testing.T) {
	before := net.DefaultResolver
	t.Cleanup(func() { net.DefaultResolver = before })
	ctx, end := context.WithCancel(t.Context())
	net.DefaultResolver = &net.Resolver{PreferGo: true, Dial: func(asking context.Context, _, _ string) (net.Conn, error) {
		end()
		<-asking.Done()
		return nil, asking.Err()
	}}
	var dns *net.DNSError
	if _, err := ResolveDial(ctx, "tcp", "both.test.:80"); !errors.As(err, &dns) {
		t.Error(err)
	}
}

// TestListenHostName: a name is looked up, and its IPv4 address preferred.
func TestListenHostName(t *testing.T) {
	useResolver(t)
	e, dual, err := resolveListen("tcp", "both.test.:http")
	if err != nil || dual || e.String() != "192.0.2.1:80" && e.String() != "192.0.2.2:80" {
		t.Errorf("%v, %v, %v", e, dual, err)
	}
	e, _, err = resolveListen("tcp6", "both.test.:0")
	if err != nil || !strings.HasPrefix(e.String(), "[2001:db8::") {
		t.Errorf("%v, %v", e, err)
	}
	if _, _, err := Listen("tcp", "none.test.:0", SocketOptions{}); err == nil {
		t.Error("listens on a host that does not exist")
	}
}

func TestErrorText(t *testing.T) {
	_, _, err := Listen("tcp", "127.0.0.1:x y", SocketOptions{})
	const want = "reactor: listen tcp 127.0.0.1:x y: bad address: neither a port nor a service name"
	if err == nil || err.Error() != want {
		t.Errorf("got %q", err)
	}
	if !errors.Is(ErrUnsupported, errors.ErrUnsupported) {
		t.Error("ErrUnsupported stands alone")
	}
	if errors.Is(ErrBadAddress, ErrUnknownNetwork) || errors.Is(ErrBadAddress, nil) {
		t.Error("ErrBadAddress matches what it should not")
	}
}
