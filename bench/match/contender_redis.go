package match

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/bench/internal/proc"
)

// redisPublish is the name of the row of Redis.
const redisPublish = "redis PUBLISH"

// contender measures the PUBLISH of the set's names by the processor time that
// the server used: for matching, and for reading, answering and delivering.
// Commands are pipelined so that the socket costs little.
func (r *redis) contender(s *standing) contender {
	batch := max(1, min(len(s.names), 1_000_000/len(s.patterns)))
	return contender{redisPublish, func(d time.Duration) (float64, error) {
		before, err := proc.CPU(r.child.Pid)
		if err != nil {
			return 0, err
		}
		n := 0
		for begin := time.Now(); n == 0 || time.Since(begin) < d; n += batch {
			from := n % (len(s.names) - batch + 1)
			if _, err := r.publish(s.names[from : from+batch]); err != nil {
				return 0, err
			}
		}
		after, err := proc.CPU(r.child.Pid)
		return mean(after-before, n), err
	}}
}

// verify compares what Redis finds with what is right.
func (r *redis) verify(s *standing) error {
	names := s.checked()
	counts, err := r.publish(names)
	if err != nil {
		return err
	}
	for i, name := range names {
		if want := s.count(name); counts[i] != want {
			return fmt.Errorf("redis-server, %d patterns: %q matches %d, not %d", len(s.patterns), name, counts[i], want)
		}
	}
	return nil
}
