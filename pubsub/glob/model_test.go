package glob

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// tiny are bounds that every few names reach.
var tiny = []Options{
	{},
	{MaxStates: -1, MaxCached: -1},
	{MaxStates: 2, MaxStateBytes: 4 << 10, MaxCached: 1},
	{MaxStates: 5, MaxCached: 3},
	{MaxStates: 40, MaxStateBytes: 8 << 10, MaxCached: 16, MaxCachedBytes: 2 << 10},
	{MaxStates: 400, MaxStateBytes: 64 << 10, MaxCached: 64, MaxCachedBytes: -1},
}

// A model is an Index that scans all patterns.
type model map[string]int

func (m model) match(name string) (values []int) {
	for p, v := range m {
		if Match(p, name) {
			values = append(values, v)
		}
	}
	slices.Sort(values)
	return values
}

// differs tells how the index answers a name otherwise than the model; "" if it does not.
func (m model) differs(x *Index[int], name string) string {
	got := slices.Sorted(slices.Values(x.Match(name)))
	if want := m.match(name); !slices.Equal(got, want) {
		return fmt.Sprintf("Match(%q) = %v, want %v of %v", name, got, want, m)
	}
	return ""
}

// eagerly begins the automaton at the next name instead of after many.
func eagerly(x *Index[int]) {
	if s := x.current.Load(); s != nil {
		s.dfa.cold.Store(warmUp)
	}
}

func TestIndexAgreesWithModel(t *testing.T) {
	text := rapid.StringOfN(rapid.SampledFrom([]rune(`aab*?[]^-\.`)), 0, 10, -1)
	words := rapid.SampledFrom([]string{"a*b", "*a*b*", "**", "?*", "[a-b]*", "[^a]", "ab", `\a\b`, "*?*?", "[]", "a[", "", "*a*a*a"})
	forks := rapid.StringMatching(`\*?([ab?]{1,3}\*){0,3}([ab?]|\[ab\]){0,3}\*?`) // that begin alike and go on differently
	patterns := rapid.OneOf(text, words, forks, forks)
	names := rapid.StringOfN(rapid.SampledFrom([]rune("aab.-*")), 0, 12, -1)
	rapid.Check(t, func(t *rapid.T) {
		x := New[int](rapid.SampledFrom(tiny).Draw(t, "options"))
		m := model{}
		value := 0
		t.Repeat(map[string]func(*rapid.T){
			"set": func(t *rapid.T) {
				p := patterns.Draw(t, "pattern")
				value++
				old, replaced := x.Set(p, value)
				if was, had := m[p]; old != was || replaced != had {
					t.Fatalf("Set(%q) = %d, %v, want %d, %v", p, old, replaced, was, had)
				}
				m[p] = value
			},
			"delete": func(t *rapid.T) {
				p := patterns.Draw(t, "pattern")
				if len(m) > 0 && rapid.Bool().Draw(t, "known") {
					p = rapid.SampledFrom(slices.Sorted(keys(m))).Draw(t, "which")
				}
				old, deleted := x.Delete(p)
				if was, had := m[p]; old != was || deleted != had {
					t.Fatalf("Delete(%q) = %d, %v, want %d, %v", p, old, deleted, was, had)
				}
				delete(m, p)
			},
			"match": func(t *rapid.T) {
				if rapid.Bool().Draw(t, "eagerly") {
					eagerly(x)
				}
				for _, name := range rapid.SliceOfN(names, 1, 20).Draw(t, "names") {
					if d := m.differs(x, name); d != "" {
						t.Fatal(d)
					}
				}
			},
			"": func(t *rapid.T) {
				check(t, x)
				for p, v := range m {
					if got, ok := x.Get(p); got != v || !ok {
						t.Fatalf("Get(%q) = %d, %v, want %d", p, got, ok, v)
					}
				}
				if _, ok := x.Get("never set"); ok || x.Len() != len(m) {
					t.Fatalf("Len() = %d, want %d", x.Len(), len(m))
				}
			},
		})
	})
}
