package pubsub

import (
	"errors"
	"testing"
)

func TestParsePosition(t *testing.T) {
	for _, p := range []Position{{}, {1, 2}, {1<<64 - 1, 1<<64 - 1}, {newEpoch(), 7}} {
		if got, err := ParsePosition(p.String()); got != p || err != nil {
			t.Errorf("%v became %v, %v", p, got, err)
		}
	}
	for _, text := range []string{"", "1", "1:2", "0000000000000001:", "0000000000000001:2 ", "0000000000000001:02", "000000000000000g:1"} {
		if _, err := ParsePosition(text); !errors.Is(err, ErrBadOption) {
			t.Errorf("ParsePosition(%q) = %v", text, err)
		}
	}
}
