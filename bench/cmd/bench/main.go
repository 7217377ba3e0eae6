// Bench measures the servers of bench-server against one another: each in
// a fresh process on one processor, the load generator bench-load on another,
// the servers in turn round by round. Only match has no servers but Redis.
//
//	bench echo       CPU time per message, throughput, latency
//	bench idle       memory per idle connection
//	bench paced      CPU time per message at a low fixed rate
//	bench blocked    latency beside connections whose handlers block
//	bench idle-cpu   CPU time of a server with nothing to do
//	bench fanout     CPU time per delivery from one publisher to many subscribers
//	bench match      time to find the patterns that match a name
//	bench pubsub     fanout and match
//	bench smoke      all of them for a moment, with checks; for CI
//
// It builds the two programs itself and must therefore run inside the bench
// module, unless -bin names a directory with both.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// allKinds are the kinds of bench-server, in the order of the tables.
var allKinds = []string{"bare", "net", "netpoll", "troupe", "troupe-inline", "troupe-actor"}

// usualKinds are those that are compared unless -kinds says otherwise.
var usualKinds = allKinds[:4]

// options are the flags, the same for each subcommand.
type options struct {
	rounds           int
	duration, warmup time.Duration
	kinds, workloads []string
	json, bin        string
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 {
		return errors.New("usage: bench echo|idle|paced|blocked|idle-cpu|fanout|match|pubsub|smoke [flags]")
	}
	command := args[0]
	o, err := parse(command, args[1:])
	if err != nil {
		return err
	}
	suites := suitesOf(command, o)
	matches := command == "match" || command == "pubsub" || command == "smoke"
	if len(suites) == 0 && !matches {
		return fmt.Errorf("unknown subcommand %q", command)
	}
	lab, err := openLab()
	if err != nil {
		return err
	}
	defer lab.close()
	if len(suites) > 0 {
		if err := lab.build(ctx, o.bin); err != nil {
			return err
		}
	}
	if command == "smoke" {
		return smoke(ctx, lab, suites, o)
	}
	r := outcome{Suite: command}
	if r.Results, err = runSuites(ctx, lab, suites, o); err != nil {
		return err
	}
	if matches {
		if r.Match, err = runMatch(ctx, lab, o); err != nil {
			return err
		}
	}
	if len(r.Results)+len(r.Match) == 0 {
		return errors.New("no workload of that name")
	}
	if err := r.write(o.json); err != nil {
		return err
	}
	if line := headline(suites, r, matches); line != "" {
		fmt.Println(line)
	}
	return nil
}

// headline is the line to end with; empty for suites that have none.
func headline(suites []suite, r outcome, matches bool) string {
	var parts []string
	for _, s := range suites {
		if s.headline != nil {
			parts = append(parts, s.headline(r.Results))
		}
	}
	if matches {
		parts = append(parts, matchHeadline(r.Match))
	}
	return strings.Join(parts, ", ")
}

func parse(name string, args []string) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench "+name, flag.ExitOnError)
	flags.IntVar(&o.rounds, "rounds", 5, "rounds of each workload; every kind runs once in each")
	flags.DurationVar(&o.duration, "duration", time.Second, "measured window of each run; of idle-cpu ten times that, of match a tenth")
	flags.DurationVar(&o.warmup, "warmup", 500*time.Millisecond, "time of load before the window")
	flags.StringVar(&o.json, "json", "", "write every report to this file")
	flags.StringVar(&o.bin, "bin", "", "directory of bench-server and bench-load; built afresh if empty")
	kinds := flags.String("kinds", strings.Join(usualKinds, ","), "servers, by comma")
	workloads := flags.String("workloads", "", "only these workloads, by comma")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.kinds = split(*kinds)
	o.workloads = split(*workloads)
	for _, kind := range o.kinds {
		if !slices.Contains(allKinds, kind) {
			return o, fmt.Errorf("unknown kind %q", kind)
		}
	}
	if o.rounds < 1 || o.duration <= 0 || o.warmup < 0 || len(o.kinds) == 0 || flags.NArg() > 0 {
		return o, errors.New("-rounds and -duration must be positive, -kinds not empty, and nothing may follow the flags")
	}
	return o, nil
}

func split(list string) []string {
	return strings.FieldsFunc(list, func(r rune) bool { return r == ',' })
}
