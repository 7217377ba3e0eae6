package main

import (
	"strings"
	"testing"
)

func TestCheckNickname(t *testing.T) {
	for _, name := range []string{"a", "alice", "Зоя", "o'brien-2", "a/b", "7up", "नमस्ते", strings.Repeat("ü", maxNickname)} {
		if err := checkNickname(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "a b", "a:", "/a", "#a", "(a)", "[a]", "\u0308a", "a\x00", "a\x1b[2J", "\xff", "a\u200b", "a\u202eb", "a\u00a0b", "a\u3164b",
		strings.Repeat("ü", maxNickname+1),
	} {
		if checkNickname(name) == nil {
			t.Errorf("%q is no nickname", name)
		}
	}
}

func TestRoomName(t *testing.T) {
	for name, want := range map[string]string{
		"go": "go", "Go": "go", "#Go": "go", "a.b-c_d": "a.b-c_d", "ÜBER": "über", "नमस्ते": "नमस्ते", "2026": "2026",
	} {
		if got, err := roomName(name); got != want || err != nil {
			t.Errorf("%q: %q, %v, want %q", name, got, err, want)
		}
	}
	for _, name := range []string{"", "#", "##a", "a b", "*", "a*", "a[b]", "a?", `a\b`, "a^b", "a\x00", "\u202ea", ".a", strings.Repeat("a", maxRoom+1)} {
		if got, err := roomName(name); err == nil {
			t.Errorf("%q is no room, but %q", name, got)
		}
	}
}

func TestCheckChannel(t *testing.T) {
	for _, name := range []string{"news", "news.go", "a/b", strings.Repeat("a", maxChannel)} {
		if err := checkChannel(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"", "a b", "a:b", "news.*", "a?", "[a]", "a]", "a^", `a\*`, ".a", strings.Repeat("a", maxChannel+1)} {
		if checkChannel(name) == nil {
			t.Errorf("%q is no channel", name)
		}
	}
}

func TestClean(t *testing.T) {
	for text, want := range map[string]string{
		"":                      "",
		" hello\tworld ":        "hello world",
		"\x1b]0;title\a\x1b[2J": "]0;title[2J",
		"a\rb\x00c\x7f\u009b":   "abc",
		"\xff\xfe":              "\uFFFD",
		"grüße 👋":               "grüße 👋",
		"\u202edesrever":        "desrever",
	} {
		if got := clean(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}
