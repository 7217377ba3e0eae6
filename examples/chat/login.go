package main

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocols/line"
)

// login is the first protocol of a connection: it asks for a nickname until it gets a good one.
type login struct {
	line.Base
	limits
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
	if err := c.SetTag("nickname:" + strings.ToLower(nickname)); errors.Is(err, actors.ErrTagTaken) {
		tell(c, "%s is in the room already. Try another nickname:", nickname)
		return
	} else if err != nil {
		c.Fail(err)
		return
	}
	l.timer.Stop()
	c.Swap(line.New(&member{nickname: nickname, limits: l.limits}, line.Options{}))
}

func (l *login) OnShutdown(c *actors.Conn) time.Duration { return sayShutdown(c) }

const maxNickname = 20 // runes

// checkNickname says what is wrong with a nickname, or nil.
func checkNickname(name string) error {
	switch {
	case name == "":
		return errors.New("it is empty")
	case !utf8.ValidString(name):
		return errors.New("it is not UTF-8")
	case utf8.RuneCountInString(name) > maxNickname:
		return fmt.Errorf("it is longer than %d characters", maxNickname)
	case strings.ContainsFunc(name, func(r rune) bool { return r == ' ' || r == ':' || !unicode.IsPrint(r) }):
		return errors.New("no blanks, colons and control characters, please")
	case name[0] == '/':
		return errors.New("commands begin with a slash")
	}
	return nil
}
