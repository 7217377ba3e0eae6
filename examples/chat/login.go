package main

import (
	"errors"
	"strings"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocols/line"
)

// login is the first protocol of a connection: it asks for a nickname until it gets a good one.
type login struct {
	line.Base
	*chat
	timer *actors.Timer
}

func (l *login) OnOpen(c *actors.Conn) {
	tell(c, "Enter nickname to log in to chat room:")
	var err error
	if l.timer, err = c.After(l.login, timeIsUp); err != nil {
		c.Fail(err)
	}
}

// timeIsUp runs in the connection's turn, like everything here, so that nobody is let in at the same time.
func timeIsUp(c *actors.Conn) { part(c, "Time's up... goodbye.") }

func (l *login) OnLine(c *actors.Conn, text []byte) {
	nickname := strings.TrimSpace(string(text))
	if isBye(nickname) {
		part(c, "Goodbye.")
		return
	}
	if err := checkNickname(nickname); err != nil {
		tell(c, "Nickname error: %v. Try again:", err)
		return
	}
	// A tag belongs to one connection at a time, and goes with it.
	if err := c.SetTag(tag(nickname)); errors.Is(err, actors.ErrTagTaken) {
		tell(c, "%s is in the room already. Try another nickname:", nickname)
		return
	} else if err != nil {
		c.Fail(err)
		return
	}
	l.timer.Stop()
	c.Swap(line.New(&member{chat: l.chat, nickname: nickname}, line.Options{}))
}

func (l *login) OnShutdown(c *actors.Conn) time.Duration { return sayShutdown(c) }
