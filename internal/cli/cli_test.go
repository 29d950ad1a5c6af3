package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/gradus-ml/gradus/bench"
	"github.com/gradus-ml/gradus/internal/mnisttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){
		"gradus": func() { os.Exit(Main(os.Args[1:], os.Stdout, os.Stderr)) },
	})
}

// The scripts under testdata run the command as a user does. Beside the usual
// words they have:
//
//	digits DIR TRAIN TEST   writes a folder of so many digits
//	png FILE WIDTH HEIGHT LEVEL  writes an image of one grey
//	cut FILE                cuts a file in half
//	exit CODE COMMAND ...   runs a command that must end with the code
//	lines FILE N            waits until a file has so many lines
//	without DIR TEXT        finds a text in no file of a folder
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"digits":  digits,
			"png":     picture,
			"cut":     cut,
			"exit":    exit,
			"lines":   lines,
			"without": without,
		},
	})
}

func digits(ts *testscript.TestScript, _ bool, args []string) {
	train, err := strconv.Atoi(args[1])
	ts.Check(err)
	test, err := strconv.Atoi(args[2])
	ts.Check(err)
	dir := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(dir, 0o777))
	ts.Check(mnisttest.Write(dir, train, test))
}

func picture(ts *testscript.TestScript, _ bool, args []string) {
	var n [3]int
	for i := range n {
		var err error
		n[i], err = strconv.Atoi(args[i+1])
		ts.Check(err)
	}
	im := image.NewGray(image.Rect(0, 0, n[0], n[1]))
	for i := range im.Pix {
		im.Pix[i] = uint8(n[2])
	}
	var file bytes.Buffer
	ts.Check(png.Encode(&file, im))
	path := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(filepath.Dir(path), 0o777))
	ts.Check(os.WriteFile(path, file.Bytes(), 0o666))
}

func cut(ts *testscript.TestScript, _ bool, args []string) {
	path := ts.MkAbs(args[0])
	st, err := os.Stat(path)
	ts.Check(err)
	ts.Check(os.Truncate(path, st.Size()/2))
}

func exit(ts *testscript.TestScript, _ bool, args []string) {
	want := args[0]
	err := ts.Exec(args[1], args[2:]...)
	got := "0"
	if err != nil {
		got = strings.TrimPrefix(err.Error(), "exit status ")
	}
	if got != want {
		ts.Fatalf("%s ended with %s, want %s", strings.Join(args[1:], " "), got, want)
	}
}

func lines(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[1])
	ts.Check(err)
	path := ts.MkAbs(args[0])
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if text, err := os.ReadFile(path); err == nil && bytes.Count(text, []byte("\n")) >= want {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%s does not get %d lines", args[0], want)
		}
	}
}

func without(ts *testscript.TestScript, _ bool, args []string) {
	ts.Check(filepath.WalkDir(ts.MkAbs(args[0]), func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := os.ReadFile(path)
		if err == nil && bytes.Contains(text, []byte(args[1])) {
			err = fmt.Errorf("%s holds %s", path, args[1])
		}
		return err
	}))
}

func run(ctx context.Context, args ...string) (code int, stdout, stderr string) {
	var out, errs bytes.Buffer
	code = Run(ctx, args, &out, &errs)
	return code, out.String(), errs.String()
}

func TestBenchJSON(t *testing.T) {
	code, out, errs := run(t.Context(), "bench", "mlp", "matmul", "--seconds", "0.1", "--threads", "2", "--json")
	if code != 0 {
		t.Fatal(errs)
	}
	var names []string
	for line := range strings.Lines(out) {
		var r bench.Result
		d := json.NewDecoder(strings.NewReader(line))
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil {
			t.Fatalf("%v: %s", err, line)
		}
		for _, key := range []string{"workload", "threads", "isa", "median_ms", "p10_ms", "p90_ms", "gflops", "efficiency", "peak_gflops", "first_ms", "first_loss", "last_loss", "peak_bytes"} {
			if !strings.Contains(line, `"`+key+`":`) {
				t.Errorf("no %s in %s", key, line)
			}
		}
		names = append(names, r.Workload)
	}
	if !slices.Equal(names, []string{"matmul", "mlp"}) {
		t.Errorf("results of %v, want matmul first, then mlp", names)
	}
}

func TestFormat(t *testing.T) {
	for want, got := range map[string]string{
		"0 B": size(0), "999 B": size(999), "1.00 kB": size(1000), "2.33 MB": size(2328104), "31.1 MB": size(31058664),
		"205 kB": size(204800), "1.00 GB": size(999_999_999), "8.60 MFLOP": scaled(8.6e6, "FLOP"),
		"7": count(7), "999": count(999), "1,000": count(1000), "582,026": count(582026), "-1,234,567": count(-1234567),
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestBarLine(t *testing.T) {
	const text = "epoch 1/5  loss 0.2893"
	for _, c := range []struct {
		columns int
		done    float64
		want    string
	}{
		{79, 0.5, "████████████░░░░░░░░░░░░  epoch 1/5  loss 0.2893   50 %"},
		{79, 0, "░░░░░░░░░░░░░░░░░░░░░░░░  epoch 1/5  loss 0.2893    0 %"},
		{79, 1, "████████████████████████  epoch 1/5  loss 0.2893  100 %"},
		{39, 0.5, "████░░░░  epoch 1/5  loss 0.2893   50 %"},
		{37, 0.5, "███░░░  epoch 1/5  loss 0.2893   50 %"},
		{36, 0.5, "epoch 1/5  loss 0.2893   50 %"},
		{10, 0.5, "epoch 1/5 "},
		{0, 0.5, ""},
		{-1, 0.5, ""},
	} {
		if got := barLine(text, c.done, c.columns); got != c.want {
			t.Errorf("%d columns: %q, want %q", c.columns, got, c.want)
		}
	}
}

// What a file holds can't move the cursor or write to the clipboard.
func TestPrintable(t *testing.T) {
	if got, want := printable("a\x1b[2Jb\r\u009bc\xff\n\td\u00fc"), "a\ufffd[2Jb\ufffd\ufffdc\ufffd\n\td\u00fc"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
