package main

import (
	"testing"
	"time"

	"github.com/troupe-go/troupe/bench/load"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 2}, 2}, {[]float64{4, 1, 2, 9}, 3}} {
		if got := median(test.values); got != test.want {
			t.Errorf("median(%v) = %v, want %v", test.values, got, test.want)
		}
	}
}

func TestRatios(t *testing.T) {
	for _, test := range []struct {
		of, reference []float64
		want          string
	}{
		{[]float64{2, 4, 6}, []float64{1, 2, 4}, "2.00 (2.00)"},
		{[]float64{2, 9, 4}, []float64{1, 3, 4}, "1.33 (2.00)"},
		{nil, []float64{1}, "- (-)"},
		{[]float64{1}, []float64{0}, "- (-)"},
	} {
		if got := ratios(test.of, test.reference); got != test.want {
			t.Errorf("ratios(%v, %v) = %q, want %q", test.of, test.reference, got, test.want)
		}
	}
}

func TestEchoHeadline(t *testing.T) {
	cpu := func(kind string, micros int) result {
		return result{Workload: "c1000", Kind: kind, Report: load.Report{
			Ops: 1000, ServerCPU: 1000 * time.Duration(micros) * time.Microsecond,
		}}
	}
	results := []result{cpu("bare", 4), cpu("net", 8), cpu("troupe", 5)}
	const want = "echo c1000: 1.25 x bare-epoll, 0.62 x net"
	if got := echoHeadline(results); got != want {
		t.Errorf("headline %q, want %q", got, want)
	}
	const without = "echo c1000: - x bare-epoll, - x net"
	if got := echoHeadline(results[:2]); got != without {
		t.Errorf("headline without troupe %q, want %q", got, without)
	}
}
