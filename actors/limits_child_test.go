//go:build linux

package actors_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// Some tests need another process: for a limit of its own, or to have its memory and processor time apart. It is this
// test binary, started again with the name of a role in its environment. The roles talk in lines, and end when their
// standard input does.
const (
	roleVariable = "TROUPE_TEST_ROLE"
	roleTime     = 5 * time.Minute // no child lives longer, whatever becomes of its parent
)

var roles = map[string]func(args []string) error{}

func init() {
	role := os.Getenv(roleVariable)
	if role == "" {
		return
	}
	addRoles()
	time.AfterFunc(roleTime, func() { os.Exit(3) })
	args := strings.Split(role, " ")
	if err := roles[args[0]](args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	os.Exit(0)
}

// addRoles is a function, so that it does not matter in which order files are initialised.
func addRoles() {
	roles["clients"] = roleClients
	roles["churn"] = roleChurn
	roles["idle"] = roleIdle
	roles["starved"] = roleStarved
	roles["releases"] = roleReleases
}

// A child is a process in a role.
type child struct {
	t   testing.TB
	cmd *exec.Cmd
	in  io.WriteCloser
	out *bufio.Reader
}

// startChild starts a process in a role. It ends with the test.
func startChild(t testing.TB, role ...any) *child {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"="+strings.TrimSuffix(fmt.Sprintln(role...), "\n"))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	c := &child{t: t, cmd: cmd, in: in, out: bufio.NewReader(out)}
	t.Cleanup(c.end)
	return c
}

// end lets the child end.
func (c *child) end() {
	if c.cmd.ProcessState != nil {
		return
	}
	c.in.Close()
	timer := time.AfterFunc(patience, func() { c.cmd.Process.Kill() })
	defer timer.Stop()
	io.Copy(io.Discard, c.out)
	if err := c.cmd.Wait(); err != nil {
		c.t.Errorf("child: %v", err)
	}
}

// line is the child's next line, in words.
func (c *child) line() []string {
	c.t.Helper()
	timer := time.AfterFunc(6*patience, func() { c.cmd.Process.Kill() })
	defer timer.Stop()
	text, err := c.out.ReadString('\n')
	if err != nil {
		c.t.Fatalf("child: %q, %v", text, err)
	}
	return strings.Fields(text)
}

// ask sends a line and returns the answer.
func (c *child) ask(command string) []string {
	c.t.Helper()
	if _, err := fmt.Fprintln(c.in, command); err != nil {
		c.t.Fatal(err)
	}
	return c.line()
}

func number(t testing.TB, text string) int64 {
	t.Helper()
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// cpuTime is what the process has used of processors until now.
func cpuTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// roleClients opens connections to network and address, echoes one message on each, says ready, and holds them. To a
// line "echo" it answers with how many echo again.
func roleClients(args []string) error {
	debug.SetGCPercent(400)
	n, err := strconv.Atoi(args[2])
	if err != nil {
		return err
	}
	conns := make([]net.Conn, n)
	dial := parallel(n, func(i int) error {
		c, err := net.DialTimeout(args[0], args[1], patience)
		if err != nil {
			return err
		}
		conns[i] = c
		return echoOnce(c, i)
	})
	if dial != nil {
		return dial
	}
	fmt.Println("ready")
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		if err := parallel(n, func(i int) error { return echoOnce(conns[i], i) }); err != nil {
			return err
		}
		fmt.Println("echoed", n)
	}
	return nil
}

// echoOnce sends a message and checks what comes back.
func echoOnce(c net.Conn, i int) error {
	c.SetDeadline(time.Now().Add(patience))
	text := fmt.Sprintf("%08d", i)
	if _, err := io.WriteString(c, text); err != nil {
		return err
	}
	p := make([]byte, len(text))
	if _, err := io.ReadFull(c, p); err != nil || string(p) != text {
		return fmt.Errorf("connection %d: %q, %w", i, p, err)
	}
	return nil
}

// parallel calls f for 0..n-1, some at a time, and returns one of the errors.
func parallel(n int, f func(i int) error) error {
	const workers = 32
	var running sync.WaitGroup
	errs := make(chan error, workers)
	for w := range workers {
		running.Go(func() {
			for i := w; i < n; i += workers {
				if err := f(i); err != nil {
					errs <- err
					return
				}
			}
		})
	}
	running.Wait()
	select {
	case err := <-errs:
		return err
	default:
		return nil
	}
}

// roleChurn opens, uses and closes connections to network and address, so many for each line that names a number.
func roleChurn(args []string) error {
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		n, err := strconv.Atoi(in.Text())
		if err != nil {
			return err
		}
		err = parallel(n, func(i int) error {
			c, err := net.DialTimeout(args[0], args[1], patience)
			if err != nil {
				return err
			}
			defer c.Close()
			if tcp, ok := c.(*net.TCPConn); ok && i%2 == 0 {
				defer tcp.SetLinger(0) // a reset; it also leaves no port behind in TIME_WAIT
			} else if ok {
				defer func() { // the server closes first
					tcp.CloseWrite()
					io.Copy(io.Discard, tcp)
					tcp.SetLinger(0)
				}()
			}
			return echoOnce(c, i)
		})
		if err != nil {
			return err
		}
		fmt.Println("done", n)
	}
	return nil
}
