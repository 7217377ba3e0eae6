package main

import (
	"errors"
	"strings"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
)

// tag is how the connection of somebody is found. A tag belongs to one connection at a time, so that nicknames are
// unique; alice is Alice.
func tag(nickname string) string { return "nickname:" + strings.ToLower(nickname) }

// A private is a message from one connection to another.
type private struct{ from, text string }

// whisper is /msg.
func (m *member) whisper(c *actors.Conn, args string) {
	to, text, _ := strings.Cut(args, " ")
	switch err := c.System().SendTag(tag(to), private{from: m.nickname, text: strings.TrimSpace(text)}); {
	case errors.Is(err, actors.ErrNoSuchTag), errors.Is(err, actors.ErrClosed):
		tell(c, "There is nobody of that name.")
	case err != nil:
		tell(c, "That did not work: %v.", err)
	default:
		prompt(c)
	}
}

// rename is /nick.
func (m *member) rename(c *actors.Conn, nickname string) {
	if err := checkNickname(nickname); err != nil {
		tell(c, "Nickname error: %v.", err)
		return
	}
	before := m.nickname
	if nickname == before {
		tell(c, "You are %s already.", nickname)
		return
	}
	if err := c.SetTag(tag(nickname)); errors.Is(err, actors.ErrTagTaken) {
		tell(c, "%s is in the room already. You are still %s.", nickname, before)
		return
	} else if err != nil {
		tell(c, "That did not work, you are still %s: %v.", before, err)
		return
	}
	m.nickname = nickname
	for _, s := range m.seats { // the others are told by this, see hear
		s.subscription.SetMember(&pubsub.Member{ID: nickname, Info: []byte(before)})
	}
	if tag(before) != tag(nickname) {
		c.DropTag(tag(before)) // last: who takes the name now comes after us everywhere
	}
	tell(c, "You are %s now.", nickname)
}
