//go:build unix

package reactor

import (
	"net"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// A SocketFile is the address of a unix listener, and remembers which file was made for it, so that no other is
// removed in its place. The zero value has no file.
type SocketFile struct {
	name     string // as it was given
	path     string // absolute: the working directory may change
	dev, ino uint64
}

// Network returns "unix".
func (f *SocketFile) Network() string { return "unix" }

// String returns the path as it was given to Listen.
func (f *SocketFile) String() string { return f.name }

// UnlinkSocket removes the file that Listen made, if the path still leads to it. Call it before closing the listener:
// as long as that is open, the number of its inode cannot be given to somebody else's file. Nothing is done, and it
// is no error, for addresses without a file, and when the file has gone or is another one. Errors, in a
// *SocketError: the errno of lstat(2) and unlink(2).
func UnlinkSocket(bound net.Addr) error {
	f, ok := bound.(*SocketFile)
	if !ok || f.ino == 0 {
		return nil
	}
	now, err := identifySocket(f.path)
	if err == nil && now.dev == f.dev && now.ino == f.ino {
		err = unix.Unlink(f.path)
	}
	if err = goneIsFine(err); err != nil {
		return socketError("unlink", "unix", f.name, err)
	}
	return nil
}

// identifySocket leaves device and inode zero when the file at path is no socket.
func identifySocket(path string) (*SocketFile, error) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	f := &SocketFile{name: path, path: absolute}
	var s unix.Stat_t
	if err := unix.Lstat(absolute, &s); err != nil {
		return nil, err
	}
	if s.Mode&unix.S_IFMT == unix.S_IFSOCK {
		f.dev, f.ino = uint64(s.Dev), uint64(s.Ino)
	}
	return f, nil
}

func goneIsFine(err error) error {
	if err == unix.ENOENT {
		return nil
	}
	return err
}
