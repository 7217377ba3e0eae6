//go:build unix

package reactor

import (
	"errors"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Listen opens a listening socket, which the caller owns. Networks: "tcp", "tcp4", "tcp6" with "host:port" as in
// package net, and "unix" with a path or, on Linux, an abstract name with a leading '@'. With "tcp" an empty host
// or "::" listens on IPv6 and IPv4 alike, or on IPv4 alone where the system has no IPv6; "0.0.0.0" means IPv4. Port
// 0 lets the kernel choose: bound tells. A host or service name is looked up without a time limit; its first IPv4
// address is used, or the first at all.
//
// A unix socket whose listener has died is replaced; one that still listens gives ErrAddressInUse, anything else
// at the path ErrNotSocket, untouched. Two processes that replace the same dead socket at the same instant can
// miss each other, and the later one wins.
//
// bound is a *net.TCPAddr, for a unix path a *SocketFile, which the caller hands to UnlinkSocket in the end, and for
// an abstract name a *net.UnixAddr.
//
// Errors, in a *SocketError: ErrUnknownNetwork, ErrBadAddress, ErrBadOption, ErrAddressInUse, ErrNotSocket,
// ErrUnsupported, a *net.DNSError, or what the system says.
func Listen(network, address string, o SocketOptions) (fd int, bound net.Addr, err error) {
	if fd, bound, err = resolveAndListen(network, address, o); err != nil {
		return -1, nil, socketError("listen", network, address, err)
	}
	return fd, bound, nil
}

func resolveAndListen(network, address string, o SocketOptions) (int, net.Addr, error) {
	e, dual, err := resolveListen(network, address)
	if err != nil {
		return -1, nil, err
	}
	if err := o.validateListen(e); err != nil {
		return -1, nil, err
	}
	fd, err := listen(e, dual, o)
	if err != nil {
		return -1, nil, err
	}
	if e.peer.family != familyUnix || e.isAbstract() {
		return fd, LocalAddr(fd), nil
	}
	file, err := identifySocket(e.path)
	if err != nil {
		CloseFD(fd)
		return -1, nil, err
	}
	return fd, file, nil
}

func listen(e Endpoint, dual bool, o SocketOptions) (int, error) {
	if e.peer.family == familyUnix {
		return openListener(e, o, bindUnix)
	}
	fd, err := openListener(e, o, func(fd int, e Endpoint, o SocketOptions) error {
		return bindTCP(fd, e, dual, o)
	})
	if dual && lacksIP6(err) {
		return listen(Endpoint{peer: Peer{family: familyIP4, port: e.peer.port}}, false, o)
	}
	return fd, err
}

// lacksIP6 reports the errors of a system without IPv6, or without IPv4 on IPv6 sockets.
func lacksIP6(err error) bool {
	for _, sign := range []unix.Errno{
		unix.EAFNOSUPPORT, unix.EPROTONOSUPPORT, unix.EADDRNOTAVAIL, unix.ENOPROTOOPT, unix.EINVAL,
	} {
		if errors.Is(err, sign) {
			return true
		}
	}
	return false
}

// openListener makes a socket, has it bound and listening, and closes it again if that fails.
func openListener(e Endpoint, o SocketOptions, bind func(int, Endpoint, SocketOptions) error) (int, error) {
	domain, _ := e.sockaddr()
	fd, err := newSocket(domain)
	if err != nil {
		return -1, err
	}
	if err = o.apply(fd, e.peer.family); err == nil {
		err = bind(fd, e, o)
	}
	if err != nil {
		CloseFD(fd)
		return -1, err
	}
	return fd, nil
}

func bindTCP(fd int, e Endpoint, dual bool, o SocketOptions) error {
	domain, sa := e.sockaddr()
	set := optionSetter{fd: fd}
	if domain == unix.AF_INET6 {
		set.option(unix.IPPROTO_IPV6, unix.IPV6_V6ONLY, boolInt(!dual))
	}
	set.option(unix.SOL_SOCKET, unix.SO_REUSEADDR, 1) // or a restart waits for the old connections' TIME_WAIT
	if o.ReusePort {
		set.option(unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
	}
	if set.err != nil {
		return set.err
	}
	if err := unix.Bind(fd, sa); err != nil {
		return err
	}
	return unix.Listen(fd, o.backlog())
}

func bindUnix(fd int, e Endpoint, o SocketOptions) error {
	_, sa := e.sockaddr()
	err := unix.Bind(fd, sa)
	if err == unix.EADDRINUSE && !e.isAbstract() {
		if err = removeStale(e); err == nil {
			err = unix.Bind(fd, sa)
		}
	}
	if err != nil {
		return err
	}
	if o.UnixMode != 0 { // nobody can connect before listen, so nobody slips in under the umask's bits
		err = os.Chmod(e.path, o.UnixMode)
	}
	if err == nil {
		err = unix.Listen(fd, o.backlog())
	}
	if err != nil && !e.isAbstract() {
		unix.Unlink(e.path)
	}
	return err
}

// removeStale removes the file at a unix path if it is a socket that nobody listens on.
func removeStale(e Endpoint) error {
	var before, after unix.Stat_t
	if err := unix.Lstat(e.path, &before); err != nil {
		return goneIsFine(err)
	}
	if before.Mode&unix.S_IFMT != unix.S_IFSOCK {
		return ErrNotSocket
	}
	fd, _, err := connect(e, SocketOptions{})
	if err == nil {
		CloseFD(fd)
	}
	if err == unix.ENOENT {
		return nil
	}
	if err != unix.ECONNREFUSED { // it answered, or its backlog is full, or it is not ours to ask
		return ErrAddressInUse
	}
	if err := unix.Lstat(e.path, &after); err != nil {
		return goneIsFine(err)
	}
	if after.Dev != before.Dev || after.Ino != before.Ino {
		return ErrAddressInUse
	}
	return goneIsFine(unix.Unlink(e.path))
}

func (e Endpoint) isAbstract() bool { return strings.HasPrefix(e.path, "@") }

func (o SocketOptions) backlog() int {
	if o.Backlog == 0 {
		return defaultBacklog
	}
	return o.Backlog
}

func boolInt(b bool) int {
	if b {
		return 1
	}
	return 0
}
