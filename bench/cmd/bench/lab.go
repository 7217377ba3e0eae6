package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/troupe-go/troupe/bench/internal/proc"
	"github.com/troupe-go/troupe/bench/load"
)

// lab is where measurements are made: the programs and their processors.
type lab struct {
	bin       string
	temporary bool
	serverCPU int
	loadCPU   int
}

// openLab picks the first processor for servers and the last one for the load.
func openLab() (*lab, error) {
	l := &lab{serverCPU: proc.Unpinned, loadCPU: proc.Unpinned}
	cpus, err := proc.CPUs()
	if err != nil {
		return nil, err
	}
	if len(cpus) > 1 {
		l.serverCPU, l.loadCPU = cpus[0], cpus[len(cpus)-1]
	} else {
		fmt.Fprintln(os.Stderr, "bench: one processor only: server and load share it, the numbers mean little")
	}
	return l, nil
}

// build builds the programs, unless bin names a folder that has them.
func (l *lab) build(ctx context.Context, bin string) (err error) {
	if bin != "" {
		l.bin = bin
		return nil
	}
	if l.bin, err = os.MkdirTemp("", "bench-"); err != nil {
		return err
	}
	l.temporary = true
	const module = "github.com/troupe-go/troupe/bench/cmd/"
	build := exec.CommandContext(ctx, "go", "build", "-o", l.bin, module+"bench-server", module+"bench-load")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return fmt.Errorf("build: %w", err)
	}
	return nil
}

func (l *lab) close() {
	if l.temporary {
		_ = os.RemoveAll(l.bin)
	}
}

// measure runs one workload against a fresh server of a kind. The process is
// fresh so that no heap, thread or pool left by an earlier load takes part, and
// so that its luck with memory layout is drawn anew in each round; no other
// server is alive meanwhile.
func (l *lab) measure(ctx context.Context, kind string, w workload) (load.Report, error) {
	server, err := l.startServer(ctx, kind, w)
	if err != nil {
		return load.Report{}, err
	}
	report, err := l.load(ctx, server, w)
	return report, errors.Join(err, server.stop())
}

func (l *lab) load(ctx context.Context, server *server, w workload) (load.Report, error) {
	c := w.config
	limit := c.Warmup + c.Duration + time.Minute
	var out bytes.Buffer
	cmd := exec.Command(filepath.Join(l.bin, "bench-load"),
		"-mode", w.mode,
		"-addr", server.addr,
		"-server-pid", strconv.Itoa(server.child.Pid),
		"-conns", strconv.Itoa(c.Conns),
		"-size", strconv.Itoa(c.Size),
		"-pipeline", strconv.Itoa(c.Depth),
		"-warmup", c.Warmup.String(),
		"-duration", c.Duration.String(),
		"-rate", strconv.FormatFloat(c.Rate, 'f', -1, 64),
		"-blocked", strconv.Itoa(c.BlockedConns),
		"-spin="+strconv.FormatBool(c.Spin && l.loadCPU != proc.Unpinned),
		"-verify="+strconv.FormatBool(c.Verify),
		"-limit", limit.String(),
	)
	cmd.Stdout, cmd.Stderr = &out, os.Stderr
	child, err := proc.Start(cmd, l.loadCPU)
	if err != nil {
		return load.Report{}, fmt.Errorf("bench-load: %w", err)
	}
	select {
	case <-child.Done:
	case <-server.child.Done:
		child.Signal(syscall.SIGKILL)
	case <-ctx.Done():
		child.Signal(syscall.SIGKILL)
	}
	<-child.Done
	if err := errors.Join(ctx.Err(), child.Err()); err != nil {
		return load.Report{}, fmt.Errorf("bench-load: %w", err)
	}
	var report load.Report
	if err := json.Unmarshal(out.Bytes(), &report); err != nil {
		return report, fmt.Errorf("bench-load: %w", err)
	}
	return report, nil
}
