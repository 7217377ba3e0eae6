package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/troupe-go/troupe/bench/internal/proc"
)

const (
	startLimit = 10 * time.Second
	stopLimit  = 5 * time.Second
)

// server is a bench-server that listens.
type server struct {
	kind  string
	addr  string
	child *proc.Child
}

// startServer starts a server on its processor and waits until it listens.
func (l *lab) startServer(ctx context.Context, kind string, w workload) (*server, error) {
	lifetime := w.config.Warmup + w.config.Duration + 2*time.Minute
	cmd := exec.Command(filepath.Join(l.bin, "bench-server"), "-kind", kind, "-lifetime", lifetime.String())
	cmd.Args = append(cmd.Args, w.server...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	child, err := proc.Start(cmd, l.serverCPU)
	if err != nil {
		return nil, fmt.Errorf("bench-server: %w", err)
	}
	s := &server{kind: kind, child: child}
	if s.addr, err = awaitAddr(ctx, stdout); err != nil {
		s.kill()
		return nil, fmt.Errorf("bench-server -kind %s: %w", kind, err)
	}
	return s, nil
}

// awaitAddr reads the server's first line. A server that ends first closes its
// output, which ends the reading.
func awaitAddr(ctx context.Context, stdout io.Reader) (string, error) {
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReader(stdout).ReadString('\n')
		lines <- line
	}()
	select {
	case line := <-lines:
		addr, ok := strings.CutPrefix(strings.TrimSpace(line), "listening on ")
		if !ok {
			return "", fmt.Errorf("did not say where it listens, but %q", line)
		}
		return addr, nil
	case <-time.After(startLimit):
		return "", fmt.Errorf("does not listen after %v", startLimit)
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// stop asks the server to leave and fails unless it does so with code 0.
func (s *server) stop() error {
	s.child.Signal(syscall.SIGTERM)
	select {
	case <-s.child.Done:
	case <-time.After(stopLimit):
		s.kill()
		return fmt.Errorf("bench-server -kind %s does not stop on SIGTERM", s.kind)
	}
	if err := s.child.Err(); err != nil {
		return errors.Join(fmt.Errorf("bench-server -kind %s", s.kind), err)
	}
	return nil
}

func (s *server) kill() {
	s.child.Signal(syscall.SIGKILL)
	<-s.child.Done
}
