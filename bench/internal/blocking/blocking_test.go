package blocking_test

import (
	"testing"
	"time"

	"github.com/troupe-go/troupe/bench/internal/blocking"
)

func TestRun(t *testing.T) {
	for _, test := range []struct {
		message string
		blocks  bool
	}{{"Sleep", true}, {"Mutex", true}, {"Y", true}, {"other", false}, {"", false}} {
		t.Run(test.message, func(t *testing.T) {
			t.Parallel()
			start := time.Now()
			if got := blocking.Run([]byte(test.message)); got != test.blocks {
				t.Errorf("Run = %v, want %v", got, test.blocks)
			}
			if blocked := time.Since(start) >= blocking.Duration; blocked != test.blocks {
				t.Errorf("blocked for %v, want it to block: %v", time.Since(start), test.blocks)
			}
		})
	}
}
