package main

import (
	"slices"
	"time"

	"github.com/troupe-go/troupe/bench/load"
)

// workload is one way to load a server.
type workload struct {
	name   string
	about  string
	mode   string
	config load.Config
	// server are flags of bench-server.
	server []string
}

// suite is a subcommand: workloads that are judged by the same numbers.
type suite struct {
	name      string
	workloads []workload
	// judged is the number that decides; ratios between kinds are of it.
	judged metric
	others []metric
	// references are the kinds to whom the ratios are.
	references []string
	// kinds are the servers that the suite makes sense for; nil for all.
	kinds []string
	// headline, if set, makes the last line of the output.
	headline func([]result) string
}

// suitesOf are the suites of a subcommand: as a rule the one of that name. match
// has none.
func suitesOf(command string, o options) []suite {
	all := []suite{
		echoSuite(o), idleSuite(o), pacedSuite(o), blockedSuite(o), idleCPUSuite(o), fanoutSuite(o), stalledSuite(o),
	}
	return slices.DeleteFunc(all, func(s suite) bool {
		return command != "smoke" && command != s.name && (command != "pubsub" || s.name != "fanout")
	})
}

func echoSuite(o options) suite {
	echo := func(conns, size, depth int) load.Config {
		return load.Config{Conns: conns, Size: size, Depth: depth, Warmup: o.warmup, Duration: o.duration}
	}
	return suite{
		name: "echo",
		workloads: []workload{
			{"c64", "64 connections, 64 B", "echo", echo(64, 64, 1), nil},
			{"c1000", "1000 connections, 64 B", "echo", echo(1000, 64, 1), nil},
			{"c64x16", "64 connections, 64 B, 16 messages pipelined", "echo", echo(64, 64, 16), nil},
			{"c64-16k", "64 connections, 16 KiB", "echo", echo(64, 16<<10, 1), nil},
			{"churn", "64 slots: connect, one echo of 64 B, close", "churn", echo(64, 64, 1), nil},
		},
		judged:     cpuPerOp,
		others:     []metric{throughput, p50, p99, longestLatency, memory, serverShare, loadShare},
		references: []string{"bare", "net"},
		headline:   echoHeadline,
	}
}

func idleSuite(o options) suite {
	idle := func(size int) load.Config {
		return load.Config{Conns: 10_000, Size: size, Depth: 1, Warmup: o.warmup, Duration: o.duration}
	}
	return suite{
		name: "idle",
		workloads: []workload{
			{"idle10k", "10,000 connections, one echo of 64 B each, then idle", "idle", idle(64), nil},
			{"idle10k-16k", "10,000 connections, one echo of 16 KiB each, then idle", "idle", idle(16 << 10), nil},
		},
		judged:     bytesPerConn,
		others:     []metric{memoryBefore, memory},
		references: []string{"net"},
	}
}

func pacedSuite(o options) suite {
	paced := func(conns int, rate float64) load.Config {
		return load.Config{Conns: conns, Size: 64, Depth: 1, Rate: rate, Spin: true, Warmup: o.warmup, Duration: o.duration}
	}
	return suite{
		name: "paced",
		workloads: []workload{
			{"r500", "500 messages/s over 100 connections", "paced", paced(100, 500), nil},
			{"r5000", "5000 messages/s over 100 connections", "paced", paced(100, 5000), nil},
		},
		judged:     cpuPerOp,
		others:     []metric{throughput, p50, p99, longestLatency, behind, serverShare},
		references: []string{"bare", "net"},
	}
}

func blockedSuite(o options) suite {
	blocked := func(rate float64) load.Config {
		return load.Config{Conns: 64, BlockedConns: 100, Size: 64, Depth: 1, Rate: rate, Spin: rate > 0, Warmup: o.warmup, Duration: o.duration}
	}
	return suite{
		name: "blocked",
		workloads: []workload{
			{"open", "100 connections block 1 s each, 64 others echo 2000 messages/s", "blocked", blocked(2000), []string{"-blocking"}},
			{"closed", "100 connections block 1 s each, 64 others echo in a closed loop", "blocked", blocked(0), []string{"-blocking"}},
		},
		judged:     p99,
		others:     []metric{calmP99, p50, calmP50, longestLatency, throughput, firstUnblocked, lastUnblocked},
		references: []string{"net"},
		kinds:      []string{"net", "troupe"},
	}
}

func idleCPUSuite(o options) suite {
	idle := func(conns int) load.Config {
		return load.Config{Conns: conns, Size: 64, Depth: 1, Warmup: o.warmup, Duration: 10 * o.duration}
	}
	return suite{
		name: "idle-cpu",
		workloads: []workload{
			{"none", "no connection", "idle", idle(0), nil},
			{"idle100", "100 idle connections", "idle", idle(100), nil},
		},
		judged:     idleCPU,
		others:     []metric{memory},
		references: []string{"bare", "net"},
	}
}

// tiny shrinks a workload to a moment, with every byte compared.
func (w workload) tiny() workload {
	w.config.Verify = true
	w.config.Warmup = 20 * time.Millisecond
	w.config.Duration = 100 * time.Millisecond
	if w.mode == "stalled" {
		w.config.Duration = 300 * time.Millisecond // a few messages at its rate, whatever else the machine does
	}
	w.config.Conns = min(w.config.Conns, 100)
	w.config.BlockedConns = min(w.config.BlockedConns, 6)
	return w
}
