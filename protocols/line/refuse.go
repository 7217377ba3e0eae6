package line

// refusals remembers which options were refused, so that each is refused once.
type refusals struct {
	options [2][256 / 64]uint64 // what the peer would do, and what it asks us to do
}

// timingMark is no option, but the question whether all that was sent before has been dealt with (RFC 860).
const timingMark = 6

// refuse appends to dst what a network virtual terminal without any options answers to a command, if that is anything.
// WONT and DONT need no answer, since everything is off already (RFC 1143, section 7).
func (r *refusals) refuse(dst []byte, command Command) []byte {
	var asked int
	answer := byte(dont)
	switch command.Code {
	case will:
	case do:
		asked, answer = 1, wont
	default:
		return dst
	}
	word, bit := command.Option/64, uint64(1)<<(command.Option%64)
	if r.options[asked][word]&bit != 0 && command != (Command{do, timingMark}) {
		return dst
	}
	r.options[asked][word] |= bit
	return append(dst, iac, answer, command.Option)
}
