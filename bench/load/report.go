package load

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// Report is what a run measured. Times are in nanoseconds in JSON.
type Report struct {
	Mode string `json:"mode"`
	// Conns is the number of connections, without blocked ones.
	Conns int `json:"conns"`
	// Ops counts messages, in Churn connections, in a fan-out deliveries to one
	// subscriber, that completed in Window.
	Ops    int64         `json:"ops"`
	Window time.Duration `json:"window_ns"`
	Latency
	// ServerCPU and LoadCPU are the CPU time of the server and of this process
	// in the window.
	ServerCPU time.Duration `json:"server_cpu_ns"`
	LoadCPU   time.Duration `json:"load_cpu_ns"`
	// RSSBefore is the server's resident memory before the run's connections
	// were made, RSS that at the end of the window, in bytes.
	RSSBefore int64 `json:"rss_before"`
	RSS       int64 `json:"rss"`
	// Behind is the number of messages of an open loop that were due at the
	// end of the window but not sent, as all connections were busy.
	Behind int64 `json:"behind,omitempty"`
	// Blocked is set by Blocked alone.
	Blocked *BlockedReport `json:"blocked,omitempty"`
	// Stalled is set by Stalled alone.
	Stalled *StalledReport `json:"stalled,omitempty"`
}

// BlockedReport is what only Blocked measures. The Report's own latency is
// that of the neighbours while the others were blocked.
type BlockedReport struct {
	// Conns is the number of blocked connections. All got their bytes back.
	Conns int `json:"conns"`
	// First and Last are when the first and the last of them got their reply,
	// after they were sent.
	First time.Duration `json:"first_ns"`
	Last  time.Duration `json:"last_ns"`
	// Calm is the neighbours' latency in the window before.
	Calm Latency `json:"calm"`
}

// StalledReport is what only Stalled measures. The Report's own numbers are
// those of the windows with the stalled subscriber.
type StalledReport struct {
	// CalmOps, CalmServerCPU and Calm are those of the windows without it.
	CalmOps       int64         `json:"calm_ops"`
	CalmServerCPU time.Duration `json:"calm_server_cpu_ns"`
	Calm          Latency       `json:"calm"`
	// Got counts the messages that the stalled subscriber had in the end.
	Got int64 `json:"got"`
	// Closed says that the server closed its connection.
	Closed bool `json:"closed,omitempty"`
}

// Latency is the time from sending a message (in an open loop: from the moment
// it was due; in Churn: from connect) until its last byte came back, or, in a
// fan-out, the last subscriber has it.
type Latency struct {
	P50 time.Duration `json:"p50_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
}

// OpsPerSecond returns operations per second of the window.
func (r Report) OpsPerSecond() float64 {
	return ratio(float64(r.Ops), r.Window.Seconds())
}

// CPUPerOp returns the server's CPU time per operation in microseconds.
func (r Report) CPUPerOp() float64 {
	return ratio(float64(r.ServerCPU)/1e3, float64(r.Ops))
}

// BytesPerConn returns by how much the server grew for each connection.
func (r Report) BytesPerConn() float64 {
	return ratio(float64(r.RSS-r.RSSBefore), float64(r.Conns))
}

// ratio is 0 where there is nothing to divide by.
func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// longest is the highest latency that is told from higher ones.
const longest = time.Minute

// recorder counts operations and their latencies to two digits.
type recorder struct {
	ops       int64
	histogram *hdrhistogram.Histogram
}

func newRecorder() recorder {
	return recorder{histogram: hdrhistogram.New(1, longest.Nanoseconds(), 2)}
}

func (r *recorder) record(ops int64, latency time.Duration) {
	r.ops += ops
	// The clamped value is in range, so that it cannot fail.
	_ = r.histogram.RecordValue(min(max(latency, 1), longest).Nanoseconds())
}

func (r *recorder) reset() {
	r.ops = 0
	r.histogram.Reset()
}

// add adds what other has recorded.
func (r *recorder) add(other *recorder) {
	r.ops += other.ops
	r.histogram.Merge(other.histogram)
}

func (r *recorder) latency() Latency {
	return Latency{
		P50: time.Duration(r.histogram.ValueAtQuantile(50)),
		P99: time.Duration(r.histogram.ValueAtQuantile(99)),
		Max: time.Duration(r.histogram.Max()),
	}
}
