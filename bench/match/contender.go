package match

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/pubsub/glob"
)

// A contender finds patterns in one way. measure measures one of its operations
// for about the time d and returns the mean in nanoseconds.
type contender struct {
	name    string
	measure func(d time.Duration) (float64, error)
}

// A matcher is what is measured in this process.
type matcher struct {
	name string
	// match returns how many patterns match.
	match func(name string) int
	// change adds the pattern, or removes it again.
	change func(p pattern, add bool)
	// remembers says that names which were seen before are found faster.
	remembers bool
}

func newIndex(s *standing) *matcher {
	x := new(glob.Index[int])
	for i, p := range s.patterns {
		x.Set(p.glob, i)
	}
	return &matcher{
		name:      "glob.Index",
		remembers: true,
		match:     func(name string) int { return len(x.Match(name)) },
		change: func(p pattern, add bool) {
			if add {
				x.Set(p.glob, len(s.patterns))
			} else {
				x.Delete(p.glob)
			}
		},
	}
}

// contenders are the operations of a matcher.
func (m *matcher) contenders(s *standing) []contender {
	if !m.remembers {
		return []contender{{m.name + ", any name", m.firstSight(s)}, {m.name + ", a change", m.changing(s)}}
	}
	return []contender{
		{m.name + ", name seen before", m.seen(s.names)},
		{m.name + ", one of 30,000 seen before", m.seen(s.many)},
		{m.name + ", name never seen", m.firstSight(s)},
		{m.name + ", first after a change", m.afterChange(s)},
		{m.name + ", a change", m.changing(s)},
	}
}

// verify compares what the matcher finds with what is right.
func (m *matcher) verify(s *standing) error {
	for _, name := range s.checked() {
		for range 2 { // the second time from memory
			if got, want := m.match(name), s.count(name); got != want {
				return fmt.Errorf("%s, %d patterns: %q matches %d, not %d", m.name, len(s.patterns), name, got, want)
			}
		}
	}
	return nil
}

// seen matches the same names over and over.
func (m *matcher) seen(names []string) func(time.Duration) (float64, error) {
	return func(d time.Duration) (float64, error) {
		pass := func() {
			for _, name := range names {
				m.match(name)
			}
		}
		pass()
		begin := processTime()
		n := 0
		for ; processTime()-begin < d; n += len(names) {
			pass()
		}
		return mean(processTime()-begin, n), nil
	}
}

// firstSight matches names that were never matched before. They are made
// outside of the measured time.
func (m *matcher) firstSight(s *standing) func(time.Duration) (float64, error) {
	return func(d time.Duration) (float64, error) {
		names := make([]string, 1024)
		var spent time.Duration
		n := 0
		for ; spent < d; n += len(names) {
			for i := range names {
				names[i] = s.fresh()
			}
			begin := processTime()
			for _, name := range names {
				m.match(name)
			}
			spent += processTime() - begin
		}
		return mean(spent, n), nil
	}
}

// afterChange matches one name after each change.
func (m *matcher) afterChange(s *standing) func(time.Duration) (float64, error) {
	return func(d time.Duration) (float64, error) {
		var sum single
		m.alternate(s, d, func(change func(), name string) {
			change()
			sum.begin()
			m.match(name)
			sum.end()
		})
		return sum.mean(), nil
	}
}

// changing adds a pattern and removes it again, and lets one name be matched in
// between, so that each change is one that a Match has taken note of.
func (m *matcher) changing(s *standing) func(time.Duration) (float64, error) {
	return func(d time.Duration) (float64, error) {
		var sum single
		m.alternate(s, d, func(change func(), name string) {
			sum.begin()
			change()
			sum.end()
			m.match(name)
		})
		return sum.mean(), nil
	}
}

// alternate calls f for the time d with a change, which adds a pattern or
// removes it again, and one of the names that were seen before.
func (m *matcher) alternate(s *standing, d time.Duration, f func(change func(), name string)) {
	extra := s.pattern(len(s.patterns))
	begin := processTime()
	for n := 0; n%2 == 1 || processTime()-begin < d; n++ {
		f(func() { m.change(extra, n%2 == 0) }, s.names[n%len(s.names)])
	}
}

// oneByOne tries all patterns.
func oneByOne(s *standing) contender {
	return contender{"glob.Match one by one", func(d time.Duration) (float64, error) {
		batch := max(1, 10_000/len(s.patterns)) // so that reading the clock does not count
		begin := processTime()
		n := 0
		for ; n == 0 || processTime()-begin < d; n += batch {
			for i := range batch {
				s.count(s.names[(n+i)%len(s.names)])
			}
		}
		return mean(processTime()-begin, n), nil
	}}
}
