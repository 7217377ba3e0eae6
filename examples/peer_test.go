package examples

import (
	"io"
	"net"
	"os"
	"os/exec"
	"testing"
)

// A peer is somebody who talks to a program: a socket of this process, or a client that people use.
type peer struct {
	*output
	in      io.WriteCloser
	staysOn bool   // until its standard input ends too, as nc does
	crash   func() // ends it at once, as kill -9 does
}

// expectEnd waits until the program has closed the connection and returns what came since the last expect.
func (p *peer) expectEnd(t testing.TB) (rest string) {
	t.Helper()
	if p.staysOn {
		p.in.Close()
	}
	return p.output.expectEnd(t)
}

// kinds are the ways to connect. Each test of a conversation is done in each of them.
//
// The clients are those of Debian 12 after apt-get install telnet netcat-openbsd. Where one is missing its tests are
// skipped, or fail if the environment variable TROUPE_REQUIRE_TOOLS is set.
var kinds = []struct {
	name    string
	connect func(testing.TB, *program) *peer
}{
	{"socket", connectSocket},
	{"nc", func(t testing.TB, p *program) *peer { return connectTool(t, "nc", p.host(), p.port()) }},
	{"telnet", func(t testing.TB, p *program) *peer {
		c := connectTool(t, "telnet", p.host(), p.port())
		c.expect(t, "Escape character is '^]'.")
		return c
	}},
}

func connectSocket(t testing.TB, p *program) *peer {
	t.Helper()
	return dial(t, "tcp", p.address)
}

func dial(t testing.TB, network, address string) *peer {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	o := newOutput()
	done := make(chan struct{})
	go func() {
		defer close(done)
		io.Copy(o, c)
		o.end()
	}()
	t.Cleanup(func() { c.Close(); <-done })
	crash := func() {
		if c, ok := c.(*net.TCPConn); ok {
			c.SetLinger(0) // a reset
		}
		c.Close()
	}
	return &peer{output: o, in: c, crash: crash}
}

func connectTool(t testing.TB, name string, args ...string) *peer {
	t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		if os.Getenv("TROUPE_REQUIRE_TOOLS") != "" {
			t.Fatalf("%v (apt-get install telnet netcat-openbsd)", err)
		}
		t.Skipf("%v (apt-get install telnet netcat-openbsd; TROUPE_REQUIRE_TOOLS=1 makes this a failure)", err)
	}
	cmd := exec.Command(name, args...)
	o := newOutput()
	cmd.Stdout, cmd.Stderr = o, o
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		cmd.Wait()
		o.end()
	}()
	crash := func() { cmd.Process.Kill(); <-done }
	t.Cleanup(crash)
	return &peer{output: o, in: in, staysOn: name == "nc", crash: crash}
}

func (p *peer) send(t testing.TB, text string) {
	t.Helper()
	if _, err := io.WriteString(p.in, text); err != nil {
		t.Fatal(err)
	}
}

// everyKind runs a test once for each kind of peer. connect makes another peer of that kind.
func everyKind(t *testing.T, test func(t *testing.T, connect func(testing.TB, *program) *peer)) {
	for _, kind := range kinds {
		t.Run(kind.name, func(t *testing.T) { test(t, kind.connect) })
	}
}
