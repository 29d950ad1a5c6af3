package docs

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// The commands of README run, in their order, in a folder with what a user has:
// a few photos, a table. Training takes a few steps, and a measurement a moment;
// go install
// becomes go build; programs of examples/ have tests of their own, so only
// those that read what the commands before them wrote are run. go test ./... is
// what runs this test.
func TestCommandsRun(t *testing.T) {
	if testing.Short() {
		t.Skip("runs every command of README")
	}
	r := &runner{dir: t.TempDir()}
	r.binary = filepath.Join(r.dir, "gradus.exe") // the ending that Windows wants
	r.userData(t)
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
	r.stop(t)
	if seen < 5 {
		t.Errorf("only %d commands were found", seen)
	}
}

// A runner runs commands as a reader would.
type runner struct {
	dir    string // where; also holds the digits
	binary string
	server *exec.Cmd // that was started last, if it runs
	listen string    // its address
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
	case words[0] == "curl":
		if _, err := exec.LookPath("curl"); err == nil {
			r.mustRun(t, r.dir, "curl", strings.Fields("-sf "+strings.ReplaceAll(strings.Join(words[1:], " "), "localhost:8080", r.listen))...)
		}
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

// gradus runs the command with settings that make it short. What it prints goes
// to a file where the line says so.
func (r *runner) gradus(t *testing.T, args []string) {
	t.Helper()
	var to string
	if i := slices.Index(args, ">"); i >= 0 {
		to, args = filepath.Join(r.dir, args[i+1]), args[:i]
	}
	switch {
	case args[0] == "serve":
		r.serve(t, args)
		return
	case args[0] == "bench":
		args = append(args, "--seconds", "0.01")
	case args[0] == "train" && args[1] != "--resume":
		args = append(args, "strategy.steps=3")
	}
	var expanded []string
	for _, a := range args {
		if found, err := filepath.Glob(filepath.Join(r.dir, a)); err == nil && strings.Contains(a, "*") {
			expanded = append(expanded, found...)
		} else {
			expanded = append(expanded, a)
		}
	}
	out := r.mustRun(t, r.dir, r.binary, expanded...)
	if to != "" {
		if err := os.WriteFile(to, out, 0o666); err != nil {
			t.Fatal(err)
		}
	}
}

// serve starts a server, in place of the one before, and waits until it is
// ready.
func (r *runner) serve(t *testing.T, args []string) {
	t.Helper()
	r.stop(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.listen = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if last := len(args) - 1; args[last] == "&" {
		args = args[:last]
	}
	r.server = exec.CommandContext(t.Context(), r.binary, append(args, "--listen", r.listen)...)
	r.server.Dir = r.dir
	var errs bytes.Buffer
	r.server.Stderr = &errs
	if err := r.server.Start(); err != nil {
		t.Fatal(err)
	}
	for start := time.Now(); time.Since(start) < time.Minute; time.Sleep(50 * time.Millisecond) {
		answer, err := http.Get("http://" + r.listen + "/readyz")
		if err != nil {
			continue
		}
		answer.Body.Close()
		if answer.StatusCode == http.StatusOK {
			return
		}
	}
	r.server.Process.Kill()
	r.server.Wait()
	t.Fatalf("gradus %s is not ready:\n%s", strings.Join(args, " "), &errs)
}

// stop ends the server that runs, if there is one.
func (r *runner) stop(t *testing.T) {
	t.Helper()
	if r.server == nil {
		return
	}
	r.server.Process.Kill()
	r.server.Wait()
	r.server = nil
}

// userData makes photos of two kinds of flowers, new photos, and a table of
// houses.
func (r *runner) userData(t *testing.T) {
	t.Helper()
	write := func(path string, b []byte) {
		path = filepath.Join(r.dir, filepath.FromSlash(path))
		if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, b, 0o666); err != nil {
			t.Fatal(err)
		}
	}
	photo := func(n int, red bool) []byte {
		im := image.NewRGBA(image.Rect(0, 0, 80, 70))
		for y := range 70 {
			for x := range 80 {
				c := color.RGBA{uint8(40 + 3*n), uint8(x + y), uint8(7 * n * x), 255}
				if red {
					c.R = 220
				}
				im.Set(x, y, c)
			}
		}
		var b bytes.Buffer
		if err := jpeg.Encode(&b, im, nil); err != nil {
			t.Fatal(err)
		}
		return b.Bytes()
	}
	for n := range 20 {
		write(fmt.Sprintf("photos/rose/%d.jpg", n), photo(n, true))
		write(fmt.Sprintf("photos/violet/%d.jpg", n), photo(n, false))
	}
	write("new/1.jpg", photo(21, true))
	write("new/2.jpg", photo(22, false))
	table := "rooms,town,price\n"
	for n := range 60 {
		table += fmt.Sprintf("%d,%s,%d\n", 1+n%5, []string{"Ulm", "Bonn", "Kiel"}[n%3], 100+30*(n%5)+n)
	}
	write("houses.csv", []byte(table))
}

func (r *runner) mustRun(t *testing.T, dir, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), name, args...)
	cmd.Dir = dir
	var errs bytes.Buffer
	cmd.Stderr = &errs
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", name, strings.Join(args, " "), err, out, &errs)
	}
	return out
}
