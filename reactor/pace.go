package reactor

// pace tells a loop that mostly sleeps from a busy one, because the two wait best in different ways: see
// Poller.Wait. It looks at the turns given in windows of some milliseconds.
type pace struct {
	since   int64  // when the window began
	turns   uint64 // the worker's count then
	resting bool
}

const (
	paceWindow = 20       // milliseconds
	paceQuiet  = 10000000 // turns a second below which a loop is quiet
)

func newPace() pace { return pace{resting: true} }

// quiet is asked before each wait.
func (p *pace) quiet(now int64, turns uint64) bool {
	if elapsed := now - p.since; elapsed >= paceWindow {
		p.resting = int64(turns-p.turns)*1000 < paceQuiet*elapsed
		p.since, p.turns = now, turns
	}
	return p.resting
}
