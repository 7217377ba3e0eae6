package glob

import (
	"encoding/hex"
	"os"
	"strings"
	"testing"
)

// A row is a verdict of a real Redis.
type row struct {
	pattern, name string
	matches       bool
}

// rows reads testdata/redis_glob.tsv: hex of the pattern, hex of the name, 1 or 0; "-" is the empty string.
func rows(t testing.TB) (rows []row) {
	t.Helper()
	data, err := os.ReadFile("testdata/redis_glob.tsv")
	if err != nil {
		t.Fatal(err)
	}
	text := func(field string) string {
		b, err := hex.DecodeString(strings.TrimPrefix(field, "-"))
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	for line := range strings.Lines(string(data)) {
		f := strings.Split(strings.TrimSpace(line), "\t")
		if len(f) != 3 {
			t.Fatalf("bad row %q", line)
		}
		rows = append(rows, row{text(f[0]), text(f[1]), f[2] == "1"})
	}
	return rows
}

func TestMatchAgreesWithRowsOfRedis(t *testing.T) {
	rows := rows(t)
	if len(rows) < 15_000 {
		t.Fatalf("%d rows", len(rows))
	}
	for _, r := range rows {
		if got := Match(r.pattern, r.name); got != r.matches {
			t.Errorf("Match(%q, %q) = %v", r.pattern, r.name, got)
		}
		var x Index[bool]
		x.Set(r.pattern, true)
		if got := x.Match(r.name) != nil; got != r.matches {
			t.Errorf("the index of %q matches %q: %v", r.pattern, r.name, got)
		}
	}
}

// quirks are what one would not expect of the grammar, and what one may.
var quirks = []struct {
	pattern string
	yes, no []string
	why     string
}{
	{"", []string{""}, []string{"a"}, "the empty pattern is the empty name"},
	{"*", []string{"a", "\x00"}, []string{""}, "no star matches the empty name"},
	{"**", []string{"a"}, []string{""}, "nor do two"},
	{"a*", []string{"a", "ab"}, []string{"", "b"}, "elsewhere a star may take nothing"},
	{"*a**", []string{"a", "ba", "ab"}, []string{"b"}, "stars in a row are one"},
	{"?*", []string{"a", "ab"}, []string{""}, ""},
	{"*?*?*", []string{"ab", "abc"}, []string{"a"}, ""},
	{"news.*", []string{"news.", "news.a.b"}, []string{"news", "old.news."}, "a dot separates nothing, and the whole name must match"},
	{"h[ae]llo", []string{"hallo", "hello"}, []string{"hillo", "h[ae]llo"}, ""},
	{"A", []string{"A"}, []string{"a"}, "letters have their case"},
	{"é?", []string{"éa"}, []string{"éé"}, "bytes, not characters"},
	{"[é]", []string{"\xc3", "\xa9"}, []string{"é"}, ""},
	{"[z-a]", []string{"a", "m", "z"}, []string{"-", "A"}, "a reversed range is swapped"},
	{"[^z-a]", []string{"-"}, []string{"m"}, ""},
	{"[a", []string{"a"}, []string{"[", "[a", "b"}, "a class that is not terminated ends with the pattern"},
	{"[ab*", []string{"a", "*"}, []string{"ab", "c"}, "and takes all of it"},
	{"[^a", []string{"b", "^"}, []string{"a"}, ""},
	{"[", nil, []string{"[", "", "a"}, "an empty class matches nothing"},
	{"[]", nil, []string{"[]", "]", "", "a"}, ""},
	{"[]a]", nil, []string{"]", "a", "a]", "]a]"}, "a ] at once ends the class"},
	{"[^]", []string{"a", "^", "]"}, []string{"", "[^]"}, "what is not in the empty class is any byte"},
	{"[^", []string{"a", "^"}, []string{"", "[^"}, ""},
	{"[^]a]", []string{"xa]"}, []string{"a", "x"}, ""},
	{"[^^]", []string{"a"}, []string{"^"}, ""},
	{"[a^]", []string{"a", "^"}, []string{"b"}, "^ negates only at the begin"},
	{"[!a]", []string{"!", "a"}, []string{"b"}, "! never does"},
	{"[a-]", []string{"]", "a", "^"}, []string{"-", "b"}, "a range takes the ] it ends with, so the class goes on"},
	{"[a-]z]", []string{"z", "^", "a"}, []string{"-", "az]"}, ""},
	{"[-a]", []string{"-", "a"}, []string{"b"}, ""},
	{"[a-", []string{"a", "-"}, []string{"b"}, "no range without an end"},
	{"[--/]", []string{"-", ".", "/"}, []string{",", "0"}, ""},
	{"[a-\xff]", []string{"\xff", "\x00", "A", "a"}, []string{"b", "\x80", "\xfe"}, "bytes of ranges are signed: \xff is -1"},
	{"[\x80-\xff]", []string{"\x80", "\xff"}, []string{"\x7f", "\x00"}, ""},
	{"[\x7f-\x80]", []string{"\x80", "\xff", "\x00", "\x7f"}, nil, "-128 to 127 is all"},
	{`[\a-z]`, []string{"a", "-", "z"}, []string{"b", `\`}, "no range begins with an escaped byte"},
	{`[a-\]]`, []string{`a]`, `\]`, "_]"}, []string{"a", "]", "-"}, `a range may end with \, which then escapes nothing`},
	{`[\]]`, []string{"]"}, []string{`\`, `\]`}, ""},
	{`[a\`, []string{"a", `\`}, []string{"b"}, "a backslash at the end is itself"},
	{`[\`, []string{`\`}, []string{"["}, ""},
	{`[^\`, []string{"a"}, []string{`\`}, ""},
	{`\`, []string{`\`}, []string{"", `\\`}, ""},
	{`a\`, []string{`a\`}, []string{"a"}, ""},
	{`\*`, []string{"*"}, []string{"a", `\*`}, ""},
	{`\a\?`, []string{"a?"}, []string{"ab"}, "any byte may be escaped"},
	{`a*\*`, []string{"a*", "ab*"}, []string{"ab", "a"}, ""},
	{"a]", []string{"a]"}, nil, "] means nothing outside of a class"},
	{"a^-]", []string{"a^-]"}, nil, ""},
	{"[*]", []string{"*"}, []string{"a"}, "nor * ? [ inside"},
	{"[[?]", []string{"[", "?"}, []string{"a"}, ""},
	{"\x00*\xff", []string{"\x00\xff", "\x00a\xff"}, []string{"\x00"}, "any bytes"},
	{strings.Repeat("*a", 1000), []string{strings.Repeat("a", 1000)}, []string{strings.Repeat("a", 999)}, "a thousand stars are accepted"},
	{strings.Repeat("*a", 1001), nil, []string{strings.Repeat("a", 1001)}, "one more matches nothing"},
	{strings.Repeat("a*", 1001), []string{strings.Repeat("a", 1001)}, nil, "but the last one does not count"},
	{strings.Repeat("**a", 1000), []string{strings.Repeat("a", 1000)}, nil, "and those in a row count once"},
}

func TestQuirks(t *testing.T) {
	for _, q := range quirks {
		var x Index[string]
		x.Set(q.pattern, q.pattern)
		one := func(name string, want bool) {
			if got := Match(q.pattern, name); got != want {
				t.Errorf("Match(%q, %q) = %v: %s", q.pattern, name, got, q.why)
			}
			if got := x.Match(name) != nil; got != want {
				t.Errorf("the index of %q matches %q: %v: %s", q.pattern, name, got, q.why)
			}
		}
		for _, name := range q.yes {
			one(name, true)
		}
		for _, name := range q.no {
			one(name, false)
		}
	}
}

func TestEscape(t *testing.T) {
	for name, want := range map[string]string{
		"": "", "a.b-c]^": "a.b-c]^", "*": `\*`, "a?[b]": `a\?\[b]`, `\`: `\\`, "é*": `é\*`,
	} {
		got := Escape(name)
		if got != want {
			t.Errorf("Escape(%q) = %q, want %q", name, got, want)
		}
		if !Match(got, name) {
			t.Errorf("Match(%q, %q) = false", got, name)
		}
		if IsPattern(name) != (got != name) {
			t.Errorf("IsPattern(%q) = %v", name, IsPattern(name))
		}
	}
}

// Exponential, this would not end; Redis itself was slow at it once (CVE-2022-36021).
func TestMatchIsNotExponential(t *testing.T) {
	name := strings.Repeat("a", 65_536)
	for _, p := range []string{strings.Repeat("*a", 1000) + "*b", strings.Repeat("a*", 1001) + "b", strings.Repeat("*?a", 999) + "*?b"} {
		if Match(p, name) {
			t.Errorf("Match(%.20q..., aaaa...) = true", p)
		}
		var x Index[int]
		x.Set(p, 1)
		if x.Match(name) != nil {
			t.Errorf("the index of %.20q matches aaaa...", p)
		}
	}
}

func TestMatchDoesNotAllocate(t *testing.T) {
	if n := testing.AllocsPerRun(100, func() { Match(`*a[^b-d\]]?*\x*`, "zzzzaxyzxxxxxxxxxxxxa") }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
