package match

import (
	"fmt"

	"github.com/nats-io/nats-server/v2/server"
)

// newSublist makes NATS's tree of subjects a matcher, with its cache of 1024
// names or without.
func newSublist(s *standing, cache bool) (*matcher, error) {
	list, name := server.NewSublistNoCache(), "NATS Sublist without cache"
	if cache {
		list, name = server.NewSublistWithCache(), "NATS Sublist"
	}
	subscriptions, err := openSublist(list)
	if err != nil {
		return nil, err
	}
	for _, p := range s.patterns {
		if err := subscriptions.insert(p.subject); err != nil {
			return nil, fmt.Errorf("%s: %q: %w", name, p.subject, err)
		}
	}
	return &matcher{
		name:      name,
		remembers: cache,
		match:     func(name string) int { return subscribers(list.Match(name)) },
		change: func(p pattern, add bool) {
			if add {
				_ = subscriptions.insert(p.subject)
			} else {
				_ = subscriptions.removeLast()
			}
		},
	}, nil
}
