package main

import (
	"errors"
	"flag"
	"fmt"
)

// The fan-out servers: what one connection publishes, all that subscribe get.
// A connection says by single bytes what it is:
//
//	'S'  subscribes, and is answered by the same byte
//	'U'  ends that
//	'P'  publishes, and is answered by the same byte; all that follows are
//	     messages of -fanout bytes each
const (
	subscribe   = 'S'
	unsubscribe = 'U'
	publish     = 'P'
)

var (
	fanoutSize = flag.Int("fanout", 0, "bytes of a message; bare, net and troupe fan out instead of echoing")
	slow       = flag.String("slow", "disconnect", "troupe, for subscribers that are over the budget: disconnect or drop-oldest; bare and net drop the newest")
	budget     = flag.Int("budget", 1<<20, "bytes that bare and troupe keep at most for each subscriber")
)

// fanouts serve until they fail, as servers do.
var fanouts = map[string]func(addr string, loops int) error{
	"bare":   serveBareFanout,
	"net":    serveNetFanout,
	"troupe": serveTroupeFanout,
}

func checkFanout() error {
	switch {
	case *fanoutSize < 0 || *budget < 1<<10:
		return errors.New("-fanout must be positive and -budget at least 1024")
	case *fanoutSize > 0 && fanouts[*kind] == nil:
		return fmt.Errorf("kind %q does not fan out", *kind)
	case *slow != "disconnect" && *slow != "drop-oldest":
		return fmt.Errorf("-slow %q is neither disconnect nor drop-oldest", *slow)
	}
	return nil
}
