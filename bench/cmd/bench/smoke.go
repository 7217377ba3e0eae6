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
func smoke(ctx context.Context, lab *lab, suites []suite, o options) error {
	start := time.Now()
	r := outcome{Suite: "smoke"}
	for _, s := range suites {
		for _, w := range s.workloads {
			ofWorkload, err := rounds(ctx, lab, w.tiny(), s.kindsOf(o.kinds), 1)
			if err != nil {
				return fmt.Errorf("%s: %w", s.name, err)
			}
			for _, one := range ofWorkload {
				if err := plausible(one.Report); err != nil {
					return fmt.Errorf("%s %s, %s: %w", s.name, w.name, one.Kind, err)
				}
			}
			r.Results = append(r.Results, ofWorkload...)
		}
	}
	if err := smokeMatch(ctx, lab); err != nil {
		return err
	}
	if err := r.write(o.json); err != nil {
		return err
	}
	fmt.Printf("smoke: %d runs in %.1f s, all bytes came back\n", len(r.Results), time.Since(start).Seconds())
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
		return errors.New("nothing came back in the window")
	case r.Mode == "stalled" && (r.Stalled.CalmOps == 0 || r.Stalled.Closed):
		return errors.New("nothing was delivered in calm, or the stalled subscriber was disconnected")
	case r.Mode == "stalled" && r.Stalled.Got >= load.StalledFill/int64(fanoutSize):
		return errors.New("nothing was dropped for the stalled subscriber")
	case r.Mode == "blocked" && r.Blocked.Last > 2*blocking.Duration:
		return fmt.Errorf("blocked connections waited for one another: the last took %v", r.Blocked.Last)
	}
	return nil
}
