package match

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/troupe-go/troupe/bench/internal/proc"
)

const (
	redisStart = 10 * time.Second
	redisStop  = 5 * time.Second
	// redisPerConn is how many patterns one connection subscribes to: Redis 7
	// searches each new one in the list of those that the connection has.
	redisPerConn = 1000
)

// errNoRedis says that there is no redis-server to compare with.
var errNoRedis = errors.New("redis-server is not in PATH")

// redis is a redis-server with a set's patterns, in a process and a folder of
// its own, which keeps nothing.
type redis struct {
	folder      string
	child       *proc.Child
	publisher   *redisConn
	subscribers []*redisConn
}

// startRedis starts a server on a processor and subscribes to the patterns.
func startRedis(ctx context.Context, s *standing, cpu int) (r *redis, err error) {
	program, err := exec.LookPath("redis-server")
	if err != nil {
		return nil, errNoRedis
	}
	r = new(redis)
	defer func() {
		if err != nil {
			r.stop()
		}
	}()
	if r.folder, err = os.MkdirTemp("", "bench-redis-"); err != nil {
		return nil, err
	}
	socket := filepath.Join(r.folder, "socket")
	cmd := exec.Command(program, "--port", "0", "--unixsocket", socket, "--dir", r.folder,
		"--save", "", "--appendonly", "no", "--loglevel", "warning")
	cmd.Stderr = os.Stderr
	if r.child, err = proc.Start(cmd, cpu); err != nil {
		return nil, fmt.Errorf("redis-server: %w", err)
	}
	if r.publisher, err = r.dial(ctx, socket); err != nil {
		return nil, fmt.Errorf("redis-server: %w", err)
	}
	for rest := s.patterns; len(rest) > 0; {
		n := min(len(rest), redisPerConn)
		if err := r.subscribe(ctx, socket, rest[:n]); err != nil {
			return nil, fmt.Errorf("redis-server: PSUBSCRIBE: %w", err)
		}
		rest = rest[n:]
	}
	return r, nil
}

// dial waits until the server listens.
func (r *redis) dial(ctx context.Context, socket string) (*redisConn, error) {
	for deadline := time.Now().Add(redisStart); ; {
		conn, err := net.Dial("unix", socket)
		if err == nil {
			return newRedisConn(conn), nil
		}
		if time.Now().After(deadline) {
			return nil, err
		}
		select {
		case <-r.child.Done:
			return nil, errors.Join(errors.New("it has ended"), r.child.Err())
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(5 * time.Millisecond):
		}
	}
}

// subscribe has a connection of its own subscribe and then throws away all that
// it gets.
func (r *redis) subscribe(ctx context.Context, socket string, patterns []pattern) error {
	c, err := r.dial(ctx, socket)
	if err != nil {
		return err
	}
	r.subscribers = append(r.subscribers, c)
	for _, p := range patterns {
		c.command("PSUBSCRIBE", p.glob)
	}
	if err := c.flush(); err != nil {
		return err
	}
	for range patterns {
		if _, err := c.reply(); err != nil {
			return err
		}
	}
	go c.discard() // until stop closes the connection
	return nil
}

func (r *redis) stop() {
	for _, c := range append(r.subscribers, r.publisher) {
		if c != nil {
			c.close()
		}
	}
	if r.child != nil {
		r.child.Signal(syscall.SIGTERM)
		select {
		case <-r.child.Done:
		case <-time.After(redisStop):
			r.child.Signal(syscall.SIGKILL)
			<-r.child.Done
		}
	}
	if r.folder != "" {
		_ = os.RemoveAll(r.folder)
	}
}

// publish publishes to names, all in one go, and returns how many got each.
func (r *redis) publish(names []string) ([]int, error) {
	for _, name := range names {
		r.publisher.command("PUBLISH", name, "x")
	}
	if err := r.publisher.flush(); err != nil {
		return nil, err
	}
	counts := make([]int, len(names))
	for i := range counts {
		reply, err := r.publisher.reply()
		if err != nil {
			return nil, err
		}
		if counts[i], err = reply.number(); err != nil {
			return nil, err
		}
	}
	return counts, nil
}
