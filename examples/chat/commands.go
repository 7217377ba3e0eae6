package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/troupe-go/troupe/actors"
)

// A command is what people can type after a slash.
type command struct {
	name string
	args string // words; those in brackets can be left out
	does string
	run  func(m *member, c *actors.Conn, args string)
}

var commands = []command{
	{"/join", "room", "talk in a room from now on", (*member).join},
	{"/leave", "[room]", "leave this room, or another one", (*member).leave},
	{"/rooms", "", "which rooms there are", (*member).rooms},
	{"/who", "[room]", "who is in this room, or in another one", (*member).who},
	{"/msg", "nick text", "say something to one person only", (*member).whisper},
	{"/nick", "nick", "take another nickname", (*member).rename},
	{"/pub", "channel text", "publish to a channel, such as news.go", (*member).publish},
	{"/sub", "[pattern]", "hear channels such as news.*, or tell what you hear", (*member).subscribe},
	{"/unsub", "pattern", "hear them no more", (*member).unsubscribe},
}

// obey does what was typed.
func (m *member) obey(c *actors.Conn, typed string) {
	name, args, _ := strings.Cut(typed, " ")
	name, args = strings.ToLower(name), strings.TrimSpace(args)
	if name == "/help" {
		help(c)
		return
	}
	i := slices.IndexFunc(commands, func(k command) bool { return k.name == name })
	switch {
	case i < 0:
		tell(c, "There is no such command. Type /help for help.")
	case len(strings.Fields(args)) < commands[i].needs():
		tell(c, "Type %s %s", name, commands[i].args)
	default:
		commands[i].run(m, c, args)
	}
}

// needs is how many words must be given.
func (k command) needs() (n int) {
	for _, word := range strings.Fields(k.args) {
		if word[0] != '[' {
			n++
		}
	}
	return n
}

func help(c *actors.Conn) {
	lines := []string{"What you type goes to everybody in your room. Type bye to leave."}
	for _, k := range commands {
		lines = append(lines, fmt.Sprintf("  %-20s %s", k.name+" "+k.args, k.does))
	}
	tell(c, "%s", strings.Join(lines, "\r\n"))
}
