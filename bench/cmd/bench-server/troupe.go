package main

import "errors"

// serveTroupe will echo with a troupe actor for each connection; with
// -blocking (blockingMode) its handler calls blocking.Run on each message.
func serveTroupe(addr string, loops int) error {
	return errors.New("not wired yet")
}
