package main

import (
	"slices"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
)

// What is published in a room is a nickname, a colon, and what was said. There is no colon in a nickname, and whoever
// publishes puts the own one there, so that nobody can speak for another. Who comes and goes is no text at all.

// say tells the others in the room.
func (m *member) say(c *actors.Conn, text string) {
	s := m.here()
	if s == nil {
		tell(c, "You are in no room. Type /join room")
		return
	}
	if _, err := c.PublishOthers(roomPrefix+s.room, []byte(m.nickname+": "+text)); err != nil {
		tell(c, "That did not work: %v.", err)
		return
	}
	prompt(c)
}

// hear is called with what happens in a room, in the connection's turn.
func (m *member) hear(c *actors.Conn, s *seat, message *pubsub.Message) {
	if !slices.Contains(m.seats, s) {
		return // it was on its way when we left
	}
	switch who := message.Member; message.Kind {
	case pubsub.Data:
		m.hearText(c, s, message)
	case pubsub.Joined: // with the name before, if it is somebody who was there: see rename
		s.renamed = string(who.Info)
		m.hearJoined(c, s, who.ID)
	case pubsub.Left:
		if who.ID != s.renamed && m.interrupted.Err() == nil { // when the server shuts down all leave
			tell(c, "%s left %s.", who.ID, s.room)
		}
		s.renamed = ""
	}
}

// hearText shows when something was said, if that was before we came.
func (m *member) hearText(c *actors.Conn, s *seat, message *pubsub.Message) {
	when := ""
	if began := s.subscription.Began(); message.Epoch == began.Epoch && message.Sequence <= began.Sequence {
		when = message.Published().Format("(15:04) ")
	}
	tell(c, "%s%s%s", m.where(s), when, message.Payload())
}

func (m *member) hearJoined(c *actors.Conn, s *seat, nickname string) {
	switch {
	case nickname == m.nickname: // we know
	case s.renamed != "":
		tell(c, "%s%s is now %s.", m.where(s), s.renamed, nickname)
	default:
		tell(c, "%s joined %s.", nickname, s.room)
	}
}

// where is what is put before a line to say in which room it belongs, if that may be in question.
func (m *member) where(s *seat) string {
	if len(m.seats) == 1 {
		return ""
	}
	return "#" + s.room + " "
}
