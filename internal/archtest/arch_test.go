// Package archtest keeps imports going downward in the order that
// ARCHITECTURE.md gives, tests included.
package archtest

import (
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const module = "github.com/gradus-ml/gradus"

// rooms lists the packages from the top of the house to its bottom. A package
// imports only from rooms above its own, or from its own. A name covers the
// packages below it unless they are listed themselves.
var rooms = []string{
	"dtype", "shape", "tensor", "rng", "internal/atomicfile", "internal/machine", "internal/mapped", "internal/linalg", "internal/fft",
	"config",
	"format",
	"ir", "ops", "ir/interp", "ops/optest", "grad", "ir/cost", "pass", "module",
	"backend", "backend/cpu/kernel", "backend/cpu/plan", "backend/cpu/pool", "backend/cpu",
	"exec",
	"nn", "loss", "optim", "metric", "model",
	"data", "internal/mnisttest",
	"runlog", "checkpoint",
	"train", "recipe", "bench", "explain",
	"serve/engine", "serve/guard", "serve/telemetry", "serve/jsondoc", "serve/columns", "serve",
	"internal/cli", "cmd", "deploy", "examples",
	"internal/archtest", "internal/docs",
}

// apart lists rooms that must not know each other although one stands above:
// models build graphs, backends run them.
var apart = map[string][]string{
	"nn":     {"backend"},
	"loss":   {"backend"},
	"optim":  {"backend"},
	"metric": {"backend", "nn", "ir"},
	"model":  {"backend"},
	"data":   {"backend", "nn", "ir"},
}

// room returns the most specific entry for a package path inside the module.
func room(pkg string) int {
	best := -1
	for i, r := range rooms {
		if (pkg == r || strings.HasPrefix(pkg, r+"/")) && (best < 0 || len(r) > len(rooms[best])) {
			best = i
		}
	}
	return best
}

func TestImportsGoDownward(t *testing.T) {
	root := "../.."
	seen := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := d.Name()
		if d.IsDir() && path != root && (strings.HasPrefix(name, ".") || strings.HasPrefix(name, "_") || name == "testdata" || name == "tools") {
			return filepath.SkipDir
		}
		if !strings.HasSuffix(name, ".go") {
			return nil
		}
		seen++
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		checkFile(t, root, filepath.ToSlash(rel))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if seen < 50 {
		t.Fatalf("only %d files were looked at", seen)
	}
}

func checkFile(t *testing.T, root, rel string) {
	src, err := os.ReadFile(filepath.Join(root, rel))
	if err != nil {
		t.Error(err)
		return
	}
	f, err := parser.ParseFile(token.NewFileSet(), rel, src, parser.ImportsOnly)
	if err != nil {
		t.Error(err)
		return
	}
	pkg := filepath.ToSlash(filepath.Dir(rel))
	from := room(pkg)
	if from < 0 {
		t.Errorf("%s: package %s has no room; add it to the list and to ARCHITECTURE.md", rel, pkg)
		return
	}
	for _, spec := range f.Imports {
		path, _ := strconv.Unquote(spec.Path.Value)
		to, ok := strings.CutPrefix(path, module+"/")
		if !ok {
			continue
		}
		if i := room(to); i < 0 || i > from {
			t.Errorf("%s imports %s, which stands below it", rel, to)
		}
		if strings.HasSuffix(rel, "_test.go") {
			continue
		}
		for _, no := range apart[rooms[from]] {
			if to == no || strings.HasPrefix(to, no+"/") {
				t.Errorf("%s imports %s: those rooms must not know each other", rel, to)
			}
		}
	}
}
