package main

import (
	"fmt"
	"slices"
)

// median returns the middle value, or 0 of none.
func median(values []float64) float64 {
	if len(values) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(values))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// spread prints the distance from the lowest to the highest value in percent of
// the median.
func spread(values []float64) string {
	middle := median(values)
	if middle == 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", 100*(slices.Max(values)-slices.Min(values))/middle)
}

// ratioOfMedians reports false if there is nothing to compare with.
func ratioOfMedians(of, reference []float64) (float64, bool) {
	divisor := median(reference)
	if len(of) == 0 || divisor <= 0 {
		return 0, false
	}
	return median(of) / divisor, true
}

// medianOfRatios pairs the values by round. It reports false if there is
// nothing to compare with.
func medianOfRatios(of, reference []float64) (float64, bool) {
	var perRound []float64
	for i := range min(len(of), len(reference)) {
		if reference[i] > 0 {
			perRound = append(perRound, of[i]/reference[i])
		}
	}
	return median(perRound), len(perRound) > 0
}
