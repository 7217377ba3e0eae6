package actors_test

import (
	"github.com/asynkron/protoactor-go/actor"
	"github.com/troupe-go/troupe/actors"
)

// spawn starts a plain protoactor actor that hands on every message.
func spawn(s *actors.System, f func(message any)) *actor.PID {
	return s.Root().Spawn(actor.PropsFromFunc(func(c actor.Context) { f(c.Message()) }))
}
