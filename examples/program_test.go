package examples

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// patience is how long a test waits for what must happen. It only matters when a test fails.
const patience = 20 * time.Second

// output is what a program or a peer says, to be waited for. It takes everything at once, so that nobody is kept
// waiting for a test.
type output struct {
	mu   sync.Mutex
	all  []byte        // so far
	seen int           // how much of it a test has waited for
	over bool          // nothing more will come
	news chan struct{} // has room for one
}

func newOutput() *output { return &output{news: make(chan struct{}, 1)} }

// Write implements io.Writer.
func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.all = append(o.all, p...)
	o.tell()
	return len(p), nil
}

// has reports whether text has come that no test has waited for.
func (o *output) has(text string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.over || bytes.Contains(o.all[o.seen:], []byte(text))
}

func (o *output) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.over = true
	o.tell()
}

func (o *output) tell() {
	select {
	case o.news <- struct{}{}:
	default:
	}
}

// expect waits for text and returns what came before it.
func (o *output) expect(t testing.TB, text string) (before string) {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		o.mu.Lock()
		fresh, over := o.all[o.seen:], o.over
		i := bytes.Index(fresh, []byte(text))
		if i >= 0 {
			before = string(fresh[:i])
			o.seen += i + len(text)
		}
		o.mu.Unlock()
		switch {
		case i >= 0:
			return before
		case over:
			t.Fatalf("%q ended without %q", fresh, text)
		}
		select {
		case <-o.news:
		case <-timeout.C:
			t.Fatalf("%q is not followed by %q", fresh, text)
		}
	}
}

// expectEnd waits until nothing more can come and returns what came since the last expect.
func (o *output) expectEnd(t testing.TB) (rest string) {
	t.Helper()
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		o.mu.Lock()
		rest, over := string(o.all[o.seen:]), o.over
		o.mu.Unlock()
		if over {
			return rest
		}
		select {
		case <-o.news:
		case <-timeout.C:
			t.Fatalf("%q is not followed by the end", rest)
		}
	}
}

// A program is one of the examples, running.
type program struct {
	*output // stdout
	cmd     *exec.Cmd
	stderr  bytes.Buffer // after the end
	exited  chan struct{}
	address string // it listens at, once listening has returned
}

// launch starts a program, which is killed when the test ends, if it has not ended before.
func launch(t testing.TB, name string, args ...string) *program {
	t.Helper()
	p := &program{output: newOutput(), exited: make(chan struct{})}
	p.cmd = exec.Command(filepath.Join(programs, name), args...)
	p.cmd.Env = append(os.Environ(), "GORACE=atexit_sleep_ms=0") // or each end takes a second under the race detector
	p.cmd.Stdout, p.cmd.Stderr = p.output, &p.stderr
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.cmd.Wait()
		p.output.end()
		close(p.exited)
	}()
	t.Cleanup(func() {
		p.cmd.Process.Kill()
		<-p.exited
		if t.Failed() {
			t.Logf("%s: stdout %q, stderr %q", name, p.all, p.stderr.String())
		}
	})
	return p
}

// start launches a program, waits until it listens, and has it shut down in order when the test ends.
func start(t testing.TB, name string, args ...string) *program {
	t.Helper()
	p := launch(t, name, append([]string{"-addr", "127.0.0.1:0"}, args...)...)
	p.listening(t, name)
	t.Cleanup(func() { p.shutDown(t) })
	return p
}

func (p *program) listening(t testing.TB, name string) {
	t.Helper()
	p.expect(t, name+" listens on ")
	p.address = p.expect(t, "\n")
}

func (p *program) signal(t testing.TB, s os.Signal) {
	t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil {
		t.Error(err)
	}
}

// exit waits for the end and returns the exit code, -1 for a signal's.
func (p *program) exit(t testing.TB) int {
	t.Helper()
	select {
	case <-p.exited:
		return p.cmd.ProcessState.ExitCode()
	case <-time.After(patience):
		p.signal(t, syscall.SIGQUIT) // for the stacks
		<-p.exited
		t.Fatalf("it did not end: %s", p.stderr.String())
		return -1
	}
}

// shutDown ends the program as a terminal or a supervisor does, if it still runs, and checks that all is well.
func (p *program) shutDown(t testing.TB) {
	t.Helper()
	select {
	case <-p.exited:
	default:
		p.signal(t, syscall.SIGTERM)
	}
	if code := p.exit(t); code != 0 || p.stderr.Len() > 0 {
		t.Errorf("exit code %d, stderr %q", code, p.stderr.String())
	}
}

// host and port are the address's.
func (p *program) host() string { return p.address[:strings.LastIndexByte(p.address, ':')] }
func (p *program) port() string { return p.address[strings.LastIndexByte(p.address, ':')+1:] }
