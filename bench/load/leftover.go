package load

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/troupe-go/troupe/bench/internal/rawcall"
)

// leftoverQuiet is how long nothing comes after the last of the leftovers.
const leftoverQuiet = 50 * time.Millisecond

// empty reads what the server still has for the stalled subscriber. Messages
// may be missing, that is what the server's policy is for, but none may be in
// pieces, unless the last of a connection that was closed.
func (d *stalledWatch) empty() error {
	var rest []byte
	for quiet := d.loop.clock() + leftoverQuiet; d.loop.clock() < quiet; {
		n, errno := rawcall.Read(d.stalled.fd, d.loop.buffer)
		if errno == unix.ECONNRESET || errno == 0 && n == 0 {
			d.report.Closed = true
			return nil
		}
		if rawcall.Retry(errno) {
			time.Sleep(time.Millisecond)
			continue
		}
		if errno != 0 {
			return os.NewSyscallError("read", errno)
		}
		quiet = d.loop.clock() + leftoverQuiet
		var err error
		if rest, err = d.takeWhole(append(rest, d.loop.buffer[:n]...)); err != nil {
			return err
		}
	}
	if len(rest) > 0 {
		return fmt.Errorf("load: the stalled subscriber's last message ends after %d bytes", len(rest))
	}
	return nil
}

// takeWhole checks and counts the whole messages that p begins with and returns
// what follows them. A message is as many bytes of the rolling pattern as its
// size, from any phase; the server's answers to subscribing may be between.
func (d *stalledWatch) takeWhole(p []byte) (rest []byte, err error) {
	l := d.loop
	for len(p) > 0 {
		if p[0] == subscribe {
			p = p[1:]
			continue
		}
		if len(p) < l.config.Size {
			break
		}
		message := p[:l.config.Size]
		if phase := int(message[0]) - int(l.pattern[0]); phase < 0 || phase >= period || !bytes.Equal(message, l.pattern[phase:][:len(message)]) {
			return nil, fmt.Errorf("load: the stalled subscriber got a torn message: %.32x", message)
		}
		d.report.Got++
		p = p[l.config.Size:]
	}
	return p, nil
}
