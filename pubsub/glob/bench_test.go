package glob

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

// mixed returns n different patterns of six kinds, exact names among them.
func mixed(n int) []string {
	r := rand.New(rand.NewPCG(1, 1))
	seen := map[string]bool{}
	for len(seen) < n {
		w := word(r)
		seen[[]string{
			"news." + w + ".*",
			"user.*." + w,
			"room.[0-9]*." + w + "?",
			"*." + w,
			w[:1] + "*" + w[1:2] + "*" + w[2:],
			"chat." + w + "." + fmt.Sprint(r.IntN(n)),
		}[len(seen)%6]] = true
	}
	patterns := make([]string, 0, n)
	for p := range seen {
		patterns = append(patterns, p)
	}
	return patterns
}

// word returns one of some 26,000 words.
func word(r *rand.Rand) string {
	const vowels, consonants = "aeiou", "bcdfghjklmnpqrstvwxyz"
	c := func() string { return string(consonants[r.IntN(len(consonants))]) }
	v := func() string { return string(vowels[r.IntN(len(vowels))]) }
	return c() + v() + c() + v() + c()[:r.IntN(2)]
}

// names returns n names of the same kinds, of a population much larger.
func names(n int) []string {
	r := rand.New(rand.NewPCG(2, 2))
	names := make([]string, n)
	for i := range names {
		w, id := word(r), r.IntN(1e9)
		names[i] = []string{
			fmt.Sprintf("news.%s.%d", w, id),
			fmt.Sprintf("user.%d.%s", id, w),
			fmt.Sprintf("room.%d.%sx", id, w),
			fmt.Sprintf("%d.%s", id, w),
			fmt.Sprintf("%s%d%s", w, id, w),
			fmt.Sprintf("chat.%s.%d", w, id),
		}[i%6]
	}
	return names
}

func filled(o Options, patterns []string) *Index[*int] {
	x := New[*int](o)
	for _, p := range patterns {
		x.Set(p, new(int))
	}
	return x
}

func sizes(b *testing.B, bench func(b *testing.B, patterns []string)) {
	for _, n := range []int{1, 1_000, 10_000, 100_000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) { bench(b, mixed(n)) })
	}
}

func BenchmarkMatchCached(b *testing.B) {
	sizes(b, func(b *testing.B, patterns []string) {
		x := filled(Options{}, patterns)
		names := names(1024)
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			x.Match(names[i&1023])
			i++
		}
	})
}

func BenchmarkMatchCachedParallel(b *testing.B) {
	x := filled(Options{}, mixed(10_000))
	names := names(1024)
	b.RunParallel(func(pb *testing.PB) {
		for i := 0; pb.Next(); i++ {
			x.Match(names[i&1023])
		}
	})
}

// BenchmarkMatchFirstSight matches names it saw at most as many other names ago as the cache cannot hold.
func BenchmarkMatchFirstSight(b *testing.B) {
	sizes(b, func(b *testing.B, patterns []string) {
		x := filled(Options{MaxCached: 4096}, patterns)
		names := names(1 << 17)
		for _, name := range names {
			x.Match(name)
		}
		before := x.Stats()
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			x.Match(names[i&(1<<17-1)])
		}
		after := x.Stats()
		b.ReportMetric(float64(after.Hits-before.Hits)/float64(b.N), "hits/op")
		b.ReportMetric(float64(after.States), "states")
		b.ReportMetric(float64(after.StateBytes), "state-B")
		b.ReportMetric(float64(after.Flushes), "flushes")
	})
}

// BenchmarkMatchTrie has neither automaton nor cache.
func BenchmarkMatchTrie(b *testing.B) {
	sizes(b, func(b *testing.B, patterns []string) {
		x := filled(Options{MaxStates: -1, MaxCached: -1}, patterns)
		names := names(1 << 13)
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			x.Match(names[i&(1<<13-1)])
			i++
		}
	})
}

func BenchmarkMatchAfterChange(b *testing.B) {
	sizes(b, func(b *testing.B, patterns []string) {
		x := filled(Options{}, patterns)
		names := names(1 << 13)
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			x.Set(patterns[i%len(patterns)], nil)
			x.Match(names[i&(1<<13-1)])
			i++
		}
	})
}

func BenchmarkSetAndDelete(b *testing.B) {
	sizes(b, func(b *testing.B, patterns []string) {
		x := filled(Options{}, patterns)
		b.ReportAllocs()
		i := 0
		for b.Loop() {
			p := patterns[i%len(patterns)]
			v, _ := x.Delete(p)
			x.Set(p, v)
			i++
		}
	})
}

func BenchmarkMatchScan(b *testing.B) {
	sizes(b, func(b *testing.B, patterns []string) {
		names := names(1024)
		i := 0
		for b.Loop() {
			for _, p := range patterns {
				Match(p, names[i&1023])
			}
			i++
		}
	})
}

// hostile are patterns and names that are meant to cost much.
func hostile() []struct {
	what     string
	patterns []string
	name     string
} {
	r := rand.New(rand.NewPCG(3, 3))
	letters := func(n int, of string) string {
		s := make([]byte, n)
		for i := range s {
			s[i] = of[r.IntN(len(of))]
		}
		return string(s)
	}
	var overlapping, chains []string
	for i := range 10_000 {
		overlapping = append(overlapping, fmt.Sprintf("*%c*%c*%c*", 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26))
		chains = append(chains, "*"+letters(20, "ab"))
	}
	const long = 65_536
	return []struct {
		what     string
		patterns []string
		name     string
	}{
		{"stars", []string{strings.Repeat("*a", 500) + "*b"}, strings.Repeat("a", long)},
		{"overlapping", overlapping, letters(long, "abcdefghijklmnopqrstuvwxyz")},
		{"overlapping_unsatisfied", overlapping, letters(long, "abcdefghijklm")},
		{"overlapping_short", overlapping, letters(40, "abcdefghijklmnopqrstuvwxyz")},
		{"run", []string{"*" + strings.Repeat("a", 1000) + "b"}, strings.Repeat("a", long)},
		{"questions", []string{"*b" + strings.Repeat("?", 1000) + "b"}, strings.Repeat("b", long)},
		{"chains", chains, letters(long, "ab")},
	}
}

func BenchmarkMatchHostile(b *testing.B) {
	for _, h := range hostile() {
		for _, o := range []Options{{}, {MaxStates: -1}} {
			b.Run(fmt.Sprintf("%s/states=%v", h.what, o.MaxStates == 0), func(b *testing.B) {
				o.MaxCached = -1
				x := filled(o, h.patterns)
				b.ReportAllocs()
				for b.Loop() {
					x.Match(h.name)
				}
				st := x.Stats()
				b.ReportMetric(float64(st.States), "states")
				b.ReportMetric(float64(st.StateBytes), "state-B")
			})
		}
	}
}
