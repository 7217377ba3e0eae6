//go:build unix

package reactor

import (
	"errors"
	"fmt"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// checkPath checks the path of a unix socket, before the kernel cuts it or misreads it.
func checkPath(path string) error {
	room := len(unix.RawSockaddrUnix{}.Path)
	abstract := strings.HasPrefix(path, "@")
	switch {
	case abstract && runtime.GOOS != "linux":
		return fmt.Errorf("%w: abstract unix sockets", ErrUnsupported)
	case path == "" || path == "@":
		return badAddress("empty path")
	case strings.IndexByte(path, 0) >= 0:
		return badAddress("zero byte in the path")
	case len(path) > room || len(path) == room && !abstract: // a path ends with a zero byte, unix(7)
		return badAddress("path of more than " + strconv.Itoa(room-1) + " bytes")
	}
	return nil
}

// parsePort reads a port's number; "" is 0. A name is left for a look-up.
func parsePort(s string) (port uint16, service string, err error) {
	if s == "" {
		return 0, "", nil
	}
	n, err := strconv.ParseUint(s, 10, 16)
	switch {
	case err == nil:
		return uint16(n), "", nil
	case errors.Is(err, strconv.ErrRange):
		return 0, "", badAddress("port is not in 0..65535")
	case !isLabel(s):
		return 0, "", badAddress("neither a port nor a service name")
	}
	return 0, s, nil
}

// isHostName reports whether a resolver may be asked for it (RFC 1035, 2.3.4). Digits and dots alone are a
// misspelt IPv4 address.
func isHostName(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 253 || strings.Contains(s, ".") && strings.Trim(s, "0123456789.") == "" {
		return false
	}
	for label := range strings.SplitSeq(s, ".") {
		if !isLabel(label) {
			return false
		}
	}
	return true
}

// isLabel allows 1 to 63 letters, digits, '-' and '_', with no '-' in front.
func isLabel(s string) bool {
	if s == "" || len(s) > 63 || s[0] == '-' {
		return false
	}
	for _, c := range []byte(s) {
		if c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '_' {
			continue
		}
		return false
	}
	return true
}

func badAddress(why string) error { return fmt.Errorf("%w: %s", ErrBadAddress, why) }
