package line

// Codes of telnet (RFC 854, "TELNET COMMAND STRUCTURE").
const (
	se   = 240
	sb   = 250
	will = 251
	wont = 252
	do   = 253
	dont = 254
	iac  = 255
)

// A Command is one of telnet. The zero Command is none; IAC NUL, which means nothing, is taken for none too.
type Command struct {
	Code   byte // the byte after IAC; for a subnegotiation, whose content is thrown away, SB
	Option byte // after WILL, WONT, DO and DONT
}

// A Stripper tells apart text and commands in what a telnet peer sends. It holds what it must know between pieces, in a
// few bytes whatever comes. The zero Stripper is at the beginning of a stream. Strippers may be copied.
type Stripper struct {
	state state
	verb  byte // of the negotiation whose option is awaited
	cr    bool // the last byte of text was CR
}

type state uint8

const (
	inText       state = iota
	inCommand          // after IAC
	inOption           // after IAC WILL, WONT, DO or DONT
	inContent          // after IAC SB
	inContentIAC       // after IAC in there
)

// lineFeed is the text that stands for the NUL of CR NUL.
var lineFeed = []byte{'\n'}

// Next takes the first piece off src: its length is n, at least 1 if src is not empty. A piece is text, or the rest of a
// command, or a part of one, which has neither text nor a command for a result. However a stream is cut into several
// src, its texts together and its commands are the same. text is a part of src or a constant, and must not be changed.
func (s *Stripper) Next(src []byte) (n int, text []byte, command Command) {
	if len(src) == 0 {
		return 0, nil, Command{}
	}
	switch b := src[0]; s.state {
	case inText:
		return s.nextText(src)
	case inCommand:
		return s.nextCommand(src)
	case inOption:
		s.state = inText
		return 1, nil, Command{s.verb, b}
	case inContent:
		for n < len(src) && src[n] != iac {
			n++
		}
		if n < len(src) {
			n++
			s.state = inContentIAC
		}
		return n, nil, Command{}
	default: // inContentIAC
		if b == se {
			s.state = inText
			return 1, nil, Command{Code: sb}
		}
		s.state = inContent // IAC IAC; or garbage, which is thrown away with the rest (RFC 855)
		return 1, nil, Command{}
	}
}

func (s *Stripper) nextText(src []byte) (n int, text []byte, command Command) {
	if src[0] == 0 && s.cr {
		s.cr = false
		return 1, lineFeed, Command{}
	}
	for n < len(src) && src[n] != iac && !(src[n] == 0 && s.cr) {
		s.cr = src[n] == '\r'
		n++
	}
	if n == 0 {
		s.state = inCommand
		return 1, nil, Command{}
	}
	return n, src[:n], Command{}
}

func (s *Stripper) nextCommand(src []byte) (n int, text []byte, command Command) {
	s.state = inText
	switch b := src[0]; b {
	case iac:
		s.cr = false
		return 1, src[:1], Command{}
	case will, wont, do, dont:
		s.state, s.verb = inOption, b
	case sb:
		s.state = inContent
	default:
		command.Code = b
	}
	return 1, nil, command
}

// Strip appends the text in src to dst and ignores the commands.
func (s *Stripper) Strip(dst, src []byte) []byte {
	for len(src) > 0 {
		n, text, _ := s.Next(src)
		dst, src = append(dst, text...), src[n:]
	}
	return dst
}
