package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/bench/load"
	"github.com/troupe-go/troupe/bench/match"
)

func TestPubsubHeadline(t *testing.T) {
	r := outcome{
		Results: []result{
			{Workload: "f1000", Kind: "bare", Report: load.Report{Ops: 1000, ServerCPU: 4 * time.Millisecond}},
			{Workload: "f1000", Kind: "troupe", Report: load.Report{Ops: 1000, ServerCPU: 5 * time.Millisecond}},
		},
		Match: []match.Row{
			{Set: "mixed", Patterns: 1000, Contender: match.Seen, Nanos: []float64{1}},
			{Set: "mixed", Patterns: 10_000, Contender: match.Seen, Nanos: []float64{12, 99, 14}},
		},
	}
	suites := suitesOf("pubsub", options{})
	const want = "fanout 1000: 1.25 x bare, match 10k: 14 ns"
	if got := headline(suites, r, true); got != want {
		t.Errorf("headline %q, want %q", got, want)
	}
	const without = "fanout 1000: - x bare, match 10k: - ns"
	if got := headline(suites, outcome{}, true); got != without {
		t.Errorf("headline of nothing %q, want %q", got, without)
	}
	if got := headline(suitesOf("match", options{}), r, true); got != "match 10k: 14 ns" {
		t.Errorf("headline of match %q", got)
	}
}

func TestSuitesOf(t *testing.T) {
	for command, want := range map[string][]string{
		"echo": {"echo"}, "fanout": {"fanout", "fanout"}, "pubsub": {"fanout", "fanout"}, "match": nil, "unknown": nil,
		"smoke": {"echo", "idle", "paced", "blocked", "idle-cpu", "fanout", "fanout"},
	} {
		var got []string
		for _, s := range suitesOf(command, options{}) {
			got = append(got, s.name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("suites of %s are %v, want %v", command, got, want)
		}
	}
}

func TestPrintMatchSaysWhatIsMissing(t *testing.T) {
	var out bytes.Buffer
	printMatch(&out, match.Sets()[0], []match.Row{
		{Patterns: 1, Contender: "a", Nanos: []float64{10, 20, 30}},
		{Patterns: 1000, Contender: "a", Nanos: []float64{40}},
		{Patterns: 1, Contender: "b", Missing: "not there"},
		{Patterns: 1000, Contender: "b", Missing: "not there"},
	})
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, want := range []string{"patterns 1 1k", "a 20 (100%) 40 (0%)", "b not there not there"} {
		if got := strings.Join(strings.Fields(lines[1+i]), " "); got != want {
			t.Errorf("line %q, want %q", got, want)
		}
	}
}
