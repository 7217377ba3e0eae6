package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"

	"github.com/troupe-go/troupe/bench/load"
	"github.com/troupe-go/troupe/bench/match"
)

// result is one measurement.
type result struct {
	Workload string      `json:"workload"`
	Kind     string      `json:"kind"`
	Round    int         `json:"round"`
	Report   load.Report `json:"report"`
}

// outcome is all that a subcommand has measured, as it is written to JSON.
type outcome struct {
	Suite   string      `json:"suite"`
	Go      string      `json:"go"`
	CPUs    int         `json:"cpus"`
	Results []result    `json:"results,omitempty"`
	Match   []match.Row `json:"match,omitempty"`
}

// runSuites measures the workloads of a subcommand's suites and prints their
// tables.
func runSuites(ctx context.Context, lab *lab, suites []suite, o options) ([]result, error) {
	var all []result
	for _, s := range suites {
		of, err := runSuite(ctx, lab, s, o)
		if err != nil {
			return nil, err
		}
		all = append(all, of...)
	}
	return all, nil
}

// runSuite measures the workloads of a suite that are wanted and prints their
// tables.
func runSuite(ctx context.Context, lab *lab, s suite, o options) ([]result, error) {
	kinds := s.kindsOf(o.kinds)
	if len(kinds) == 0 {
		return nil, fmt.Errorf("%s is for the kinds %v", s.name, s.kinds)
	}
	var results []result
	for _, w := range s.workloads {
		if len(o.workloads) > 0 && !slices.Contains(o.workloads, w.name) {
			continue
		}
		ofWorkload, err := rounds(ctx, lab, w, kinds, o.rounds)
		if err != nil {
			return nil, err
		}
		printTable(os.Stdout, s, w, kinds, ofWorkload)
		results = append(results, ofWorkload...)
	}
	return results, nil
}

func (s suite) kindsOf(wanted []string) []string {
	if s.kinds == nil {
		return wanted
	}
	return slices.DeleteFunc(slices.Clone(wanted), func(kind string) bool {
		return !slices.Contains(s.kinds, kind)
	})
}

// rounds measures a workload with each kind in turn, and that several times.
// Neighbouring runs share what the machine does at that time, which the
// per-round ratios cancel; the order rotates, so that no kind always runs after
// the same other.
func rounds(ctx context.Context, lab *lab, w workload, kinds []string, n int) ([]result, error) {
	var results []result
	for round := range n {
		for i := range kinds {
			kind := kinds[(round+i)%len(kinds)]
			report, err := lab.measure(ctx, kind, w)
			if err != nil {
				return nil, fmt.Errorf("%s, %s: %w", w.name, kind, err)
			}
			results = append(results, result{w.name, kind, round, report})
		}
	}
	return results, nil
}

// write writes the results to a file, if one is named.
func (r outcome) write(name string) error {
	if name == "" {
		return nil
	}
	r.Go, r.CPUs = runtime.Version(), runtime.NumCPU()
	text, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(name, append(text, '\n'), 0o644)
}
