package glob

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// startRedis starts a Redis of its own on a unix socket, and returns the socket's path.
func startRedis(t *testing.T) (socket string) {
	t.Helper()
	program, err := exec.LookPath("redis-server")
	if err != nil {
		if os.Getenv("TROUPE_REQUIRE_TOOLS") == "1" {
			t.Fatal("redis-server is missing: run scripts/redis.sh")
		}
		t.Skip("redis-server is missing")
	}
	dir, err := os.MkdirTemp("", "redis") // t.TempDir's may be too long for a socket's path
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	socket = filepath.Join(dir, "s")
	cmd := exec.Command(program, "--port", "0", "--unixsocket", socket, "--dir", dir, "--save", "", "--appendonly", "no",
		"--logfile", "", "--daemonize", "no")
	log, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(log)
	drained := make(chan struct{})
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-drained
		cmd.Wait()
	})
	var said strings.Builder
	ready := false
	for !ready && err == nil {
		var line string
		line, err = lines.ReadString('\n')
		said.WriteString(line)
		ready = strings.Contains(strings.ToLower(line), "ready to accept connections")
	}
	go func() {
		defer close(drained)
		io.Copy(io.Discard, lines)
	}()
	if !ready {
		t.Fatalf("Redis ended: %s", said.String())
	}
	return socket
}

// A resp is a connection that speaks Redis's protocol.
type resp struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
	out  *bufio.Writer
}

func dial(t *testing.T, socket string) *resp {
	t.Helper()
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(10 * time.Minute))
	return &resp{t, conn, bufio.NewReaderSize(conn, 1<<16), bufio.NewWriterSize(conn, 1<<16)}
}

// send writes a command, which flush brings on its way.
func (r *resp) send(args ...string) {
	fmt.Fprintf(r.out, "*%d\r\n", len(args))
	for _, a := range args {
		fmt.Fprintf(r.out, "$%d\r\n%s\r\n", len(a), a)
	}
}

func (r *resp) flush() {
	r.t.Helper()
	if err := r.out.Flush(); err != nil {
		r.t.Fatal(err)
	}
}

// receive reads a reply: a string, an int, or an []any of them.
func (r *resp) receive() any {
	r.t.Helper()
	line, err := r.in.ReadString('\n')
	if err != nil {
		r.t.Fatal(err)
	}
	kind, line := line[0], strings.TrimSuffix(line[1:], "\r\n")
	if kind == '+' {
		return line
	}
	n, err := strconv.Atoi(line)
	if err != nil {
		r.t.Fatalf("Redis says %c%s", kind, line)
	}
	switch kind {
	case ':':
		return n
	case '$':
		text := make([]byte, n+2)
		if _, err := io.ReadFull(r.in, text); err != nil {
			r.t.Fatal(err)
		}
		return string(text[:n])
	case '*':
		all := make([]any, n)
		for i := range all {
			all[i] = r.receive()
		}
		return all
	}
	r.t.Fatalf("Redis says %c%s", kind, line)
	return nil
}

// do sends a command and reads its reply.
func (r *resp) do(args ...string) any {
	r.t.Helper()
	r.send(args...)
	r.flush()
	return r.receive()
}
