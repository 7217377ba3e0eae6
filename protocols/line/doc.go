// Package line speaks text in lines, to people with telnet or nc and to programs: chats, consoles, SMTP-like protocols.
//
// Write a [Handler] with an OnLine, embed [Base] for the callbacks you do not need, and have [Factory] or [New] make an
// actors.Protocol of it. Lines end with LF or CR LF, or wherever a bufio.SplitFunc says.
//
// # Telnet
//
// Peers may speak Telnet (RFC 854); nobody notices if they do not. Of what arrives, this is no text and is taken out:
//
//   - IAC IAC, which is the byte 0xFF of the text;
//   - IAC and WILL, WONT, DO or DONT with an option, and IAC SB up to IAC SE (RFC 855), in which IAC is doubled too;
//   - IAC and any other byte, a command of two bytes, such as NOP or Interrupt Process.
//
// CR NUL, which is what some clients send for the Return key, becomes CR LF: both shall have the same effect on a server
// (RFC 1123, section 3.3.1). Any other NUL is text.
//
// Every option is refused, as by a network virtual terminal that has none: WILL by DONT, DO by WONT. That is done once
// for each, and nothing else is ever answered, so that no loop can come of it (RFC 1143). Only TIMING-MARK is answered
// each time: it is no option but a question, and a client that asks it throws away all output until the answer comes
// (RFC 860).
//
// Since 0xFF is always taken for IAC, text is to be in UTF-8, where that byte does not occur, or the peer has to double
// it. In the other direction nothing is done to what a Handler writes: end lines with CR LF, and do not send the byte
// 0xFF undoubled.
//
// # Publish and subscribe
//
// A subscription without a Handler, c.Subscribe("news", actors.SubscribeOptions{}), writes each message to the peer as a
// line: see [Encoder]. The line is made once for all who get it. A Handler that is an actors.Framer decides otherwise.
//
// # Caveats
//
// What the peer sends without an end before it closes is not delivered. Lines longer than Options.MaxLine end the
// connection. Conn.Swap takes effect after the line whose OnLine called it, Conn.Close too: what comes after it goes to
// the next protocol as it came, with what there is of telnet in it.
package line
