package main

import (
	"time"
	"unicode/utf8"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocols/line"
	"github.com/troupe-go/troupe/pubsub"
)

// member is the protocol of a connection that has logged in. All of its methods run in the connection's turn, one after
// the other, so that its fields need no lock.
type member struct {
	line.Base
	*chat
	nickname string
	seats    []*seat                // in rooms; the last one is where what is typed goes to
	patterns []*pubsub.Subscription // of channels, see channels.go
}

func (m *member) OnOpen(c *actors.Conn) {
	c.SetTimeout(m.ping)
	if err := m.enter(c, lobby); err != nil {
		c.Fail(err)
		return
	}
	tell(c, "Welcome, %s! People here: %d. Type /help for help.", m.nickname, people(c, lobby))
}

func (m *member) OnLine(c *actors.Conn, text []byte) {
	switch typed := clean(string(text)); {
	case typed == "":
		prompt(c)
	case utf8.RuneCountInString(typed) > maxText:
		tell(c, "That is too long: at most %d characters, please.", maxText)
	case isBye(typed):
		part(c, "Goodbye, "+m.nickname+".")
	case typed[0] == '/':
		m.obey(c, typed)
	default:
		m.say(c, typed)
	}
}

// OnMessage is called with what other connections send to this one.
func (m *member) OnMessage(c *actors.Conn, message any) {
	if message, ok := message.(private); ok {
		tell(c, "(private) %s: %s", message.from, message.text)
	}
}

// OnTimeout is called when nothing has moved for as long as chat.ping says.
func (m *member) OnTimeout(c *actors.Conn) { tell(c, "(ping) Are you there, %s...?", m.nickname) }

func (m *member) OnShutdown(c *actors.Conn) time.Duration { return sayShutdown(c) }
