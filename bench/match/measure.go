package match

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"
)

// Config is how to measure.
type Config struct {
	// Rounds is how often each contender is measured; they take turns.
	Rounds int
	// Duration is about how long each is measured each time.
	Duration time.Duration
	// RedisCPU is the processor that redis-server runs on, or proc.Unpinned.
	RedisCPU int
}

// Row is one contender at one number of patterns.
type Row struct {
	Set       string    `json:"set"`
	Patterns  int       `json:"patterns"`
	Contender string    `json:"contender"`
	Nanos     []float64 `json:"nanos"` // for each operation, by round
	// Missing says why there are none.
	Missing string `json:"missing,omitempty"`
}

// Seen is the Contender that is quoted: the index with a name that it knows.
const Seen = "glob.Index, name seen before"

// Measure has all contenders find the patterns of a set, which are as many as
// patterns says. Before, each has to find what is right.
func Measure(ctx context.Context, set Set, patterns int, config Config) ([]Row, error) {
	s := set.standing(patterns)
	contenders, noRedis, stop, err := prepare(ctx, s, config)
	defer stop()
	if err != nil {
		return nil, fmt.Errorf("%s, %d patterns: %w", set.Name, patterns, err)
	}
	rows := make([]Row, len(contenders))
	for i, c := range contenders {
		rows[i] = Row{Set: set.Name, Patterns: patterns, Contender: c.name}
	}
	for range config.Rounds {
		for i, c := range contenders {
			if err := ctx.Err(); err != nil {
				return nil, err
			}
			runtime.GC() // what the one before has left behind
			nanos, err := c.measure(config.Duration)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", c.name, err)
			}
			rows[i].Nanos = append(rows[i].Nanos, nanos)
		}
	}
	if noRedis {
		rows = append(rows, Row{Set: set.Name, Patterns: patterns, Contender: redisPublish, Missing: errNoRedis.Error()})
	}
	return rows, nil
}

// prepare makes the contenders and verifies each. stop ends them, also when
// there is an error.
func prepare(ctx context.Context, s *standing, config Config) (all []contender, noRedis bool, stop func(), err error) {
	var stops []func()
	stop = func() {
		for _, f := range stops {
			f()
		}
	}
	matchers := []*matcher{newIndex(s)}
	if s.subjects {
		for _, cache := range []bool{true, false} {
			m, err := newSublist(s, cache)
			if err != nil {
				return nil, false, stop, err
			}
			matchers = append(matchers, m)
		}
	}
	for _, m := range matchers {
		if err := m.verify(s); err != nil {
			return nil, false, stop, err
		}
		all = append(all, m.contenders(s)...)
	}
	all = append(all, oneByOne(s))

	b, err := startBroker(s)
	if err != nil {
		return nil, false, stop, fmt.Errorf("pubsub.Broker: %w", err)
	}
	stops = append(stops, b.stop)
	if err := b.verify(s); err != nil {
		return nil, false, stop, err
	}
	all = append(all, b.contender(s))

	r, err := startRedis(ctx, s, config.RedisCPU)
	if errors.Is(err, errNoRedis) {
		return all, true, stop, nil
	}
	if err != nil {
		return nil, false, stop, err
	}
	stops = append(stops, r.stop)
	return append(all, r.contender(s)), false, stop, r.verify(s)
}
