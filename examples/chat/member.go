package main

import (
	"bytes"
	"strings"
	"time"
	"unicode"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocols/line"
	"github.com/troupe-go/troupe/pubsub"
)

// room is the channel on which everything is said.
const room = "chat"

// member is the protocol of a connection that has logged in.
type member struct {
	line.Base
	limits
	nickname string
}

func (m *member) OnOpen(c *actors.Conn) {
	tell(c, "Welcome, %s! People here: %d. Type /help for help.", m.nickname, c.System().Broker().Subscribers(room)+1)
	c.SetTimeout(m.ping)
	if _, err := c.Subscribe(room, actors.SubscribeOptions{Handler: m.hear}); err != nil {
		c.Fail(err)
		return
	}
	m.say(c, m.nickname+" joined chat.")
}

func (m *member) OnLine(c *actors.Conn, text []byte) {
	switch said := clean(string(text)); {
	case said == "":
		prompt(c)
	case isBye(said):
		part(c, "Goodbye, "+m.nickname+".")
	case said == "/help":
		tell(c, "What you type goes to everybody here. Type bye to leave.")
	case said[0] == '/':
		tell(c, "There is no such command. Type /help for help.")
	default:
		m.say(c, m.nickname+": "+said)
		prompt(c)
	}
}

// say tells everybody.
func (m *member) say(c *actors.Conn, text string) {
	if _, err := c.Publish(room, []byte(text)); err != nil {
		tell(c, "(not sent: %v)", err)
	}
}

// hear is called with what anybody says, in the connection's turn. What its owner says is on the screen already.
func (m *member) hear(c *actors.Conn, message *pubsub.Message) {
	if text := message.Payload(); !bytes.HasPrefix(text, []byte(m.nickname+": ")) {
		tell(c, "%s", text)
	}
}

// OnTimeout is called when nothing has moved for as long as limits.ping says.
func (m *member) OnTimeout(c *actors.Conn) { tell(c, "(ping) Are you there, %s...?", m.nickname) }

func (m *member) OnShutdown(c *actors.Conn) time.Duration { return sayShutdown(c) }

func (m *member) OnClose(c *actors.Conn, why actors.Reason) {
	if why.Code != actors.Shutdown { // then all leave
		m.say(c, m.nickname+" left chat.")
	}
}

// clean takes out what could garble other people's screens.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.TrimSpace(text)
}
