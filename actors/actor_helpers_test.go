package actors_test

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/reactor"
)

var getStats = reactor.GetStats{}

// spawn starts a plain protoactor actor that hands on every message.
func spawn(s *actors.System, f func(message any)) *actor.PID {
	return spawn2(s, func(c actor.Context) { f(c.Message()) })
}
