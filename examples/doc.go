// Package examples holds complete programs, for reading and running:
//
//	go run ./examples/echo    sends back what it gets: the shortest server
//	go run ./examples/chat    chat rooms: login, hot protocol swap, publish/subscribe with presence, history and
//	                        patterns, tags, timeouts, goodbyes
//
// The package itself holds their tests only, which build the programs and talk to them as a person would.
package examples
