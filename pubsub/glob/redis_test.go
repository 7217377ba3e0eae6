package glob

import (
	"flag"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

var (
	redisPairs = flag.Int("redis.pairs", 1_000_000, "how many random pairs of a pattern and a name are compared with a real Redis")
	redisSeed  = flag.Uint64("redis.seed", uint64(time.Now().UnixNano()), "the seed of the random pairs")
)

// random makes texts of few different bytes, so that patterns match often.
type random struct{ *rand.Rand }

func newRandom(t *testing.T) random {
	t.Logf("-redis.seed=%d", *redisSeed)
	return random{rand.New(rand.NewPCG(*redisSeed, 0))}
}

func (r random) of(from ...string) string { return from[r.IntN(len(from))] }

func (r random) name() (name string) {
	for range r.IntN(6) {
		name += r.of("a", "a", "a", "b", "b", "c", "-", "]", "[", "^", `\`, "*", "?", "\x00", "\x80", "\xff")
	}
	return name
}

// pattern has well-formed parts, and any bytes that mean something.
func (r random) pattern() (pattern string) {
	for range r.IntN(6) {
		switch r.IntN(11) {
		case 0, 1, 2:
			pattern += "*"
		case 3, 4:
			pattern += r.of("a", "b", "c", "ab")
		case 5, 6:
			pattern += "?"
		case 7:
			pattern += "[" + r.of("", "^") + r.of("a", "ab", "a-c", "c-a", `\a-c`, "]", "a-", "-a", `a-\]`, "^", "*", `\]`, "\x00-b", "a-\xff", "\x80-\xc0", "\xf0-\x00") + r.of("]", "]", "")
		case 8:
			pattern += r.of(`\`, `\a`, `\*`, `\\`, `\]`)
		default:
			pattern += r.of("a", "b", "-", "]", "[", "^", `\`, "*", "?", "[^", "[a-", "[^]", "[]", "\x00", "\xff")
		}
	}
	return pattern
}

// several makes n texts, of which no two are equal.
func several(n int, text func() string) (texts []string) {
	seen := map[string]bool{}
	for len(texts) < n {
		if s := text(); !seen[s] {
			seen[s] = true
			texts = append(texts, s)
		}
	}
	return texts
}

// A tally counts verdicts: both have to be frequent, or the comparison says little.
type tally struct{ yes, all int }

func (c tally) check(t *testing.T) {
	t.Helper()
	rate := float64(c.yes) / float64(c.all)
	t.Logf("%d pairs compared, %.1f %% of which match", c.all, 100*rate)
	if rate < 0.05 || rate > 0.95 {
		t.Error("one verdict is rare")
	}
}

// KEYS matches as PSUBSCRIBE does, and tells of a thousand names at once.
func TestMatchAgreesWithRedisKeys(t *testing.T) {
	r, redis := newRandom(t), dial(t, startRedis(t))
	var count tally
	for count.all < *redisPairs && !t.Failed() {
		names, patterns := several(1000, r.name), several(1000, r.pattern)
		redis.do("FLUSHALL")
		mset := []string{"MSET"}
		for _, name := range names {
			mset = append(mset, name, "")
		}
		redis.do(mset...)
		var x Index[string]
		for _, p := range patterns {
			x.Set(p, p)
			redis.send("KEYS", p)
		}
		redis.flush()
		matched := map[string][]string{} // by name, as Redis says
		for _, p := range patterns {
			keys := map[string]bool{}
			for _, key := range redis.receive().([]any) {
				keys[key.(string)] = true
			}
			if p == "*" {
				delete(keys, "") // KEYS lists all without a look at their names, but PSUBSCRIBE has no such short cut
			}
			for _, name := range names {
				if Match(p, name) != keys[name] {
					t.Errorf("Match(%q, %q) = %v", p, name, !keys[name])
				}
				if keys[name] {
					count.yes++
					matched[name] = append(matched[name], p)
				}
			}
		}
		for _, name := range names {
			if got, want := slices.Sorted(slices.Values(x.Match(name))), slices.Sorted(slices.Values(matched[name])); !slices.Equal(got, want) {
				t.Errorf("the index says %q to %q, Redis %q", got, name, want)
			}
		}
		count.all += len(names) * len(patterns)
	}
	count.check(t)
}

// What is published reaches the patterns that the index has for the channel.
func TestIndexAgreesWithRedisPubSub(t *testing.T) {
	r, socket := newRandom(t), startRedis(t)
	publisher, subscriber := dial(t, socket), dial(t, socket)
	names, patterns := several(300, r.name), several(1000, r.pattern)
	var x Index[string]
	subscriber.send(append([]string{"PSUBSCRIBE"}, patterns...)...)
	subscriber.flush()
	for _, p := range patterns {
		x.Set(p, p)
		subscriber.receive()
	}
	count := tally{all: len(names) * len(patterns)}
	for _, name := range names {
		want := []string{}
		for range publisher.do("PUBLISH", name, "").(int) {
			m := subscriber.receive().([]any) // pmessage, the pattern, the channel, the message
			if m[0] != "pmessage" || m[2] != name {
				t.Fatalf("received %q", m)
			}
			want = append(want, m[1].(string))
		}
		count.yes += len(want)
		slices.Sort(want)
		if got := slices.Sorted(slices.Values(x.Match(name))); !slices.Equal(got, want) {
			t.Errorf("the index says %q to %q, Redis %q", got, name, want)
		}
	}
	count.check(t)
}
