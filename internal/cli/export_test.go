package cli

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/serve/engine/enginetest"
)

// The Go program of a model card compiles, and answers.
func TestCardProgram(t *testing.T) {
	if testing.Short() {
		t.Skip("builds programs")
	}
	for kind, want := range map[string]string{enginetest.Penguins: "species", enginetest.Mail: "kind", enginetest.Digits: "label"} {
		dir := filepath.Join(t.TempDir(), kind)
		if code, _, errs := run(t.Context(), "export", enginetest.Folder(t, kind, 1), dir, "--name", kind); code != 0 {
			t.Fatal(errs)
		}
		card, err := os.ReadFile(filepath.Join(dir, "README.md"))
		if err != nil {
			t.Fatal(err)
		}
		_, program, _ := strings.Cut(string(card), "```go\n")
		program, _, ok := strings.Cut(program, "```")
		if !ok {
			t.Fatalf("no program in\n%s", card)
		}
		main, binary := filepath.Join(t.TempDir(), "main.go"), filepath.Join(t.TempDir(), "program.exe")
		if err := os.WriteFile(main, []byte(program), 0o666); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", binary, main).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		if kind == enginetest.Digits {
			picture, err := os.ReadFile("../../docs/mnist-curves.png")
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "picture.png"), picture, 0o666); err != nil {
				t.Fatal(err)
			}
		}
		ask := exec.CommandContext(t.Context(), binary)
		ask.Dir = dir
		if out, err := ask.CombinedOutput(); err != nil || !strings.HasPrefix(string(out), "map["+want+":") {
			t.Errorf("%s: %v: %s", kind, err, out)
		}
	}
}
