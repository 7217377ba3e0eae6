package main

import (
	"strings"
	"testing"
)

// The conversations are tested from outside, on the running program: see package examples.

func TestCheckNickname(t *testing.T) {
	for _, name := range []string{"a", "alice", "Зоя", "o'brien-2", "a/b", strings.Repeat("ü", maxNickname)} {
		if err := checkNickname(name); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{
		"", "a b", "a:", "/a", "a\x00", "a\x1b[2J", "\xff", "a\u200b", "a\u202eb", "a\u00a0b", strings.Repeat("ü", maxNickname+1),
	} {
		if checkNickname(name) == nil {
			t.Errorf("%q is no nickname", name)
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
