package main

import (
	"slices"
	"strings"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/pubsub"
)

// Channels are for news: who wants to hear of them subscribes to a pattern such as news.*, and nobody is present. They
// have a prefix of their own, so that no pattern reaches into rooms.

const (
	channelPrefix = "channel."
	maxPatterns   = 10 // that one person has subscribed to
)

// news is how messages of channels are written: the bytes are made once for each message, and shared by all who get it.
var news = pubsub.NewEncoder("chat news", 32, func(dst []byte, message *pubsub.Message) []byte {
	channel := strings.TrimPrefix(message.Channel, channelPrefix)
	return appendLine(dst, "["+channel+"] "+string(message.Payload()))
})

// publish is /pub.
func (m *member) publish(c *actors.Conn, args string) {
	channel, text, _ := strings.Cut(args, " ")
	if err := checkChannel(channel); err != nil {
		tell(c, "Channel error: %v.", err)
		return
	}
	subscribers, err := c.Publish(channelPrefix+channel, []byte(m.nickname+": "+strings.TrimSpace(text)))
	if err != nil {
		tell(c, "That did not work: %v.", err)
		return
	}
	tell(c, "Published to %d.", subscribers)
}

func (m *member) subscribed(pattern string) int {
	return slices.IndexFunc(m.patterns, func(s *pubsub.Subscription) bool { return s.Name() == channelPrefix+pattern })
}

// subscribe is /sub.
func (m *member) subscribe(c *actors.Conn, pattern string) {
	if pattern == "" {
		m.tellPatterns(c)
		return
	}
	if err := checkPattern(pattern); err != nil {
		tell(c, "Pattern error: %v.", err)
		return
	}
	if m.subscribed(pattern) >= 0 {
		tell(c, "You have subscribed to %s already.", pattern)
		return
	}
	if len(m.patterns) == maxPatterns {
		tell(c, "You have subscribed to %d patterns already. Type /unsub pattern", maxPatterns)
		return
	}
	s, err := c.Subscribe(channelPrefix+pattern, actors.SubscribeOptions{Pattern: true, Encoder: news})
	if err != nil {
		tell(c, "That did not work: %v.", err)
		return
	}
	m.patterns = append(m.patterns, s)
	tell(c, "You have subscribed to %s.", pattern)
}

// unsubscribe is /unsub.
func (m *member) unsubscribe(c *actors.Conn, pattern string) {
	i := m.subscribed(pattern)
	if i < 0 {
		tell(c, "You have not subscribed to that.")
		return
	}
	m.patterns[i].Cancel()
	m.patterns = slices.Delete(m.patterns, i, i+1)
	tell(c, "You have unsubscribed from %s.", pattern)
}

func (m *member) tellPatterns(c *actors.Conn) {
	var patterns []string
	for _, s := range m.patterns {
		patterns = append(patterns, strings.TrimPrefix(s.Name(), channelPrefix))
	}
	if len(patterns) == 0 {
		tell(c, "You have subscribed to nothing.")
		return
	}
	tell(c, "You have subscribed to %s.", list(patterns))
}
