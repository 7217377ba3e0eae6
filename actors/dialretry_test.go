package actors_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/reactor"
	"golang.org/x/sys/unix"
)

// fullSocket listens at a unix socket without accepting, until its queue is full. free makes room.
func fullSocket(t *testing.T) (path string, free func()) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	fd, _, err := reactor.Listen("unix", path, reactor.SocketOptions{Backlog: 1})
	if err != nil {
		t.Fatal(err)
	}
	fds := []int{fd}
	t.Cleanup(func() {
		for _, fd := range fds {
			unix.Close(fd)
		}
	})
	for err == nil {
		s, failed := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
		if failed != nil {
			t.Fatal(failed)
		}
		fds = append(fds, s)
		err = unix.Connect(s, &unix.SockaddrUnix{Name: path})
	}
	if err != unix.EAGAIN {
		t.Fatal(err)
	}
	queued := len(fds) - 2 // but for the listening one and the last
	return path, func() {
		for range queued {
			c, _, err := unix.Accept(fd)
			if err != nil {
				t.Error(err)
				return
			}
			unix.Close(c)
		}
	}
}

// TestDialRetryWithIdleTimeout: the idle timeout begins when the connection is open. What is set of it before neither
// puts off nor stops the tries to connect to a unix socket whose queue is full.
func TestDialRetryWithIdleTimeout(t *testing.T) {
	for name, c := range map[string]struct {
		initial time.Duration
		set     func(*actors.Conn)
	}{
		"none":         {0, func(*actors.Conn) {}},
		"as an option": {time.Minute, func(*actors.Conn) {}},
		"set":          {0, func(c *actors.Conn) { c.SetTimeout(time.Minute) }},
		"withdrawn":    {time.Minute, func(c *actors.Conn) { c.SetTimeout(0) }},
	} {
		t.Run(name, func(t *testing.T) {
			path, free := fullSocket(t)
			s := system(t, actors.Options{})
			p := newProbe(t)
			conn, err := s.Dial("unix", path, p.factory(), actors.DialOptions{
				ConnOptions: actors.ConnOptions{IdleTimeout: c.initial, Linger: -1}, Timeout: patience,
			})
			if err != nil {
				t.Fatal(err)
			}
			turns := func(n uint64) {
				before := s.Stats().Loops.Turns
				until(t, "it tries again", func() bool { return s.Stats().Loops.Turns >= before+n })
			}
			turns(1)
			c.set(conn)
			turns(3)
			free()
			get(t, p.opened, "OnOpen")
			conn.Close()
			p.wantClose(actors.LocalClose)
		})
	}
}

// TestDialIdleTimeoutCountsFromOpen: the idle timeout that was set while the connection was dialled holds.
func TestDialIdleTimeoutCountsFromOpen(t *testing.T) {
	path, free := fullSocket(t)
	s := system(t, actors.Options{})
	p := newProbe(t)
	var opened time.Time
	p.open = func(*actors.Conn) { opened = time.Now() }
	conn, err := s.Dial("unix", path, p.factory(), actors.DialOptions{
		ConnOptions: actors.ConnOptions{Linger: -1}, Timeout: patience,
	})
	if err != nil {
		t.Fatal(err)
	}
	const idle = 50 * time.Millisecond
	conn.SetTimeout(idle)
	before := s.Stats().Loops.Turns
	until(t, "it has tried for longer", func() bool { return s.Stats().Loops.Turns >= before+8 })
	free()
	p.wantClose(actors.IdleTimeout)
	if waited := time.Since(opened); waited < idle-tick {
		t.Errorf("idle after %v, want %v", waited, idle)
	}
}
