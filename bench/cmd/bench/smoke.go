package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/bench/internal/blocking"
	"github.com/troupe-go/troupe/bench/load"
)

// smoke runs every workload for a moment. The load generator fails on any byte
// that does not come back right; what a report must show beyond that is checked
// here, in bounds so wide that a busy machine keeps to them.
func smoke(ctx context.Context, lab *lab, o options) error {
	start := time.Now()
	var results []result
	for _, s := range suites(o) {
		for _, w := range s.workloads {
			ofWorkload, err := rounds(ctx, lab, w.tiny(), s.kindsOf(o.kinds), 1)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			for _, r := range ofWorkload {
				if err := plausible(r.Report); err != nil {
					return fmt.Errorf("%s %s, %s: %w", s.name, w.name, r.Kind, err)
				}
			}
			results = append(results, ofWorkload...)
		}
	}
	if err := writeJSON(o.json, "smoke", results); err != nil {
		return err
	}
	fmt.Printf("smoke: %d runs in %.1f s, all bytes came back\n", len(results), time.Since(start).Seconds())
	return nil
}

func plausible(r load.Report) error {
	switch {
	case r.RSS == 0:
		return errors.New("no memory measured")
	case r.Mode == "idle" && r.ServerCPU > r.Window/2:
		return fmt.Errorf("server used %v of %v while idle", r.ServerCPU, r.Window)
	case r.Mode == "idle":
		return nil
	case r.Ops == 0 || r.P50 == 0:
		return errors.New("nothing was echoed in the window")
	case r.Mode == "blocked" && r.Blocked.Last > 2*blocking.Duration:
		return fmt.Errorf("blocked connections waited for one another: the last took %v", r.Blocked.Last)
	}
	return nil
}
