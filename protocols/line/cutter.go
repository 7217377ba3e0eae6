package line

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// ErrTooLong: the peer sent a line that is longer than Options.MaxLine, or too many telnet commands within one.
var ErrTooLong = errors.New("line: line is too long")

// DefaultMaxLine is the MaxLine of the zero Options.
const DefaultMaxLine = 8 << 10

const (
	// maxEnd is how many bytes the end of a line may have.
	maxEnd = 2
	// maxCommands is how many bytes of telnet commands there may be in a line: an urgent negotiation of all options.
	maxCommands = 1 << 10
)

// Options say what a line is. The zero value is a good choice.
type Options struct {
	// Split cuts the text into lines, by the rules of bufio.Scanner, except that it is never told of the end of the
	// stream, and that an empty line counts only if it advances. It must not change the bytes. Nil means ScanLines.
	Split bufio.SplitFunc
	// MaxLine is how many bytes a line may have, without its end. Longer ones close the connection, with ErrTooLong.
	// Split is never shown more than two bytes more: for a Split that looks for something else than ends of lines, that
	// is how long a line may be with what surrounds it. Zero or less means 8 KiB. What cannot be delivered yet waits in
	// the connection, which must allow that: actors.ConnOptions.MaxUnconsumed should be twice as much, and 2 KiB.
	MaxLine int
}

// ScanLines is a bufio.SplitFunc for lines that end with LF or CR LF, which is cut off. A last line without an end is
// none, other than with bufio.ScanLines.
func ScanLines(data []byte, _ bool) (advance int, line []byte, err error) {
	end := bytes.IndexByte(data, '\n')
	if end < 0 {
		return 0, nil, nil
	}
	line = data[:end]
	if end > 0 && line[end-1] == '\r' {
		line = line[:end-1]
	}
	return end + 1, line, nil
}

// A cutter cuts lines out of a stream that is shown to it in windows: a window begins where the lines taken from the
// last one ended. Between windows it holds no bytes.
type cutter struct {
	split    bufio.SplitFunc
	maxLine  int
	at       Stripper  // its state where the next window begins: always inText
	answered int       // how far in the next window commands were answered already
	refused  *refusals // nil until the first one
}

func newCutter(o Options) cutter {
	if o.Split == nil {
		o.Split = ScanLines
	}
	if o.MaxLine <= 0 {
		o.MaxLine = DefaultMaxLine
	}
	return cutter{split: o.Split, maxLine: o.MaxLine}
}

// A window is one look at the stream. raw is what was received, text what of it is text; where there is nothing of
// telnet in raw they are the same.
type window struct {
	*cutter
	raw, text     []byte
	rawAt, textAt int      // how much is taken
	at            Stripper // its state at rawAt
	answered      int      // how far in raw commands were answered
	plain         bool     // raw and text are the same
	replies       []byte   // to commands, to be sent to the peer
}

// open begins a window. raw is all that was received and not taken. scratch is room for its text.
func (c *cutter) open(raw, scratch []byte) window {
	w := window{cutter: c, raw: raw, text: raw, at: c.at, answered: c.answered}
	c.answered = 0 // in case that close is never called, because somebody panics
	if w.plain = bytes.IndexByte(raw, iac) < 0 && bytes.IndexByte(raw, 0) < 0; !w.plain {
		s := w.at
		w.text = s.Strip(scratch[:0], raw)
	}
	return w
}

// next takes the next line, which is valid as long as raw and scratch are. ok is false if there is none. The error
// io.EOF says that Split wants no more of the stream; a line may come with it.
func (w *window) next() (line []byte, ok bool, err error) {
	for {
		if err := w.skipCommands(); err != nil {
			return nil, false, err
		}
		text := w.text[w.textAt:]
		if len(text) == 0 {
			return nil, false, nil
		}
		text = text[:min(len(text), w.maxLine+maxEnd)]
		advance, line, err := w.split(text, false)
		last := err == bufio.ErrFinalToken
		switch {
		case err != nil && !last:
			return nil, false, err
		case advance < 0:
			return nil, false, bufio.ErrNegativeAdvance
		case advance > len(text):
			return nil, false, bufio.ErrAdvanceTooFar
		case advance == 0 && line != nil && !last:
			return nil, false, fmt.Errorf("line: Split: %w", io.ErrNoProgress)
		case len(line) > w.maxLine, advance == 0 && !last && len(text) == w.maxLine+maxEnd:
			return nil, false, fmt.Errorf("%w: more than %d bytes", ErrTooLong, w.maxLine)
		}
		raw := w.take(advance)
		if err := w.checkRaw(raw); err != nil && line != nil {
			return nil, false, err
		}
		switch {
		case last:
			return line, line != nil, io.EOF
		case line != nil:
			return line, true, nil
		case advance == 0:
			return nil, false, w.lookAhead()
		}
	}
}

// take takes so much text, answers the commands in it, and says how much of raw that was.
func (w *window) take(text int) (raw int) {
	w.textAt += text
	if w.plain {
		w.rawAt += text
		if text > 0 {
			w.at = Stripper{cr: w.raw[w.rawAt-1] == '\r'}
		}
		return text
	}
	from := w.rawAt
	for text > 0 {
		// No more than text bytes, of which at most so many are text.
		n, part, command := w.at.Next(w.raw[w.rawAt:min(len(w.raw), w.rawAt+text)])
		w.rawAt += n
		w.answer(w.rawAt, command)
		text -= len(part)
	}
	return w.rawAt - from
}

// skipCommands takes the commands in front of the next line, which belong to none.
func (w *window) skipCommands() error {
	for !w.plain && w.rawAt < len(w.raw) && w.raw[w.rawAt] == iac {
		s, end := w.at, w.rawAt
		var text []byte
		var command Command
		for whole := false; !whole && end < len(w.raw); whole = s.state == inText {
			var n int
			n, text, command = s.Next(w.raw[end:])
			end += n
		}
		if text != nil { // a doubled IAC
			return nil
		}
		if err := w.checkRaw(end - w.rawAt); err != nil || s.state != inText {
			return err
		}
		w.rawAt, w.at = end, s
		w.answer(end, command)
	}
	return nil
}

// lookAhead answers the commands in a line that has not ended yet: the peer may wait for that before it sends the rest.
// The commands stay, since a protocol that takes over may want to see them.
func (w *window) lookAhead() error {
	if w.plain {
		return nil
	}
	s, at := w.at, w.rawAt
	for at < len(w.raw) {
		n, _, command := s.Next(w.raw[at:])
		at += n
		w.answer(at, command)
	}
	return w.checkRaw(at - w.rawAt)
}

// answer answers a command that ends at a place in raw, unless that was done before.
func (w *window) answer(end int, command Command) {
	if command == (Command{}) || end <= w.answered {
		return
	}
	w.answered = end
	if command.Code != will && command.Code != do {
		return
	}
	if w.refused == nil {
		w.refused = new(refusals)
	}
	w.replies = w.refused.refuse(w.replies, command)
}

// checkRaw bounds what must be kept of a line, whose every byte may be a doubled IAC, and the commands in it.
func (w *window) checkRaw(n int) error {
	if most := 2*(w.maxLine+maxEnd) + maxCommands; n > most {
		return fmt.Errorf("%w: more than %d bytes with telnet commands", ErrTooLong, most)
	}
	return nil
}

// close ends the window and says how much of raw was taken.
func (w *window) close() int {
	w.cutter.at = w.at
	w.cutter.answered = max(0, w.answered-w.rawAt)
	return w.rawAt
}
