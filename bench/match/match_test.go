package match

import (
	"errors"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/bench/internal/proc"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestNamesMatchNoneToThree(t *testing.T) {
	for _, set := range Sets() {
		for _, patterns := range []int{1, 100, 1000} {
			s := set.standing(patterns)
			var counts [4]int
			for _, name := range s.names {
				counts[s.count(name)]++ // or it panics
			}
			if patterns == 1000 {
				for n, names := range counts {
					if names < seenNames/20 {
						t.Errorf("%s: only %d of %d names match %d patterns", set.Name, names, seenNames, n)
					}
				}
			}
		}
	}
}

func TestNamesAreFresh(t *testing.T) {
	for _, set := range Sets() {
		s := set.standing(50)
		known := make(map[string]bool)
		for range 10_000 {
			name := s.fresh()
			if known[name] {
				t.Fatalf("%s: %q comes twice", set.Name, name)
			}
			known[name] = true
		}
	}
}

func TestPatternsDiffer(t *testing.T) {
	for _, set := range Sets() {
		known := make(map[string]bool)
		for i := range 1000 {
			p := set.pattern(i)
			if known[p.glob] || set.subjects != (p.subject != "") {
				t.Fatalf("%s: pattern %d is %+v", set.Name, i, p)
			}
			known[p.glob] = true
		}
	}
}

func TestMeasure(t *testing.T) {
	for _, set := range Sets() {
		rows, err := Measure(t.Context(), set, 200, Config{Rounds: 2, Duration: time.Millisecond, RedisCPU: proc.Unpinned})
		if err != nil {
			t.Fatal(err)
		}
		contenders := make(map[string]bool)
		for _, row := range rows {
			contenders[row.Contender] = true
			if row.Missing != "" {
				if !strings.HasPrefix(row.Contender, "redis") {
					t.Errorf("%s is missing: %s", row.Contender, row.Missing)
				}
				continue
			}
			if len(row.Nanos) != 2 || row.Nanos[0] < 0 {
				t.Errorf("%s took %v", row.Contender, row.Nanos)
			}
		}
		if !contenders[Seen] || !contenders[redisPublish] || contenders["NATS Sublist, name seen before"] != set.subjects {
			t.Errorf("%s: contenders are %v", set.Name, contenders)
		}
	}
}

func TestRedisCounts(t *testing.T) {
	s := tokens.standing(2 * redisPerConn)
	r, err := startRedis(t.Context(), s, proc.Unpinned)
	if errors.Is(err, errNoRedis) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer r.stop()
	if err := r.verify(s); err != nil {
		t.Error(err)
	}
	r.publisher.command("NO", "SUCH")
	if err := r.publisher.flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.publisher.reply(); err == nil {
		t.Error("an error reply is no error")
	}
}

// A matcher that finds something else must not be measured.
func TestVerifyFails(t *testing.T) {
	s := mixed.standing(100)
	m := newIndex(s)
	m.change(pattern{glob: "*"}, true)
	if m.verify(s) == nil {
		t.Error("no error though one pattern is too many")
	}
}

func TestNoRedis(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	rows, err := Measure(t.Context(), mixed, 1, Config{Rounds: 1, RedisCPU: proc.Unpinned})
	if err != nil {
		t.Fatal(err)
	}
	if last := rows[len(rows)-1]; last.Missing == "" || last.Nanos != nil {
		t.Errorf("without Redis its row is %+v", last)
	}
}
