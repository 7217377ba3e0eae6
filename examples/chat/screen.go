package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/troupe-go/troupe/actors"
)

// What people see is lines and, below them, a prompt at which they type. A new line takes the prompt's place: CR leads
// back to its beginning. Lines end with CR LF, as telnet wants it (RFC 854, "THE NVT PRINTER AND KEYBOARD").
//
// Errors of writing are of no interest: the connection is about to close then, and OnClose is told why.

// tell writes a line, and the prompt anew.
func tell(c *actors.Conn, format string, args ...any) {
	c.Write(appendLine(nil, fmt.Sprintf(format, args...)))
}

// appendLine appends what tell writes.
func appendLine(dst []byte, text string) []byte {
	return append(append(append(dst, '\r'), text...), "\r\n> "...)
}

// prompt writes a prompt after what was typed.
func prompt(c *actors.Conn) { c.WriteString("> ") }

// part writes a last line and closes.
func part(c *actors.Conn, text string) {
	c.WriteString("\r" + text + "\r\n")
	c.Close()
}

// sayShutdown is both protocols' OnShutdown.
func sayShutdown(c *actors.Conn) time.Duration {
	c.WriteString("\rServer is shutting down... try reconnecting later.\r\n")
	return 0 // the connection is closed when that is written
}

func isBye(text string) bool { return strings.EqualFold(text, "bye") }
