// Bench-load loads one server and prints its report as JSON. The program
// bench runs it; by hand it measures any echo server:
//
//	bench-load -mode echo -addr 127.0.0.1:7000 -conns 1000 -size 64 -duration 5s
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/troupe-go/troupe/bench/internal/proc"
	"github.com/troupe-go/troupe/bench/load"
)

var modes = map[string]func(context.Context, load.Config) (load.Report, error){
	"echo":    load.Echo,
	"churn":   load.Churn,
	"idle":    load.Idle,
	"paced":   load.Paced,
	"blocked": load.Blocked,
	"fanout":  load.Fanout,
	"stalled": load.Stalled,
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench-load:", err)
		os.Exit(1)
	}
}

func run() error {
	var config load.Config
	mode := flag.String("mode", "echo", "echo, churn, idle, paced, blocked, fanout or stalled")
	limit := flag.Duration("limit", 5*time.Minute, "give up after this time in any case")
	flag.StringVar(&config.Addr, "addr", "", "IPv4 address and port of the server")
	flag.IntVar(&config.Conns, "conns", 1, "connections; of fanout and stalled: subscribers")
	flag.IntVar(&config.Size, "size", 64, "bytes of a message")
	flag.IntVar(&config.Depth, "pipeline", 1, "messages outstanding on each connection")
	flag.DurationVar(&config.Warmup, "warmup", time.Second, "time of load before the measured window")
	flag.DurationVar(&config.Duration, "duration", 5*time.Second, "measured window")
	flag.Float64Var(&config.Rate, "rate", 0, "messages per second in all, for paced, blocked and stalled")
	flag.IntVar(&config.BlockedConns, "blocked", 0, "connections that block their handler")
	flag.BoolVar(&config.Spin, "spin", false, "poll instead of sleeping; wants a processor of its own")
	flag.BoolVar(&config.Verify, "verify", false, "compare every byte that comes back")
	flag.IntVar(&config.ServerPID, "server-pid", 0, "server process whose CPU time and memory to read")
	flag.Parse()

	generate, ok := modes[*mode]
	if !ok {
		return fmt.Errorf("unknown mode %q", *mode)
	}
	if _, err := proc.RaiseFileLimit(); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *limit)
	defer cancel()
	report, err := generate(ctx, config)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(report)
}
