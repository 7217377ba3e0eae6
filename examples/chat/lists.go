package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
)

const maxListed = 50 // people or rooms in one answer

// roomOrHere is the room with a name, or the one where the member talks if there is no name.
func (m *member) roomOrHere(c *actors.Conn, name string) (room string, ok bool) {
	if name != "" {
		room, err := roomName(name)
		if err != nil {
			tell(c, "Room error: %v.", err)
		}
		return room, err == nil
	}
	s := m.here()
	if s == nil {
		tell(c, "You are in no room.")
		return "", false
	}
	return s.room, true
}

// rooms is /rooms.
func (m *member) rooms(c *actors.Conn, _ string) {
	var all []pubsub.ChannelInfo
	for channel := range c.System().Broker().Channels() {
		if strings.HasPrefix(channel.Name, roomPrefix) && channel.Members > 0 {
			all = append(all, channel)
		}
	}
	slices.SortFunc(all, func(a, b pubsub.ChannelInfo) int {
		return cmp.Or(cmp.Compare(b.Members, a.Members), cmp.Compare(a.Name, b.Name))
	})
	var names []string
	for _, channel := range all {
		names = append(names, fmt.Sprintf("%s (%d)", strings.TrimPrefix(channel.Name, roomPrefix), channel.Members))
	}
	if len(names) == 0 {
		tell(c, "Nobody is in any room.")
		return
	}
	tell(c, "People are in %s.", list(names))
}

// who is /who.
func (m *member) who(c *actors.Conn, name string) {
	room, ok := m.roomOrHere(c, name)
	if !ok {
		return
	}
	var names []string
	for _, present := range c.System().Broker().Members(roomPrefix + room) {
		names = append(names, present.ID)
	}
	if len(names) == 0 {
		tell(c, "Nobody is in %s.", room)
		return
	}
	slices.Sort(names)
	tell(c, "People in %s (%d): %s.", room, len(names), list(names))
}

// list names the first of many.
func list(names []string) string {
	rest := ""
	if more := len(names) - maxListed; more > 0 {
		names, rest = names[:maxListed], fmt.Sprintf(", and %d more", more)
	}
	return strings.Join(names, ", ") + rest
}
