package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"slices"
	"text/tabwriter"
	"time"

	"github.com/troupe-go/troupe/bench/match"
)

// quotedPatterns is the number of patterns that the headline is about.
const quotedPatterns = 10_000

// matchSizes are the numbers of standing patterns, with their names.
var matchSizes = []struct {
	patterns int
	name     string
}{{1, "1"}, {1000, "1k"}, {quotedPatterns, "10k"}, {100_000, "100k"}}

// runMatch measures and prints each set whose workloads are wanted, and returns
// all rows.
func runMatch(ctx context.Context, lab *lab, o options) ([]match.Row, error) {
	config := match.Config{Rounds: o.rounds, Duration: o.duration / 10, RedisCPU: lab.serverCPU}
	var all []match.Row
	for _, set := range match.Sets() {
		var rows []match.Row
		for _, size := range matchSizes {
			if len(o.workloads) > 0 && !slices.Contains(o.workloads, set.Name+"-"+size.name) {
				continue
			}
			of, err := match.Measure(ctx, set, size.patterns, config)
			if err != nil {
				return nil, err
			}
			rows = append(rows, of...)
		}
		if len(rows) > 0 {
			printMatch(os.Stdout, set, rows)
		}
		all = append(all, rows...)
	}
	return all, nil
}

// printMatch prints nanoseconds of CPU time for each operation, the median over rounds, and
// in brackets the spread.
func printMatch(out io.Writer, set match.Set, rows []match.Row) {
	fmt.Fprintf(out, "match %s: %s; CPU time in ns\n", set.Name, set.About)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprint(table, "patterns")
	var contenders []string
	cells := make(map[string]string)
	for _, size := range matchSizes {
		if slices.ContainsFunc(rows, func(r match.Row) bool { return r.Patterns == size.patterns }) {
			fmt.Fprintf(table, "\t%s", size.name)
		}
	}
	for _, r := range rows {
		if !slices.Contains(contenders, r.Contender) {
			contenders = append(contenders, r.Contender)
		}
		cell := r.Missing
		if cell == "" {
			cell = fmt.Sprintf("%.0f (%s)", median(r.Nanos), spread(r.Nanos))
		}
		cells[r.Contender] += "\t" + cell
	}
	fmt.Fprintln(table, "\t")
	for _, contender := range contenders {
		fmt.Fprintf(table, "%s%s\t\n", contender, cells[contender])
	}
	_ = table.Flush() // to standard output; nobody is left to tell
	fmt.Fprintln(out)
}

// matchHeadline is the number to quote: what it takes to find those of 10,000
// patterns that match a name which was seen before.
func matchHeadline(rows []match.Row) string {
	for _, r := range rows {
		if r.Set == match.Sets()[0].Name && r.Patterns == quotedPatterns && r.Contender == match.Seen {
			return fmt.Sprintf("match 10k: %.0f ns", median(r.Nanos))
		}
	}
	return "match 10k: - ns"
}

// smokeMatch verifies all contenders with few patterns.
func smokeMatch(ctx context.Context, lab *lab) error {
	config := match.Config{Rounds: 1, Duration: time.Millisecond, RedisCPU: lab.serverCPU}
	for _, set := range match.Sets() {
		for _, patterns := range []int{1, 300} {
			if _, err := match.Measure(ctx, set, patterns, config); err != nil {
				return fmt.Errorf("match: %w", err)
			}
		}
	}
	return nil
}
