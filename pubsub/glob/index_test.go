package glob

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unsafe"
)

func TestZeroIndexIsEmpty(t *testing.T) {
	var x Index[int]
	if v := x.Match("a"); v != nil {
		t.Errorf("Match = %v", v)
	}
	if v, ok := x.Get("a"); v != 0 || ok {
		t.Errorf("Get = %v, %v", v, ok)
	}
	if v, ok := x.Delete("a"); v != 0 || ok {
		t.Errorf("Delete = %v, %v", v, ok)
	}
	for p := range x.All() {
		t.Errorf("All has %q", p)
	}
	if x.Len() != 0 || x.Stats() != (Stats{}) {
		t.Errorf("Len = %d, Stats = %+v", x.Len(), x.Stats())
	}
	if _, replaced := x.Set("*", 1); replaced || !slices.Equal(x.Match("a"), []int{1}) {
		t.Errorf("Match = %v", x.Match("a"))
	}
}

func TestPatternsAreWhatTheyAreSpelt(t *testing.T) {
	x := New[int](Options{})
	spellings := []string{"ab*", `\ab*`, "[a]b**", "a[b-b]*", "ab", `\a\b`, "[]", "[]x", strings.Repeat("*a", 1001)}
	for i, p := range spellings {
		x.Set(p, i)
	}
	if got := slices.Sorted(slices.Values(x.Match("ab"))); !slices.Equal(got, []int{0, 1, 2, 3, 4, 5}) {
		t.Errorf("Match = %v", got)
	}
	if got := maps.Collect(x.All()); len(got) != len(spellings) || got["[]x"] != 7 {
		t.Errorf("All = %v", got)
	}
	for range x.All() {
		break
	}
	for i, p := range spellings {
		if v, ok := x.Get(p); v != i || !ok {
			t.Errorf("Get(%q) = %d, %v", p, v, ok)
		}
		if v, ok := x.Delete(p); v != i || !ok {
			t.Errorf("Delete(%q) = %d, %v", p, v, ok)
		}
	}
	check(t, x)
	if st := x.Stats(); x.Len() != 0 || st.Nodes != 2 {
		t.Errorf("%d patterns and %d nodes are left", x.Len(), st.Nodes)
	}
}

func TestMatchResultsStayAsTheyWere(t *testing.T) {
	x := New[int](Options{})
	x.Set("a*", 1)
	x.Set("ab", 2)
	before := x.Match("ab")
	again := x.Match("ab")
	if &before[0] != &again[0] {
		t.Error("the second result is not the first one")
	}
	x.Set("?b", 4)
	x.Set("*b", 5)
	if three := x.Match("cb"); cap(three) != len(three) {
		t.Error("appending to a result would write to memory that others share")
	}
	x.Set("a*", 3)
	x.Delete("ab")
	x.Delete("?b")
	x.Delete("*b")
	if !slices.Equal(before, []int{1, 2}) || !slices.Equal(x.Match("ab"), []int{3}) {
		t.Errorf("before %v, now %v", before, x.Match("ab"))
	}
}

// A name may be bytes that change after Match, as those of a read buffer do.
func TestMatchKeepsNoName(t *testing.T) {
	x := New[int](Options{})
	x.Set("a*", 1)
	buffer := []byte("ab")
	x.Match(unsafe.String(&buffer[0], len(buffer)))
	copy(buffer, "ba")
	if got := x.Match("ab"); !slices.Equal(got, []int{1}) || x.Stats().Hits != 1 {
		t.Errorf("Match = %v, %+v", got, x.Stats())
	}
}

// Nor is a pattern.
func TestSetKeepsNoPattern(t *testing.T) {
	x := New[int](Options{})
	buffer := []byte("ab*")
	x.Set(unsafe.String(&buffer[0], len(buffer)), 1)
	copy(buffer, "xyz")
	if v, ok := x.Get("ab*"); v != 1 || !ok {
		t.Errorf("Get = %v, %v", v, ok)
	}
	check(t, x)
}

func TestLongNamesAreNotCached(t *testing.T) {
	x := New[int](Options{})
	x.Set("a*", 1)
	for range 2 {
		if got := x.Match(strings.Repeat("a", maxCachedName+1)); !slices.Equal(got, []int{1}) {
			t.Errorf("Match = %v", got)
		}
	}
	if st := x.Stats(); st.Cached != 0 || st.Misses != 2 || st.Hits != 0 {
		t.Errorf("%+v", st)
	}
}

func TestNegativeOptionsTurnOff(t *testing.T) {
	for _, o := range []Options{{MaxStates: -1, MaxCached: -1}, {MaxStateBytes: -1, MaxCachedBytes: -1}} {
		x := New[int](o)
		x.Set("a*", 1)
		for i := range 2000 {
			name := fmt.Sprint("a", i%1000)
			if got := x.Match(name); !slices.Equal(got, []int{1}) {
				t.Fatalf("Match(%q) = %v", name, got)
			}
		}
		if st := x.Stats(); st.States+st.StateBytes+st.Cached+st.CachedBytes != 0 || st.Hits != 0 || st.Rebuilds != 0 {
			t.Errorf("%+v: %+v", o, st)
		}
	}
}

// Each bound is reached here, and what has to happen then does.
func TestBoundsAreKept(t *testing.T) {
	patterns := mixed(300)
	m := model{}
	for i, p := range patterns {
		m[p] = i
	}
	for _, o := range []Options{
		{MaxStates: 50, MaxCached: 8},
		{MaxStateBytes: 20_000, MaxCachedBytes: 10_000},
		{MaxStates: 2000, MaxStateBytes: 200_000, MaxCached: 512},
	} {
		x := New[int](o)
		for i, p := range patterns {
			x.Set(p, i)
		}
		for i, name := range names(20_000) {
			x.Match(name)
			if i%100 == 0 {
				check(t, x)
				if d := m.differs(x, name); d != "" {
					t.Fatal(d[:200])
				}
			}
		}
		st := x.Stats()
		if st.States == 0 || st.Cached == 0 || st.Rebuilds != 1 || st.Flushes == 0 || st.Hits+st.Misses != 20_200 {
			t.Errorf("%+v: %+v", o, st)
		}
	}
}

func TestCacheHits(t *testing.T) {
	x := New[int](Options{})
	x.Set("*1", 1)
	names := names(1000)
	for range 3 {
		for _, name := range names {
			x.Match(name)
		}
	}
	st := x.Stats()
	if st.Hits < 1900 || st.Hits+st.Misses != 3000 || st.Cached < 950 {
		t.Errorf("%+v", st)
	}
	x.Set("*1", 2)
	if st := x.Stats(); st.Cached != 0 || st.CachedBytes != 0 || st.States != 0 {
		t.Errorf("after a change: %+v", st)
	}
}

func TestAutomatonOutlivesExactPatterns(t *testing.T) {
	x := New[int](Options{})
	x.Set("a*b", 1)
	for _, name := range names(1000) {
		x.Match(name)
	}
	states := x.Stats().States
	x.Set("ab", 2)
	if got := x.Stats().States; states == 0 || got != states {
		t.Errorf("%d states, before %d", got, states)
	}
	if got := slices.Sorted(slices.Values(x.Match("ab"))); !slices.Equal(got, []int{1, 2}) {
		t.Errorf("Match = %v", got)
	}
}

func TestMatchOfCachedNameDoesNotAllocate(t *testing.T) {
	x := filled(Options{}, mixed(1000))
	name := names(1)[0]
	x.Match(name)
	if n := testing.AllocsPerRun(100, func() { x.Match(name) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
