package main

import (
	"time"

	"github.com/troupe-go/troupe/bench/load"
)

// metric is a column: one number of a report.
type metric struct {
	title  string
	digits int
	value  func(load.Report) float64
}

var (
	cpuPerOp   = metric{"CPU µs/op", 2, load.Report.CPUPerOp}
	throughput = metric{"ops/s", 0, load.Report.OpsPerSecond}

	p50            = metric{"p50 µs", 0, func(r load.Report) float64 { return micros(r.P50) }}
	p99            = metric{"p99 µs", 0, func(r load.Report) float64 { return micros(r.P99) }}
	longestLatency = metric{"max µs", 0, func(r load.Report) float64 { return micros(r.Max) }}

	memory       = metric{"RSS MiB", 1, func(r load.Report) float64 { return float64(r.RSS) / (1 << 20) }}
	memoryBefore = metric{"RSS before", 1, func(r load.Report) float64 { return float64(r.RSSBefore) / (1 << 20) }}
	bytesPerConn = metric{"B/conn", 0, load.Report.BytesPerConn}

	serverShare = metric{"server %", 0, func(r load.Report) float64 { return percent(r.ServerCPU, r.Window) }}
	loadShare   = metric{"load %", 0, func(r load.Report) float64 { return percent(r.LoadCPU, r.Window) }}
	idleCPU     = metric{"CPU ms/10 s", 2, func(r load.Report) float64 { return percent(r.ServerCPU, r.Window) * 100 }}
	behind      = metric{"behind", 0, func(r load.Report) float64 { return float64(r.Behind) }}

	calmP50        = metric{"calm p50", 0, func(r load.Report) float64 { return micros(r.Blocked.Calm.P50) }}
	calmP99        = metric{"calm p99", 0, func(r load.Report) float64 { return micros(r.Blocked.Calm.P99) }}
	firstUnblocked = metric{"first ms", 0, func(r load.Report) float64 { return micros(r.Blocked.First) / 1e3 }}
	lastUnblocked  = metric{"last ms", 0, func(r load.Report) float64 { return micros(r.Blocked.Last) / 1e3 }}

	p99OfCalm      = metric{"p99 x calm", 2, func(r load.Report) float64 { return ratio(r.P99, r.Stalled.Calm.P99) }}
	stalledCalmP50 = metric{"calm p50", 0, func(r load.Report) float64 { return micros(r.Stalled.Calm.P50) }}
	stalledCalmP99 = metric{"calm p99", 0, func(r load.Report) float64 { return micros(r.Stalled.Calm.P99) }}
	stalledCalmCPU = metric{"calm CPU", 2, func(r load.Report) float64 {
		return load.Report{Ops: r.Stalled.CalmOps, ServerCPU: r.Stalled.CalmServerCPU}.CPUPerOp()
	}}
)

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }

func percent(part, whole time.Duration) float64 { return 100 * ratio(part, whole) }

func ratio(part, whole time.Duration) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}
