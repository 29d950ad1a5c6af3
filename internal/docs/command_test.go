package docs

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/internal/mnisttest"
)

// The commands of README run, in their order, in an empty folder. Training
// takes a few digits and one epoch, and a measurement a moment; go install
// becomes go build; programs of examples/ have tests of their own, so only
// those that read what the commands before them wrote are run. go test ./... is
// what runs this test.
func TestCommandsRun(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every command of README")
	}
	r := &runner{dir: t.TempDir()}
	r.binary = filepath.Join(r.dir, "gradus.exe") // the ending that Windows wants
	if err := mnisttest.Write(r.dir, 300, 100); err != nil {
		t.Fatal(err)
	}
	r.mustRun(t, root, "go", "build", "-buildvcs=false", "-o", r.binary, "./cmd/gradus")
	seen := 0
	for _, b := range read(t, "README.md").blocks {
		if b.language != "sh" {
			continue
		}
		for i, line := range b.lines {
			seen++
			words := strings.Fields(strings.Split(line, "#")[0])
			if !r.command(t, words) {
				t.Errorf("README.md:%d: this test does not know how to run %q", b.line+1+i, line)
			}
		}
	}
	if seen < 5 {
		t.Errorf("only %d commands were found", seen)
	}
}

// A runner runs commands as a reader would.
type runner struct {
	dir    string // where; also holds the digits
	binary string
}

// command runs one line, and tells whether it knows how.
func (r *runner) command(t *testing.T, words []string) bool {
	t.Helper()
	line := strings.Join(words, " ")
	switch {
	case line == "go test ./..." || line == "go install ./cmd/gradus":
		return true
	case strings.HasPrefix(line, "go run ./cmd/gradus "):
		r.gradus(t, words[3:])
	case strings.HasPrefix(line, "gradus "):
		r.gradus(t, words[1:])
	case strings.HasPrefix(line, "go run ./examples/"):
		program := words[2]
		if _, err := os.Stat(filepath.Join(root, program, "main.go")); err != nil {
			t.Error(err)
		}
		if len(words) > 3 {
			args := []string{"run", "-buildvcs=false", program}
			for _, path := range words[3:] {
				args = append(args, filepath.Join(r.dir, path))
			}
			r.mustRun(t, root, "go", args...)
		}
	default:
		return false
	}
	return true
}

// gradus runs the command with flags that make it short; the last of a flag
// given twice counts.
func (r *runner) gradus(t *testing.T, args []string) {
	t.Helper()
	short := map[string][]string{
		"train": {"--data", ".", "--epochs", "1"},
		"bench": {"--seconds", "0.01"},
	}
	r.mustRun(t, r.dir, r.binary, slices.Concat(args, short[args[0]])...)
}

func (r *runner) mustRun(t *testing.T, dir, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
}
