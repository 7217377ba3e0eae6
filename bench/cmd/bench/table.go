package main

import (
	"fmt"
	"io"
	"slices"
	"text/tabwriter"
)

// headlined is the kind that the headline is about.
const headlined = "troupe"

// printTable prints the medians over rounds of one workload.
func printTable(out io.Writer, s suite, w workload, kinds []string, results []result) {
	fmt.Fprintf(out, "%s %s: %s\n", s.name, w.name, w.about)
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "kind\t%s\tspread", s.judged.title)
	for _, reference := range s.references {
		if slices.Contains(kinds, reference) {
			fmt.Fprintf(table, "\tx %s (rounds)", reference)
		}
	}
	for _, m := range s.others {
		fmt.Fprintf(table, "\t%s", m.title)
	}
	fmt.Fprintln(table, "\t")
	for _, kind := range kinds {
		judged := values(results, w.name, kind, s.judged)
		fmt.Fprintf(table, "%s\t%.*f\t%s", kind, s.judged.digits, median(judged), spread(judged))
		for _, reference := range s.references {
			if slices.Contains(kinds, reference) {
				fmt.Fprintf(table, "\t%s", ratios(judged, values(results, w.name, reference, s.judged)))
			}
		}
		for _, m := range s.others {
			fmt.Fprintf(table, "\t%.*f", m.digits, median(values(results, w.name, kind, m)))
		}
		fmt.Fprintln(table, "\t")
	}
	_ = table.Flush() // to standard output; nobody is left to tell
	fmt.Fprintln(out)
}

// values returns a metric of a kind by round.
func values(results []result, workload, kind string, m metric) []float64 {
	var row []float64
	for _, r := range results {
		if r.Workload == workload && r.Kind == kind {
			row = append(row, m.value(r.Report))
		}
	}
	return row
}

// ratios prints the ratio of medians and in brackets the median of the ratios
// of each round.
func ratios(of, reference []float64) string {
	return orDash(ratioOfMedians(of, reference)) + " (" + orDash(medianOfRatios(of, reference)) + ")"
}

// echoHeadline is the number to quote: CPU time per message at 1000
// connections, as ratio of medians.
func echoHeadline(results []result) string {
	times := func(reference string) string {
		return orDash(ratioOfMedians(
			values(results, "c1000", headlined, cpuPerOp),
			values(results, "c1000", reference, cpuPerOp),
		))
	}
	return "echo c1000: " + times("bare") + " x bare-epoll, " + times("net") + " x net"
}

// orDash prints two decimals, or a dash for what was not measured.
func orDash(ratio float64, ok bool) string {
	if !ok {
		return "-"
	}
	return fmt.Sprintf("%.2f", ratio)
}
