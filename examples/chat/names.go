package main

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// How long names and texts may be, in characters.
const (
	maxNickname = 20
	maxRoom     = 20
	maxChannel  = 50
	maxText     = 1000
)

// checkWord says what is wrong with something that is one word, or nil.
func checkWord(word string, most int) error {
	switch {
	case word == "":
		return errors.New("it is empty")
	case !utf8.ValidString(word):
		return errors.New("it is not UTF-8")
	case utf8.RuneCountInString(word) > most:
		return fmt.Errorf("it is longer than %d characters", most)
	case strings.ContainsFunc(word, func(r rune) bool { return r == ' ' || r == ':' || !isVisible(r) }):
		return errors.New("no blanks, colons and control characters, please")
	}
	return nil
}

// checkName says what is wrong with a name, or nil. One that begins with a letter or a digit looks neither like a command
// nor like what we put before names.
func checkName(name string, most int) error {
	if err := checkWord(name, most); err != nil {
		return err
	}
	if first, _ := utf8.DecodeRuneInString(name); !isLetterOrDigit(first) {
		return errors.New("it has to begin with a letter or a digit")
	}
	return nil
}

// isVisible reports whether a character can be told from none. Some letters cannot.
func isVisible(r rune) bool {
	return unicode.IsPrint(r) && !unicode.Is(unicode.Other_Default_Ignorable_Code_Point, r)
}

func isLetterOrDigit(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }

func checkNickname(name string) error { return checkName(name, maxNickname) }

// roomName is how a room is called that somebody calls name. Rooms have small letters; a # may stand before them, as
// where we write them.
func roomName(name string) (string, error) {
	name = strings.ToLower(strings.TrimPrefix(name, "#"))
	if err := checkName(name, maxRoom); err != nil {
		return "", err
	}
	foreign := func(r rune) bool { return !isLetterOrDigit(r) && !unicode.IsMark(r) && !strings.ContainsRune("-_.", r) }
	if strings.ContainsFunc(name, foreign) {
		return "", errors.New("letters, digits, and - _ . only, please")
	}
	return name, nil
}

// checkChannel says what is wrong with the name of a channel, or nil. Channels are found by patterns: what is special in
// these has no place in a name.
func checkChannel(name string) error {
	if err := checkName(name, maxChannel); err != nil {
		return err
	}
	if strings.ContainsAny(name, `*?[]^\`) {
		return errors.New(`* ? [ ] ^ \ are for patterns, see /sub`)
	}
	return nil
}

func checkPattern(pattern string) error { return checkWord(pattern, maxChannel) }

// clean takes out what could garble other people's screens.
func clean(text string) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !unicode.IsPrint(r):
			return -1
		}
		return r
	}, strings.ToValidUTF8(text, "\uFFFD"))
	return strings.TrimSpace(text)
}
