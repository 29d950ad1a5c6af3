package docs

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every block of Go in README stands word for word in a program of examples/,
// where it is compiled and run by a test.
func TestGoBlocksAreExamples(t *testing.T) {
	var programs []string
	for _, path := range examples(t) {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		programs = append(programs, unindent(string(text)))
	}
	seen := 0
	for _, b := range read(t, "README.md").blocks {
		if b.language != "go" {
			continue
		}
		seen++
		want := "\n" + unindent(strings.Join(b.lines, "\n")) + "\n"
		found := false
		for _, p := range programs {
			found = found || strings.Contains(p, want)
		}
		if !found {
			t.Errorf("README.md:%d: this block is in no program of examples/", b.line)
		}
	}
	if seen == 0 {
		t.Error("README has no block of Go")
	}
}

// unindent drops the tabs at the beginnings of lines: a block may come from
// within a function.
func unindent(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimLeft(line, "\t")
	}
	return strings.Join(lines, "\n")
}

// examples lists the programs.
func examples(t *testing.T) []string {
	t.Helper()
	paths, err := filepath.Glob(root + "/examples/*/main.go")
	if err != nil {
		t.Fatal(err)
	}
	if len(paths) < 3 {
		t.Fatalf("only %d programs in examples/", len(paths))
	}
	return paths
}

// Programs stay short enough to be read on a screen or two, the textbook one on
// one, and each has a test beside it.
func TestExamplesAreShort(t *testing.T) {
	for _, path := range examples(t) {
		most := 150
		if strings.HasSuffix(path, "/mlp/main.go") {
			most = 60
		}
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n >= most {
			t.Errorf("%s has %d lines, want fewer than %d", path, n, most)
		}
		if _, err := os.Stat(filepath.Join(filepath.Dir(path), "main_test.go")); err != nil {
			t.Error(err)
		}
	}
}
