package glob

import (
	"fmt"
	"runtime"
	"testing"
)

func heap() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what is in a sync.Pool goes with the second
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

func TestMemoryOfPatterns(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory of its own")
	}
	const n = 100_000
	for what, pattern := range map[string]func(i int) string{
		"mixed":  func() func(int) string { m := mixed(n); return func(i int) string { return m[i] } }(),
		"exact":  func(i int) string { return fmt.Sprintf("user.%d.inbox", i*7919) },
		"prefix": func(i int) string { return fmt.Sprintf("user.%d.*", i*7919) },
		"suffix": func(i int) string { return fmt.Sprintf("*.%d", i*7919) },
		"middle": func(i int) string { return fmt.Sprintf("user.*.%d.?[a-z]*", i*7919) },
	} {
		x := New[int](Options{})
		before := heap()
		for i := range n {
			x.Set(pattern(i), i)
		}
		each := (heap() - before) / n
		st := x.Stats()
		t.Logf("%s: %d bytes each, of which Stats knows %d; %d nodes", what, each, st.Bytes/n, st.Nodes)
		if each > 1024 {
			t.Errorf("%s: %d bytes each", what, each)
		}
		if st.Bytes < (each-64)*n*2/3 || st.Bytes > (each+64)*n*3/2 {
			t.Errorf("%s: Stats says %d bytes, but the heap grew by %d", what, st.Bytes, each*n)
		}
		runtime.KeepAlive(x)
	}
}

func TestMemoryIsFreed(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory of its own")
	}
	x := New[*[1024]byte](Options{})
	patterns, names := mixed(20_000), names(50_000)
	before := heap()
	for _, p := range patterns {
		x.Set(p, new([1024]byte))
	}
	for _, name := range names {
		x.Match(name)
	}
	full := heap()
	if st := x.Stats(); st.States < 1000 || st.Cached < 10_000 {
		t.Fatalf("%+v", st)
	}
	for _, p := range patterns {
		x.Delete(p)
	}
	after := heap()
	runtime.KeepAlive([]any{patterns, names})
	t.Logf("%d KiB more when full, %d KiB more when empty", (full-before)/1024, (after-before)/1024)
	if after-before > 64<<10 {
		t.Errorf("%d bytes are left", after-before)
	}
	if st := x.Stats(); st.Nodes != 2 || st.Patterns != 0 || st.Cached != 0 {
		t.Errorf("%+v", st)
	}
}

// One Match of a long name takes no more memory than there are places to be in, even with the worst of patterns.
func TestMemoryOfHostilePatterns(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector takes memory of its own")
	}
	for _, h := range hostile() {
		x := filled(Options{}, h.patterns)
		before := heap()
		for range 4 {
			x.Match(h.name)
		}
		grown, st := heap()-before, x.Stats()
		t.Logf("%s: %d KiB, %d states of %d KiB", h.what, grown/1024, st.States, st.StateBytes/1024)
		if grown > 24<<20 {
			t.Errorf("%s: %d bytes", h.what, grown)
		}
		runtime.KeepAlive(x)
	}
}
