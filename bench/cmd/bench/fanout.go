package main

import (
	"strconv"
	"time"

	"github.com/troupe-go/troupe/bench/load"
)

// fanoutSize is the length of the published messages in bytes.
const fanoutSize = 64

// stalledRate is the number of messages per second in f1000-stalled: what keeps
// the slowest of the servers some two thirds busy.
const stalledRate = 100

// fanoutKinds are the servers that fan out.
var fanoutKinds = []string{"bare", "net", "troupe"}

func fanoutSuite(o options) suite {
	server := []string{"-fanout", strconv.Itoa(fanoutSize)}
	// A batch to 10,000 subscribers takes tens of milliseconds: the window is
	// longer, so that there are enough of them.
	fanout := func(subscribers, depth int, window time.Duration) load.Config {
		return load.Config{Conns: subscribers, Size: fanoutSize, Depth: depth, Warmup: o.warmup, Duration: window}
	}
	return suite{
		name: "fanout",
		workloads: []workload{
			{"f1000", "64 B to 1000 subscribers", "fanout", fanout(1000, 1, o.duration), server},
			{"f1000x16", "16 messages of 64 B at a time to 1000 subscribers", "fanout", fanout(1000, 16, o.duration), server},
			{"f10k", "64 B to 10,000 subscribers", "fanout", fanout(10_000, 1, 3*o.duration), server},
			{"f10kx16", "16 messages of 64 B at a time to 10,000 subscribers", "fanout", fanout(10_000, 16, 3*o.duration), server},
		},
		judged:     cpuPerOp,
		others:     []metric{throughput, p50, p99, longestLatency, memory, serverShare, loadShare},
		references: []string{"bare", "net"},
		kinds:      fanoutKinds,
		headline:   fanoutHeadline,
	}
}

func stalledSuite(o options) suite {
	return suite{
		name: "fanout",
		workloads: []workload{{
			"f1000-stalled", "64 B to 1000 subscribers, 100 messages/s, beside one that reads nothing", "stalled",
			load.Config{Conns: 1000, Size: fanoutSize, Depth: 1, Rate: stalledRate, Spin: true, Warmup: o.warmup, Duration: 2 * o.duration},
			[]string{"-fanout", strconv.Itoa(fanoutSize), "-slow", "drop-oldest"},
		}},
		judged: p99OfCalm,
		others: []metric{p99, stalledCalmP99, p50, stalledCalmP50, longestLatency, cpuPerOp, stalledCalmCPU, behind, memory, serverShare},
		kinds:  fanoutKinds,
	}
}

// fanoutHeadline is the number to quote: CPU time per delivery to 1000
// subscribers, as ratio of medians.
func fanoutHeadline(results []result) string {
	return "fanout 1000: " + orDash(ratioOfMedians(
		values(results, "f1000", headlined, cpuPerOp),
		values(results, "f1000", "bare", cpuPerOp),
	)) + " x bare"
}
