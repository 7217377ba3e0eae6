package line

import (
	"bytes"

	"github.com/troupe-go/troupe/pubsub"
)

// Encoder writes a published message as one line, whatever its payload: it ends with CR LF, and cannot be taken for
// two lines or a telnet command. It is what a line connection's subscriptions use that have neither a Handler nor an
// Encoder of their own.
//
// An end of line (CR LF, LF or CR) at the end of the payload is left out, each one within becomes a blank. IAC, the byte
// 0xFF, is doubled for every peer, as this package undoubles it for every peer; text in UTF-8 does not have it. Other
// control characters stay as they are. Messages of other kinds than pubsub.Data are not written.
var Encoder = pubsub.NewEncoder("line", maxEnd, func(dst []byte, m *pubsub.Message) []byte {
	if m.Kind != pubsub.Data {
		return dst
	}
	return appendLine(dst, m.Payload())
})

// appendLine appends text as a line.
func appendLine(dst, text []byte) []byte {
	text = bytes.TrimSuffix(text, []byte{'\n'})
	text = bytes.TrimSuffix(text, []byte{'\r'})
	for {
		i := special(text)
		dst = append(dst, text[:i]...)
		if i == len(text) {
			return append(dst, '\r', '\n')
		}
		switch {
		case text[i] == iac:
			dst = append(dst, iac, iac)
		case text[i] == '\r' && i+1 < len(text) && text[i+1] == '\n':
			i++
			fallthrough
		default:
			dst = append(dst, ' ')
		}
		text = text[i+1:]
	}
}

// special is where text has its first byte that cannot be in a line as it is, or text's length.
func special(text []byte) int {
	for i, b := range text {
		if b == '\r' || b == '\n' || b == iac {
			return i
		}
	}
	return len(text)
}
