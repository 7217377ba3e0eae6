//go:build linux && !troupe_poll

package reactor

import "testing"

func TestEpoll(t *testing.T) { testPoller(t, newPoller) }
