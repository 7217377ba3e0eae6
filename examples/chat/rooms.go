package main

import (
	"slices"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
)

// A room is a channel. It is there as soon as somebody is in it, who is present by a subscription: when that ends,
// because somebody leaves or a connection breaks, the others are told.

const (
	roomPrefix = "room."
	lobby      = "chat" // everybody's first room
	maxSeats   = 10     // rooms that one person is in
	remembered = 20     // messages that newcomers are told
)

// memories are what rooms keep of what was said.
var memories = []pubsub.HistoryRule{{Pattern: roomPrefix + "*", Count: remembered, Age: 24 * time.Hour}}

// A seat is a member's place in a room.
type seat struct {
	room         string
	subscription *pubsub.Subscription
	renamed      string // who was just said to have another name, and comes next as gone under this one
}

// here is where a member talks, or nil.
func (m *member) here() *seat {
	if len(m.seats) == 0 {
		return nil
	}
	return m.seats[len(m.seats)-1]
}

func (m *member) seatIn(room string) int {
	return slices.IndexFunc(m.seats, func(s *seat) bool { return s.room == room })
}

// people is how many are in a room.
func people(c *actors.Conn, room string) int {
	return c.System().Broker().Channel(roomPrefix+room, 0).Members
}

// enter takes a seat.
func (m *member) enter(c *actors.Conn, room string) error {
	s := &seat{room: room}
	var err error
	s.subscription, err = c.Subscribe(roomPrefix+room, actors.SubscribeOptions{
		Handler: func(c *actors.Conn, message *pubsub.Message) { m.hear(c, s, message) },
		Member:  &pubsub.Member{ID: m.nickname},
		Events:  true,
		Last:    remembered,
	})
	if err == nil {
		m.seats = append(m.seats, s)
	}
	return err
}

// join is /join.
func (m *member) join(c *actors.Conn, name string) {
	room, err := roomName(name)
	if err != nil {
		tell(c, "Room error: %v.", err)
		return
	}
	if i := m.seatIn(room); i >= 0 {
		s := m.seats[i]
		m.seats = append(slices.Delete(m.seats, i, i+1), s)
		tell(c, "You talk in %s now.", room)
		return
	}
	if len(m.seats) == maxSeats {
		tell(c, "You are in %d rooms already. Leave one first.", maxSeats)
		return
	}
	if err := m.enter(c, room); err != nil {
		tell(c, "That did not work: %v.", err)
		return
	}
	tell(c, "You talk in %s now. People here: %d.", room, people(c, room))
}

// leave is /leave.
func (m *member) leave(c *actors.Conn, name string) {
	room, ok := m.roomOrHere(c, name)
	if !ok {
		return
	}
	i := m.seatIn(room)
	if i < 0 {
		tell(c, "You are not in %s.", room)
		return
	}
	before := m.here()
	m.seats[i].subscription.Cancel()
	m.seats = slices.Delete(m.seats, i, i+1)
	switch now := m.here(); now {
	case nil:
		tell(c, "You left %s, and are in no room now.", room)
	case before:
		tell(c, "You left %s.", room)
	default:
		tell(c, "You left %s, and talk in %s now.", room, now.room)
	}
}
