package match

import (
	"fmt"
	"math/rand/v2"

	"github.com/troupe-go/troupe/pubsub/glob"
)

// A pattern is one and the same in two languages: Redis's globs, and NATS's
// subjects, or empty if those cannot say it.
type pattern struct{ glob, subject string }

// A Set is a sort of patterns, and of names that match none to three of them.
type Set struct {
	// Name and About say what it is.
	Name, About string

	subjects bool // the patterns are subjects too
	pattern  func(i int) pattern
	// name makes the name with a serial number, by which it is the only one;
	// pick chooses one of the patterns whose number modulo the set's period is
	// from lo to hi-1.
	name   func(serial int, pick func(lo, hi int) int) string
	period int
}

// Sets are all there are.
func Sets() []Set { return []Set{mixed, tokens} }

// mixed has what Redis's patterns can do.
var mixed = Set{
	Name: "mixed", About: "globs: prefixes, suffixes, one and two stars, question marks, classes, exact names",
	period: 20,
	pattern: func(i int) pattern {
		forms := [20]string{
			"news:%d:*", "news:%d:*", "news:%d:*", "news:%d:*", "news:%d:*", "news:%d:*", "news:%d:*", "news:%d:*",
			"*:city%d", "*:city%d", "*:city%d", "*:city%d",
			"room:*:chat%d", "room:*:chat%d", "*:alert%d:*",
			"user:%d:????????", "user:%d:????????", "sensor[0-4]:%d:*",
			"queue:%d", "queue:%d",
		}
		return pattern{glob: fmt.Sprintf(forms[i%20], i)}
	},
	name: func(serial int, pick func(lo, hi int) int) string {
		switch serial % 7 {
		case 0:
			return fmt.Sprintf("other:%d:nothing", serial)
		case 1:
			return fmt.Sprintf("news:%d:%d", pick(0, 8), serial)
		case 2:
			return fmt.Sprintf("room:%d:chat%d", serial, pick(12, 14))
		case 3:
			return fmt.Sprintf("user:%d:%08d", pick(15, 17), serial)
		case 4:
			return fmt.Sprintf("news:%d:%d:city%d", pick(0, 8), serial, pick(8, 12))
		case 5:
			return fmt.Sprintf("sensor3:%d:%d:city%d", pick(17, 18), serial, pick(8, 12))
		default:
			return fmt.Sprintf("news:%d:alert%d:%d:city%d", pick(0, 8), pick(14, 15), serial, pick(8, 12))
		}
	},
}

// tokens has what both languages can say. A star of Redis also matches dots:
// the names, of four tokens each, are such that this makes no difference.
var tokens = Set{
	Name: "tokens", About: "what NATS's subjects can say too: wildcards for whole tokens",
	period: 10, subjects: true,
	pattern: func(i int) pattern {
		switch {
		case i%10 < 4:
			return pattern{fmt.Sprintf("t%d.*", i), fmt.Sprintf("t%d.>", i)}
		case i%10 < 7:
			return pattern{fmt.Sprintf("*.k%d.*", i), fmt.Sprintf("*.k%d.>", i)}
		case i%10 < 9:
			return pattern{fmt.Sprintf("*.*.*.e%d", i), fmt.Sprintf("*.*.*.e%d", i)}
		default:
			return pattern{fmt.Sprintf("x%d.y.z", i), fmt.Sprintf("x%d.y.z", i)}
		}
	},
	name: func(serial int, pick func(lo, hi int) int) string {
		first, second, last := "other", "any", "end"
		if serial%7 > 0 {
			first = fmt.Sprintf("t%d", pick(0, 4))
		}
		if serial%7 > 3 {
			second = fmt.Sprintf("k%d", pick(4, 7))
		}
		if serial%7 > 5 {
			last = fmt.Sprintf("e%d", pick(7, 9))
		}
		return fmt.Sprintf("%s.%s.u%d.%s", first, second, serial, last)
	},
}

// standing is a set with a number of patterns, and the names seen again and
// again: few or many.
type standing struct {
	Set
	patterns []pattern
	names    []string
	many     []string
	random   *rand.Rand
	serial   int
}

const (
	// seenNames is how many names are published again and again: fewer than
	// the 1024 that NATS's cache holds.
	seenNames = 1000
	// manyNames is how many are where that is too few.
	manyNames = 30_000
)

func (s Set) standing(patterns int) *standing {
	t := &standing{Set: s, random: rand.New(rand.NewPCG(1, uint64(patterns)))}
	for i := range patterns {
		t.patterns = append(t.patterns, s.pattern(i))
	}
	for range seenNames {
		t.names = append(t.names, t.fresh())
	}
	for range manyNames {
		t.many = append(t.many, t.fresh())
	}
	return t
}

// fresh makes a name that there was not before.
func (s *standing) fresh() string {
	groups := (len(s.patterns) + s.period - 1) / s.period
	s.serial++
	return s.name(s.serial, func(lo, hi int) int {
		return s.period*s.random.IntN(groups) + lo + s.random.IntN(hi-lo)
	})
}

// maxChecks bounds the steps of finding out what is right.
const maxChecks = 20_000_000

// checked are the names whose matches are counted one by one to compare with,
// all or the first ones.
func (s *standing) checked() []string {
	return s.names[:min(len(s.names), max(10, maxChecks/len(s.patterns)))]
}

// count is the number of patterns that match a name, found one by one.
func (s *standing) count(name string) int {
	n := 0
	for i := range s.patterns {
		if glob.Match(s.patterns[i].glob, name) {
			n++
		}
	}
	return n
}
