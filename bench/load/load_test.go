package load_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/bench/internal/blocking"
	"github.com/troupe-go/troupe/bench/load"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve answers each connection by handle until the test ends.
func serve(t *testing.T, handle func(net.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				handle(conn)
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		running.Wait()
	})
	return listener.Addr().String()
}

// reply sends back what transform makes of each read.
func reply(transform func([]byte) []byte) func(net.Conn) {
	return func(conn net.Conn) {
		buffer := make([]byte, 64<<10)
		for {
			n, err := conn.Read(buffer)
			if err != nil {
				return
			}
			if _, err := conn.Write(transform(buffer[:n])); err != nil {
				return
			}
		}
	}
}

func same(message []byte) []byte { return message }

func checkLatency(t *testing.T, latency load.Latency) {
	t.Helper()
	if latency.P50 <= 0 || latency.P99 < latency.P50 || latency.Max < latency.P99 {
		t.Errorf("latency out of order: %+v", latency)
	}
}

func TestEcho(t *testing.T) {
	for _, test := range []struct {
		name   string
		config load.Config
	}{
		{"one", load.Config{Conns: 1}},
		{"many", load.Config{Conns: 300}},
		{"pipelined", load.Config{Conns: 8, Depth: 16}},
		{"large", load.Config{Conns: 4, Size: 1 << 20}},
		{"single byte", load.Config{Conns: 4, Size: 1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := test.config
			config.Addr, config.Verify = serve(t, reply(same)), true
			config.Warmup, config.Duration = 20*time.Millisecond, 200*time.Millisecond
			report, err := load.Echo(t.Context(), config)
			if err != nil {
				t.Fatal(err)
			}
			if report.Ops < int64(config.Conns) || report.OpsPerSecond() == 0 {
				t.Errorf("%d operations by %d connections", report.Ops, config.Conns)
			}
			checkLatency(t, report.Latency)
		})
	}
}

func TestChurn(t *testing.T) {
	report, err := load.Churn(t.Context(), load.Config{
		Addr: serve(t, reply(same)), Conns: 16, Verify: true, Duration: 200 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if report.Ops < 16 {
		t.Errorf("only %d connections in %v", report.Ops, report.Window)
	}
	checkLatency(t, report.Latency)
}

func TestIdle(t *testing.T) {
	for _, conns := range []int{0, 1, 500} {
		report, err := load.Idle(t.Context(), load.Config{
			Addr: serve(t, reply(same)), Conns: conns, Verify: true, Duration: 20 * time.Millisecond,
		})
		if err != nil {
			t.Fatal(err)
		}
		if report.Conns != conns || report.Ops != 0 {
			t.Errorf("%d connections, %d operations; want %d and none", report.Conns, report.Ops, conns)
		}
	}
}

func TestPacedKeepsItsRate(t *testing.T) {
	report, err := load.Paced(t.Context(), load.Config{
		Addr: serve(t, reply(same)), Conns: 8, Rate: 500, Verify: true, Duration: 400 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if total := report.Ops + report.Behind; total < 150 || total > 250 {
		t.Errorf("%d operations and %d behind, want 200", report.Ops, report.Behind)
	}
	checkLatency(t, report.Latency)
}

// An open loop must count the wait of messages that a slow server held up.
func TestPacedCountsFromWhenDue(t *testing.T) {
	slow := func(message []byte) []byte {
		time.Sleep(20 * time.Millisecond)
		return message
	}
	report, err := load.Paced(t.Context(), load.Config{
		Addr: serve(t, reply(slow)), Conns: 1, Rate: 200, Duration: 400 * time.Millisecond,
	})
	if err != nil {
		t.Fatal(err)
	}
	if report.Max < 200*time.Millisecond || report.Behind == 0 {
		t.Errorf("max latency %v, %d behind at four times the rate that can be served", report.Max, report.Behind)
	}
}

func TestBlocked(t *testing.T) {
	block := func(message []byte) []byte {
		blocking.Run(message)
		return message
	}
	for _, rate := range []float64{0, 500} {
		report, err := load.Blocked(t.Context(), load.Config{
			Addr: serve(t, reply(block)), Conns: 4, BlockedConns: 6, Rate: rate, Verify: true,
		})
		if err != nil {
			t.Fatal(err)
		}
		blocked := report.Blocked
		if blocked.Conns != 6 || blocked.First < blocking.Duration || blocked.Last < blocked.First {
			t.Errorf("rate %v: blocked %+v", rate, blocked)
		}
		if report.Ops == 0 {
			t.Errorf("rate %v: neighbours did nothing", rate)
		}
		checkLatency(t, report.Latency)
		checkLatency(t, blocked.Calm)
	}
}

func TestWrongServersFail(t *testing.T) {
	for _, test := range []struct {
		name   string
		handle func(net.Conn)
	}{
		{"wrong bytes", reply(func(m []byte) []byte { return make([]byte, len(m)) })},
		{"too many bytes", reply(func(m []byte) []byte { return append(m, m...) })},
		{"last byte wrong", reply(func(m []byte) []byte { m[len(m)-1]++; return m })},
		{"middle byte wrong", reply(func(m []byte) []byte { m[len(m)/2]++; return m })},
		{"closes at once", func(net.Conn) {}},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := load.Echo(t.Context(), load.Config{
				Addr: serve(t, test.handle), Conns: 2, Verify: true, Duration: time.Second,
			})
			if err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestBlockingThatDoesNotBlockFails(t *testing.T) {
	_, err := load.Blocked(t.Context(), load.Config{Addr: serve(t, reply(same)), Conns: 1, BlockedConns: 1})
	if err == nil {
		t.Error("no error though nothing blocked")
	}
}

func TestNobodyListens(t *testing.T) {
	listener, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	if _, err := load.Echo(t.Context(), load.Config{Addr: listener.Addr().String(), Conns: 1}); err == nil {
		t.Error("no error")
	}
}

func TestContextEndsRun(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, err := load.Idle(ctx, load.Config{Addr: serve(t, reply(same)), Conns: 1, Duration: time.Minute})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("err = %v", err)
	}
}

func TestConfigIsChecked(t *testing.T) {
	for _, config := range []load.Config{
		{Addr: "127.0.0.1:1"},
		{Addr: "no address", Conns: 1},
		{Addr: "127.0.0.1:1", Conns: 1, Size: -1},
	} {
		if _, err := load.Echo(t.Context(), config); err == nil {
			t.Errorf("no error for %+v", config)
		}
	}
	if _, err := load.Paced(t.Context(), load.Config{Addr: "127.0.0.1:1", Conns: 1}); err == nil {
		t.Error("no error for Paced without rate")
	}
	if _, err := load.Blocked(t.Context(), load.Config{Addr: "127.0.0.1:1", Conns: 1, BlockedConns: 1, Depth: 2}); err == nil {
		t.Error("no error for pipelined Blocked")
	}
}
