package export

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tree lists what a folder holds: names, and contents of files.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		b.WriteString(strings.TrimPrefix(path, dir) + " " + d.Type().String())
		if d.Type().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			b.Write(text)
		}
		b.WriteString("\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func text(name, s string) File {
	return File{name, func(w io.Writer) error { _, err := io.WriteString(w, s); return err }}
}

func write(t *testing.T, path, s string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(s), 0o666); err != nil {
		t.Fatal(err)
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "b")
	files := []File{text(CardFile, "1"), text("model/config.json", "2")}
	if err := Write(dir, files, false); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, files, false); err == nil || !strings.Contains(err.Error(), "--overwrite replaces it") {
		t.Error(err)
	}
	broken := errors.New("broken")
	bad := []File{text(CardFile, "3"), {"model/config.json", func(io.Writer) error { return broken }}}
	before := tree(t, filepath.Dir(dir))
	if err := Write(dir, bad, true); !errors.Is(err, broken) || !strings.Contains(err.Error(), filepath.Join(dir, "model", "config.json")) {
		t.Error(err)
	}
	if tree(t, filepath.Dir(dir)) != before {
		t.Error("a failure changed the folder")
	}
	if err := Write(dir+"/", []File{text(CardFile, "4")}, true); err != nil {
		t.Fatal(err)
	}
	if got, want := tree(t, filepath.Dir(dir)), " d---------\n/b d---------\n/b/README.md ----------4\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	empty := filepath.Join(t.TempDir(), "empty")
	if err := os.Mkdir(empty, 0o777); err != nil {
		t.Fatal(err)
	}
	if err := Write(empty, files, false); err != nil {
		t.Error(err)
	}
}

// A folder that no export wrote is never replaced, a link never followed, and
// no name of a model is a path.
func TestSecurityRow25Export(t *testing.T) {
	root := t.TempDir()
	write(t, filepath.Join(root, "home", "thesis.txt"), "years")
	write(t, filepath.Join(root, "run", "checkpoints", "step-1"), "x")
	write(t, filepath.Join(root, "run", CardFile), "x")
	write(t, filepath.Join(root, "file"), "x")
	linked := os.Symlink("home", filepath.Join(root, "link")) == nil
	before := tree(t, root)
	for _, name := range []string{"home", "run", "file", "link", "home/../home", "run/../home/", "."} {
		if name == "link" && !linked {
			continue
		}
		if err := Write(filepath.Join(root, name), []File{text(CardFile, "x")}, true); err == nil {
			t.Errorf("%s was replaced", name)
		}
	}
	if tree(t, root) != before {
		t.Error("something has changed")
	}
	for _, name := range []string{
		"", ".", "..", "../x", "/x", "a/b", `a\b`, "a:1", "a b", "a\x00", "a\n", "ä", "-rf", ".hidden", "a%2fb", "a?b", "a#b", "a*",
		`"`, "<b>", "a|b", "\xff", "a\u202eb", "a;b", "$a", "a=b", "`a`", "a&b", "a(b)", "a'b", strings.Repeat("a", 129),
	} {
		if CheckName(name) == nil {
			t.Errorf("%q is a name", name)
		}
		if _, err := Open(root, name); err == nil || !strings.Contains(err.Error(), "is no name for a model") {
			t.Errorf("%q: %v", name, err)
		}
	}
	for _, name := range []string{"mnist", "mnist-2", "a.b", "Test_1"} {
		if err := CheckName(name); err != nil {
			t.Error(err)
		}
	}
}

func FuzzCheckName(f *testing.F) {
	for _, s := range []string{"mnist", "../a", `a\..\b`, "a/../b", "a\x00b", "..."} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, name string) {
		if CheckName(name) == nil && (filepath.Base(name) != name || !filepath.IsLocal(name) || !fs.ValidPath(name) || slices.Contains([]string{".", ".."}, name)) {
			t.Errorf("%q is a name, and a path too", name)
		}
	})
}

// What data hold means nothing in a card.
func TestCardIsText(t *testing.T) {
	for in, want := range map[string]string{
		"a":                           "`a`",
		"":                            "(empty)",
		"a`b":                         "`` a`b ``",
		"``":                          "``` `` ```",
		"a\n\n# b":                    "`a # b`",
		"<script>alert(1)</script>":   "`<script>alert(1)</script>`",
		"![x](http://host/pixel.png)": "`![x](http://host/pixel.png)`",
	} {
		if got := code(in); got != want {
			t.Errorf("%q is %q, want %q", in, got, want)
		}
	}
	if got, want := markdown("<b>*a* [x](y)\n# `c`"), `\<b\>\*a\* \[x\](y) \# \`+"`c\\`"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	var b strings.Builder
	table(&b, [][]string{{"a", "b"}, {"`x|y`", ""}})
	if got, want := b.String(), "\n| a | b |\n|---|---|\n| `x\\|y` |  |\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := join(short([]string{"a", "b", "c", "d"}, 3)); got != "a, b and 2 more" {
		t.Error(got)
	}
}
