//go:build linux

package actors_test

import (
	"bufio"
	"fmt"
	"log/slog"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/reactor"
	"golang.org/x/sys/unix"
)

// TestLimitsManyConnections: as many connections as the limit of descriptors lets a process have.
func TestLimitsManyConnections(t *testing.T) {
	limit, err := reactor.RaiseFDLimit()
	if err != nil {
		t.Fatal(err)
	}
	n := min(scaled(18_000, 2_000), int(limit)-1000)
	t.Logf("%d connections, the limit of descriptors is %d", n, limit)
	s := system(t, actors.Options{})
	ln := listen(t, s, actors.Shared(echo{}), actors.ListenOptions{})
	start := time.Now()
	clients := startChild(t, "clients", ln.Addr().Network(), ln.Addr(), n)
	clients.line()
	opened := time.Since(start)
	if got := ln.Count(); got != n {
		t.Errorf("%d connections, want %d", got, n)
	}
	start = time.Now()
	for range 3 {
		clients.ask("echo")
	}
	t.Logf("opened in %v; 3 echoes on each in %v", opened.Round(time.Millisecond), time.Since(start).Round(time.Millisecond))
	clients.end()
	until(t, "all connections are gone", func() bool { return ln.Count() == 0 && s.Stats().Lingering == 0 })
	if stats := s.Stats(); stats.AcceptErrors+stats.AcceptPauses+stats.Failures+stats.CloseErrors > 0 {
		t.Errorf("%+v", stats)
	}
}

// roleStarved is an echo server with few descriptors. Each line is a question for its state.
func roleStarved(args []string) error {
	limit := unix.Rlimit{Cur: 96, Max: 96}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	s, err := actors.Start(actors.Options{Loops: 2, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	ln, err := s.Listen("tcp", "127.0.0.1:0", actors.Shared(echo{}), actors.ListenOptions{})
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		stats := s.Stats()
		fmt.Println(ln.Count(), stats.AcceptPauses, stats.AcceptErrors, stats.Listeners, int64(cpuTime()), stats.Loops.Turns)
	}
	return nil
}

// TestLimitsNoDescriptorsLeft: a server that runs out of descriptors pauses accepting, serves those it has, and goes on
// accepting when some of them close. It does not spin meanwhile.
func TestLimitsNoDescriptorsLeft(t *testing.T) {
	const clients = 160
	server := startChild(t, "starved")
	address := server.line()[0]
	type state struct{ count, pauses, errors, listeners, cpu, turns int64 }
	ask := func() (s state) {
		t.Helper()
		f := server.ask("state")
		for i, p := range []*int64{&s.count, &s.pauses, &s.errors, &s.listeners, &s.cpu, &s.turns} {
			*p = number(t, f[i])
		}
		return s
	}
	conns := make([]net.Conn, clients)
	for i := range conns {
		c, err := net.Dial("tcp", address) // the kernel completes it, accepted or not
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { c.Close() })
		c.SetDeadline(time.Now().Add(3 * patience))
		conns[i] = c
		if _, err := fmt.Fprintf(c, "%08d", i); err != nil { // waits in the kernel with the connection
			t.Fatal(err)
		}
	}
	until(t, "the server is out of descriptors", func() bool { return ask().pauses > 0 })
	before := ask()
	time.Sleep(time.Second) // how long is measured, not what happens
	after := ask()
	served := int(after.count)
	t.Logf("%d of %d connections; in a second %d pauses, %v of processor time, %d turns", served, clients,
		after.pauses-before.pauses, time.Duration(after.cpu-before.cpu), after.turns-before.turns)
	if served < 40 || served >= clients {
		t.Fatalf("%d connections are open", served)
	}
	if cpu := time.Duration(after.cpu - before.cpu); cpu > 50*time.Millisecond && !raceDetector || cpu > 200*time.Millisecond {
		t.Errorf("%v of processor time in a second of waiting", cpu)
	}
	if pauses := after.pauses - before.pauses; pauses > 60 {
		t.Errorf("%d tries in a second", pauses)
	}
	if after.listeners != 1 {
		t.Errorf("%d listeners", after.listeners)
	}
	// The kernel's queue is one: those who came first are served.
	first, rest := conns[:served], conns[served:]
	for i, c := range first {
		mustGet(t, c, fmt.Sprintf("%08d", i))
		if err := echoOnce(c, i); err != nil {
			t.Fatal(err)
		}
	}
	for i, c := range rest { // every one that closes makes room for one that waits
		first[i%len(first)].Close()
		if i < len(first) {
			mustGet(t, c, fmt.Sprintf("%08d", served+i))
		}
		c.SetDeadline(time.Now().Add(patience))
	}
	for i, c := range rest[min(len(first), len(rest)):] {
		rest[i].Close()
		mustGet(t, c, fmt.Sprintf("%08d", served+len(first)+i))
	}
	if end := ask(); end.listeners != 1 {
		t.Errorf("%+v", end)
	}
}

// roleIdle is an echo server, with an idle timeout in milliseconds or none. Each line is a question for the processor
// time used until then.
func roleIdle(args []string) error {
	s, err := actors.Start(actors.Options{Loops: 2})
	if err != nil {
		return err
	}
	timeout, err := time.ParseDuration(args[0])
	if err != nil {
		return err
	}
	o := actors.ListenOptions{ConnOptions: actors.ConnOptions{IdleTimeout: timeout}}
	ln, err := s.Listen("tcp", "127.0.0.1:0", actors.Shared(patientEcho{}), o)
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Println(int64(cpuTime()), ln.Count(), s.Stats().Loops.Turns)
	}
	return nil
}

type patientEcho struct{ echo }

func (patientEcho) OnTimeout(*actors.Conn) {}

// TestLimitsIdleCostsNothing: a System with a listener and idle connections uses next to no processor time.
func TestLimitsIdleCostsNothing(t *testing.T) {
	for _, timeout := range []time.Duration{0, time.Hour, 75 * time.Second} {
		t.Run("idle timeout "+timeout.String(), func(t *testing.T) {
			t.Parallel() // measured is processor time, not time
			server := startChild(t, "idle", timeout)
			address := server.line()[0]
			for i := range 100 {
				c, err := net.Dial("tcp", address)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { c.Close() })
				if err := echoOnce(c, i); err != nil {
					t.Fatal(err)
				}
			}
			time.Sleep(time.Second) // let the watchdog park, and the runtime finish its first collection
			// A shared machine charges a process that never runs up to half a millisecond now and then: one of a few
			// windows has to be clean. The two questions are part of each.
			const most = time.Millisecond
			used := time.Duration(1 << 62)
			for window := 0; window < 4 && used > most; window++ {
				before := server.ask("time")
				time.Sleep(time.Duration(scaled(5, 1)) * time.Second) // how long is measured, not what happens
				after := server.ask("time")
				used = time.Duration(number(t, after[0]) - number(t, before[0]))
				turns := number(t, after[2]) - number(t, before[2])
				t.Logf("%v of processor time, %d turns, %s connections", used, turns, after[1])
				if turns > 4 {
					t.Errorf("%d turns", turns)
				}
			}
			if used > most && !raceDetector || used > 10*most {
				t.Errorf("%v of processor time", used)
			}
		})
	}
}

// roleReleases is an echo server one of whose connections has a release function that panics.
func roleReleases(args []string) error {
	s, err := actors.Start(actors.Options{Loops: 1, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		return err
	}
	ln, err := s.Listen("tcp", "127.0.0.1:0", actors.Shared(releasing{}), actors.ListenOptions{})
	if err != nil {
		return err
	}
	fmt.Println(ln.Addr())
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Println("alive")
	}
	return nil
}

type releasing struct{ echo }

func (r releasing) OnData(c *actors.Conn, p []byte) int {
	if strings.HasPrefix(string(p), "panic") {
		c.WriteOwned([]byte("x"), func() { panic(errBomb) })
		return len(p)
	}
	return r.echo.OnData(c, p)
}

// TestLimitsReleaseMayPanic: a function given to WriteOwned is the user's: its panic is not the process's end.
func TestLimitsReleaseMayPanic(t *testing.T) {
	server := startChild(t, "releases")
	address := server.line()[0]
	for _, text := range []string{"panic", "x"} { // the second is served by the same loop, after the first
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(patience))
		mustSend(t, c, text)
		mustGet(t, c, "x")
	}
	if got := server.ask("?"); got[0] != "alive" {
		t.Error(got)
	}
}
