// Package match measures how long it takes to find, among many standing
// patterns, those that match the name of a channel: troupe's index of patterns
// against trying them one by one, against the subject tree of NATS, and against
// PUBLISH of a real Redis. It also measures all of troupe's pub/sub around the
// index.
//
// All contenders have the same patterns in one process, Redis in one of its
// own, and all must find as many for each name.
package match
