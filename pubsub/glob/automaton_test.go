package glob

import (
	"slices"
	"strings"
	"testing"
)

// begun returns the automaton of some patterns, with no more than its first state.
func begun(t *testing.T, patterns ...string) *dfa[int] {
	t.Helper()
	x := New[int](Options{})
	for i, p := range patterns {
		x.Set(p, i)
	}
	eagerly(x)
	d := x.current.Load().dfa
	if d.begin("") == nil {
		t.Fatal("no automaton")
	}
	return d
}

// Two goroutines may come to the same unknown edge one after the other.
func TestEdgeIsAddedOnce(t *testing.T) {
	d := begun(t, "a*b")
	g, m := d.graph.Load(), d.machines.get()
	_, s, ok := d.extend(g, g.states[0], "a", m)
	_, again, okAgain := d.extend(g, g.states[0], "a", m)
	if !ok || !okAgain || s != again || d.edges != 1 || d.states.Load() != 2 {
		t.Errorf("%v %v, %v, %d edges, %d states", ok, okAgain, s == again, d.edges, d.states.Load())
	}
}

// Who still has an old graph must not add to it: neither the room nor the states' numbers are its any more.
func TestOldGraphIsNotExtended(t *testing.T) {
	d := begun(t, "a*b")
	old, m := d.graph.Load(), d.machines.get()
	d.clear(m)
	if _, s, ok := d.extend(old, old.states[0], "a", m); ok || s != old.states[0] || d.edges != 0 {
		t.Errorf("%v, %d edges", ok, d.edges)
	}
}

// As long as another goroutine builds, names take the trie.
func TestMatchDoesNotWaitForBuilder(t *testing.T) {
	d := begun(t, "a*b")
	d.building.Lock()
	defer d.building.Unlock()
	if got := d.match("axb"); !slices.Equal(got, []int{0}) || d.states.Load() != 1 {
		t.Errorf("%v, %d states", got, d.states.Load())
	}
}

// Stars that can lead to nothing new cost nothing, whatever the order in which all there is after them was found.
func TestSettledStarsAreDropped(t *testing.T) {
	for _, c := range []struct {
		patterns []string
		name     string
		hot      int
	}{
		{[]string{"*a*b"}, "a", 1},
		{[]string{"*a*", "*b*"}, "a", 1},
		{[]string{"*a*", "*b*"}, "ab", 0},
		{[]string{"*a*b*c*"}, "abc", 0},
		{[]string{"*ab*", "*ac*"}, "abac", 1}, // after the a there is a fork, which is not looked beyond
		{[]string{"*?[xy]z*"}, "axz", 0},
		{[]string{"*a*", "*a"}, "aaaa", 1},
		{[]string{strings.Repeat("*a", 500) + "*b"}, strings.Repeat("a", 1000), 1},
	} {
		x := New[int](Options{})
		for i, p := range c.patterns {
			x.Set(p, i)
		}
		m := new(machine[int])
		m.start(x.current.Load().globs)
		m.run(c.name)
		if m.stale {
			m.cool()
		}
		if len(m.hot) != c.hot {
			t.Errorf("%.20q after %.20q: %d stars are hot, want %d", c.patterns, c.name, len(m.hot), c.hot)
		}
	}
}
