// Package bridge lets package actorstest into package actors by a door that is closed to everybody else.
package bridge

// What package actors provides, with types that this package cannot name.
var (
	// NewSystem is a func(level func(fd int) reactor.Events, o actors.Options) (*actors.System, *reactor.Manual, error).
	NewSystem any
	// NewConn is a func(*actors.System, fd int, reactor.Stream, actors.Factory, actors.ConnOptions) (*actors.Conn, error).
	NewConn any
	// Reason is a func(*actors.Conn) (actors.Reason, bool).
	Reason any
	// Shutdown is a func(*actors.Conn).
	Shutdown any
)
