package actors

// A task is a function that somebody wants to run in a connection's turn.
type task struct {
	run      func(*Conn)
	fallback func()
}

func (t *task) giveUp() {
	if t.fallback != nil {
		t.fallback()
	}
}

// Do runs f in a turn of the connection, or fallback if the connection is closed before: exactly one of the two, which
// Do's answer does not change. If the connection is closed already, or its mailbox is full, fallback runs before Do
// returns, and the error says why. fallback may be nil.
func (c *Conn) Do(f func(*Conn), fallback func()) error {
	if f == nil {
		return badOption("Do with a function", "nil")
	}
	if err := c.send(&task{f, fallback}); err != nil {
		if fallback != nil {
			fallback()
		}
		return err
	}
	return nil
}
