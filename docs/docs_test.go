// Package docs checks the manual: its Go code builds, its links lead somewhere.
package docs

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// pages are the README and all of the manual.
func pages(t *testing.T) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"../*.md", "*.md", "*/*.md", "../bench/*.md"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, more...)
	}
	if !slices.Contains(found, filepath.Join("..", "README.md")) {
		t.Fatal("README.md is missing")
	}
	return found
}

var goBlock = regexp.MustCompile("(?ms)^```go\n(.*?)^```$")

// known are the imports that a block without a package clause may use.
var known = []string{
	"bytes", "context", "errors", "fmt", "log", "os", "os/signal", "syscall", "testing", "time",
	"github.com/asynkron/protoactor-go/actor",
	"github.com/troupe-go/troupe/actors",
	"github.com/troupe-go/troupe/actors/actorstest",
	"github.com/troupe-go/troupe/protocols/line",
	"github.com/troupe-go/troupe/pubsub",
	"github.com/troupe-go/troupe/reactor",
	"github.com/troupe-go/troupe/supervision",
}

// TestGoBlocks builds each Go block as a package of its own. A block without a package clause is made of declarations;
// it gets a clause and the imports it uses.
func TestGoBlocks(t *testing.T) {
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	scratch := t.TempDir()
	overlay := make(map[string]string) // files that exist only for the build
	args := []string{"build", "-o", os.DevNull, "-overlay", filepath.Join(scratch, "overlay.json")}
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for i, block := range goBlock.FindAllSubmatchIndex(text, -1) {
			line := 1 + strings.Count(string(text[:block[2]]), "\n")
			name := fmt.Sprintf("block%d", len(overlay))
			source := filepath.Join(scratch, name+".go")
			if err := os.WriteFile(source, complete(page, line, text[block[2]:block[3]]), 0o600); err != nil {
				t.Fatal(err)
			}
			overlay[filepath.Join(root, "docs", name, "block.go")] = source
			args = append(args, "./docs/"+name)
			t.Logf("%s: block %d, line %d", page, i+1, line)
		}
	}
	plan, err := json.Marshal(map[string]any{"Replace": overlay})
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(scratch, "overlay.json"), plan, 0o600); err != nil {
		t.Fatal(err)
	}
	build := exec.Command("go", args...)
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// complete makes a file of a block, whose errors name the page.
func complete(page string, line int, code []byte) []byte {
	where := fmt.Sprintf("//line %s:%d\n", filepath.Base(page), line)
	if regexp.MustCompile(`(?m)^package `).Match(code) {
		return append([]byte(where), code...)
	}
	head := "package block\n"
	for _, path := range known {
		name := path[strings.LastIndexByte(path, '/')+1:]
		if regexp.MustCompile(`\b` + name + `\.[A-Z]`).Match(code) {
			head += fmt.Sprintf("import %q\n", path)
		}
	}
	return append([]byte(head+where), code...)
}

var (
	link = regexp.MustCompile(`\]\(([^)#\s]+)(#[^)\s]*)?\)`)
	code = regexp.MustCompile("`[^`\n]*`")
)

// TestLinks looks for the files that the pages link to.
func TestLinks(t *testing.T) {
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range link.FindAllSubmatch(code.ReplaceAll(text, nil), -1) {
			target := string(match[1])
			if strings.Contains(target, "://") {
				continue
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(page), target)); err != nil {
				t.Errorf("%s: %v", page, err)
			}
		}
	}
}

// TestNamedTests looks for the tests and examples that the pages name.
func TestNamedTests(t *testing.T) {
	var all strings.Builder
	for _, pattern := range []string{"../*/*_test.go", "../*/*/*_test.go"} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			all.Write(text)
		}
	}
	for _, page := range pages(t) {
		text, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, match := range regexp.MustCompile("`((?:Example|Test|Fuzz)[A-Za-z_]*)`").FindAllSubmatch(text, -1) {
			if !strings.Contains(all.String(), "func "+string(match[1])+"(") {
				t.Errorf("%s names %s, which does not exist", page, match[1])
			}
		}
	}
}
