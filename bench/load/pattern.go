package load

import (
	"bytes"
	"fmt"
)

// period is the length of the rolling pattern: a prime, so that it drifts
// against every message size that is a power of two.
const period = 127

// pattern is the endless row of bytes 0x80 … 0xFE, long enough to cut a batch
// from at any phase. None of its bytes is a command of the blocking package.
type pattern []byte

func newPattern(batch int) pattern {
	p := make(pattern, batch+period)
	for i := range p {
		p[i] = byte(0x80 + i%period)
	}
	return p
}

// batch returns the bytes of batch number n: each begins one byte later than
// the one before, so that a stale or a foreign echo is not taken for it.
func (p pattern) batch(n int) []byte {
	return p[n%period:][:len(p)-period]
}

// command returns a copy of batch 0 that begins with a blocking command.
func (p pattern) command(first byte) []byte {
	message := bytes.Clone(p.batch(0))
	message[0] = first
	return message
}

// check compares what was read with the beginning of what is due.
func check(got, due []byte, verify bool) error {
	if len(got) > len(due) {
		return fmt.Errorf("load: %d bytes came back where %d were due", len(got), len(due))
	}
	due = due[:len(got)]
	if verify && !bytes.Equal(got, due) || got[0] != due[0] || got[len(got)-1] != due[len(got)-1] {
		return fmt.Errorf("load: wrong bytes came back: %.32x, due %.32x", got, due)
	}
	return nil
}
