//go:build linux

package actors_test

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
)

// residentMemory is the process's own memory, in bytes, after as much as possible went back to the kernel.
func residentMemory(t testing.TB) int64 {
	t.Helper()
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/smaps_rollup")
	if err != nil {
		t.Logf("resident memory is not measured: %v", err)
		return 0
	}
	for line := range bytes.Lines(text) {
		if f := strings.Fields(string(line)); len(f) == 3 && f[0] == "Rss:" {
			return number(t, f[1]) << 10
		}
	}
	return 0
}

// TestMemoryOfIdleConnections: what a connection costs that has served one message and now does nothing.
func TestMemoryOfIdleConnections(t *testing.T) {
	n := scaled(10_000, 1_000)
	for _, test := range []struct {
		name  string
		most  int64 // bytes of heap a connection
		adorn func(*actors.Conn)
	}{
		{"plain", 700, nil},
		// An address is protoactor's process registry, its context and its Props' mailbox besides.
		{"with its PID", 2400, func(c *actors.Conn) { c.PID() }},
		{"with an idle timeout", 1100, func(c *actors.Conn) { c.SetTimeout(3600e9) }},
	} {
		t.Run(test.name, func(t *testing.T) {
			s := system(t, actors.Options{})
			ln := listen(t, s, actors.Shared(echo{}), actors.ListenOptions{})
			warmUp := startChild(t, "clients", ln.Addr().Network(), ln.Addr(), 64)
			warmUp.line()
			heap, resident := liveHeap(), residentMemory(t)
			clients := startChild(t, "clients", ln.Addr().Network(), ln.Addr(), n)
			clients.line()
			if test.adorn != nil {
				done := make(chan struct{})
				ln.Each(actors.Ref{}, test.adorn, func() { close(done) })
				get(t, done, "Each")
			}
			until(t, "the loops sleep", func() bool {
				before := s.Stats().Loops.Turns
				runtime.Gosched()
				return s.Count() == n+64 && s.Stats().Loops.Turns == before
			})
			grown, kept := liveHeap()-heap, residentMemory(t)-resident
			t.Logf("%d connections: %d B of heap each, %d B resident", n, grown/int64(n), kept/int64(n))
			if grown/int64(n) > test.most && !raceDetector {
				t.Errorf("%d B of heap a connection, want %d", grown/int64(n), test.most)
			}
			if kept/int64(n) > 2*test.most && !raceDetector && !testing.Short() {
				t.Errorf("%d B resident a connection, want %d", kept/int64(n), 2*test.most)
			}
			if got := clients.ask("echo"); got[0] != "echoed" {
				t.Error(got)
			}
		})
	}
}

// TestMemoryOfConnectionsThatCameAndWent: nothing stays of connections that are over: no memory, no descriptor, no
// goroutine, no slot, whatever they had. The environment variable TROUPE_CHURN says how many there are.
func TestMemoryOfConnectionsThatCameAndWent(t *testing.T) {
	total := scaled(30_000, 3_000)
	if text := os.Getenv("TROUPE_CHURN"); text != "" {
		var err error
		if total, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	for name, adorn := range map[string]func(c *actors.Conn, i int){
		"plain": func(*actors.Conn, int) {},
		"adorned": func(c *actors.Conn, i int) {
			c.PID()
			c.SetTag(fmt.Sprint("tag", c.Ref()))
			c.SetTimeout(3600e9)
			c.Every(3600e9, 0, func(*actors.Conn) {}, nil)
			c.Subscribe("everybody", actors.SubscribeOptions{})
			c.Subscribe(c.Ref().String(), actors.SubscribeOptions{})
			c.Do(func(*actors.Conn) {}, nil)
		},
		"watched": func(c *actors.Conn, i int) {
			c.Context().Watch(c.System().Root().Spawn(actor.PropsFromFunc(func(ctx actor.Context) {
				if _, ok := ctx.Message().(*actor.Started); ok {
					ctx.Stop(ctx.Self())
				}
			})))
		},
	} {
		for _, network := range []string{"tcp", "unix"} {
			t.Run(name+"/"+network, func(t *testing.T) {
				s := system(t, actors.Options{PubSub: pubsub.Options{MaxIdleChannels: -1}}) // else they are remembered
				p := &adorned{adorn: adorn}
				address := "127.0.0.1:0"
				if network == "unix" {
					address = abstractName()
				}
				ln := listenAt(t, s, network, address, actors.Shared(p), actors.ListenOptions{})
				churn := startChild(t, "churn", network, ln.Addr())
				quiet := func() {
					until(t, "all connections are gone", func() bool {
						return ln.Count() == 0 && s.Stats().Lingering == 0 && s.Stats().Loops.Cells <= 2
					})
				}
				cycles := 4
				churn.ask(strconv.Itoa(total / cycles)) // what a first crowd makes grow, may stay
				quiet()
				heap, fds := liveHeap(), openFDs()
				goroutines, pooled := countGoroutines()
				for range cycles - 1 {
					churn.ask(strconv.Itoa(total / cycles))
				}
				quiet()
				until(t, "the goroutines are gone", func() bool {
					n, _ := countGoroutines()
					return n <= goroutines
				})
				if n := openFDs(); n > fds {
					t.Errorf("%d descriptors, %d after the first cycle", n, fds)
				}
				_, pooledNow := countGoroutines()
				grown := liveHeap() - heap
				t.Logf("%d connections came and went: the heap grew by %d B, the pool of goroutines from %d to %d",
					ln.Accepted(), grown, pooled, pooledNow)
				if pooledNow > 256 {
					t.Errorf("%d goroutines in the pool", pooledNow)
				}
				// Each of the pool has buffers from its first turn on, and one more from its first write on.
				grown -= int64(max(0, pooledNow-pooled))*8<<10 + int64(pooledNow)*5<<10
				if most := int64(256<<10) + int64(total)/4; grown > most {
					t.Errorf("the heap grew by %d B, want %d at most", grown, most)
				}
				stats := s.Stats()
				if stats.Loops.Cells > 2 || stats.Loops.Timers != 0 || s.Count() != 0 {
					t.Errorf("%d cells, %d timers, %d connections", stats.Loops.Cells, stats.Loops.Timers, s.Count())
				}
				if channels := s.Broker().Stats().Channels; channels != 0 {
					t.Errorf("%d channels", channels)
				}
			})
		}
	}
}

// countGoroutines is how many goroutines there are, and how many of them wait in the loops' bounded pool for slow turns,
// which are not in the first number. Nor is protoactor's own, which counts dead letters and ends after a second.
func countGoroutines() (busy, pooled int) {
	stacks := make([]byte, 4<<20)
	stacks = stacks[:runtime.Stack(stacks, true)]
	for stack := range bytes.SplitSeq(stacks, []byte("\n\n")) {
		switch {
		case bytes.Contains(stack, []byte("(*spares).next")):
			pooled++
		case !bytes.Contains(stack, []byte("NewThrottle")):
			busy++
		}
	}
	return busy, pooled
}

// adorned echoes, on connections that have more than others.
type adorned struct {
	echo
	adorn func(c *actors.Conn, i int)
}

func (p *adorned) OnOpen(c *actors.Conn) { p.adorn(c, 0) }
