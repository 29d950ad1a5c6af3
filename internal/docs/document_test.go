// Package docs holds README, ARCHITECTURE, CONTRIBUTING, CHANGELOG and docs/ to
// what they say: paths exist, names are declared, programs are those of
// examples/, commands run.
package docs

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const root = "../.."

// A block is the text between ``` and ```, with the word after the first.
type block struct {
	language string
	line     int
	lines    []string
}

// A document is a file of Markdown, taken apart as far as the tests need.
type document struct {
	name   string
	blocks []block
	spans  []span // `code` and targets of links in the text outside blocks
}

type span struct {
	text string
	line int
}

var inline = regexp.MustCompile("`([^`]+)`|\\]\\(([^)]+)\\)")

func parse(name, text string) *document {
	d := &document{name: name}
	var open *block
	for i, line := range strings.Split(text, "\n") {
		language, fence := strings.CutPrefix(line, "```")
		switch {
		case fence && open == nil:
			open = &block{language: language, line: i + 1}
		case fence:
			d.blocks, open = append(d.blocks, *open), nil
		case open != nil:
			open.lines = append(open.lines, line)
		default:
			for _, m := range inline.FindAllStringSubmatch(line, -1) {
				d.spans = append(d.spans, span{m[1] + m[2], i + 1})
			}
		}
	}
	return d
}

// documents reads all of them.
func documents(t *testing.T) []*document {
	t.Helper()
	names := []string{"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"}
	more, err := filepath.Glob(root + "/docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range more {
		names = append(names, "docs/"+filepath.Base(path))
	}
	var docs []*document
	for _, name := range names {
		docs = append(docs, read(t, name))
	}
	return docs
}

func read(t *testing.T, name string) *document {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	d := parse(name, string(text))
	if len(d.spans) == 0 && name != "CHANGELOG.md" {
		t.Fatalf("%s: nothing to check was found", name)
	}
	return d
}

// files lists the repository's files and folders, as paths from its root.
func files(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && (d.Name() == ".git" || d.Name() == "runs") {
			return filepath.SkipDir
		}
		rel, err := filepath.Rel(root, path)
		all = append(all, filepath.ToSlash(rel))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestParse(t *testing.T) {
	d := parse("x", "a `b/c.go` and [d](e.md)\n```sh\nf `g`\n```\n`h`")
	if len(d.spans) != 3 || d.spans[0].text != "b/c.go" || d.spans[1].text != "e.md" || d.spans[2] != (span{"h", 5}) {
		t.Errorf("spans %v", d.spans)
	}
	if len(d.blocks) != 1 || d.blocks[0].language != "sh" || d.blocks[0].lines[0] != "f `g`" {
		t.Errorf("blocks %v", d.blocks)
	}
}
