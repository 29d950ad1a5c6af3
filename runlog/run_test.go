package runlog

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"
)

func create(t *testing.T, dir string, opts ...Option) *Run {
	t.Helper()
	r, err := Create(dir, opts...)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func writeString(s string) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := io.WriteString(w, s)
		return err
	}
}

// names lists the files of a folder.
func names(t *testing.T, dir string) string {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var s []string
	for _, e := range list {
		s = append(s, e.Name())
	}
	return strings.Join(s, " ")
}

func TestCreate(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "runs", "a")
	r := create(t, dir)
	if got := names(t, dir); got != MetricsFile {
		t.Errorf("a new run holds %q, want only %s", got, MetricsFile)
	}
	// Nothing was logged: nothing is lost by beginning again.
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r = create(t, dir)
	if err := r.Log(Record{Step: 1, Split: "train"}); err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir); !errors.Is(err, ErrExists) || !strings.Contains(err.Error(), dir) {
		t.Errorf("second run: error %v", err)
	}
	if recs, err := ReadMetrics(r.Path(MetricsFile)); err != nil || len(recs) != 1 {
		t.Errorf("the refused run changed the first: %v, %v", recs, err)
	}
	r = create(t, dir, WithOverwrite())
	defer r.Close()
	if recs, err := ReadMetrics(r.Path(MetricsFile)); err != nil || len(recs) != 0 {
		t.Errorf("overwritten run begins with %v, %v", recs, err)
	}
}

func TestCreateUnwritable(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "below")} {
		if _, err := Create(dir); err == nil || !strings.Contains(err.Error(), file) {
			t.Errorf("%s: error %v", dir, err)
		}
	}
	if runtime.GOOS == "windows" || os.Getuid() == 0 {
		t.Skip("permissions do not bind this user")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o555); err != nil {
		t.Fatal(err)
	}
	if _, err := Create(dir); !errors.Is(err, os.ErrPermission) || !strings.Contains(err.Error(), dir) {
		t.Errorf("error %v", err)
	}
}

func TestWriteFile(t *testing.T) {
	r := create(t, t.TempDir())
	defer r.Close()
	if err := r.WriteFile("model/config.json", writeString("{}")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("broken")
	err := r.WriteFile("model/config.json", func(w io.Writer) error {
		fmt.Fprint(w, "half of a new")
		return broken
	})
	if !errors.Is(err, broken) {
		t.Errorf("error %v", err)
	}
	if b, err := os.ReadFile(r.Path("model/config.json")); string(b) != "{}" {
		t.Errorf("after a failed write the file holds %q (%v)", b, err)
	}
	if got := names(t, r.Path("model")); got != "config.json" {
		t.Errorf("folder holds %q", got)
	}
	for _, name := range []string{"../x", "/x", "a/../../x", ""} {
		if err := r.WriteFile(name, writeString("")); err == nil || !strings.Contains(err.Error(), "leads out") {
			t.Errorf("%q: error %v", name, err)
		}
	}
}

func TestEnv(t *testing.T) {
	r := create(t, t.TempDir())
	defer r.Close()
	env := NewEnv()
	env.Version, env.CPU, env.ISA, env.Threads = "v1", "A <fast> CPU", "avx2", 4
	if err := r.WriteEnv(env); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(r.Path(EnvFile))
	if err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]any{
		"version": "v1", "go_version": runtime.Version(), "os": runtime.GOOS, "arch": runtime.GOARCH,
		"cpu": "A <fast> CPU", "isa": "avx2", "threads": 4.0,
	} {
		if got[key] != want {
			t.Errorf("%s: %v, want %v", key, got[key], want)
		}
	}
	if at, err := time.Parse(time.RFC3339, fmt.Sprint(got["time"])); err != nil || time.Since(at).Abs() > time.Minute {
		t.Errorf("time %v (%v)", got["time"], err)
	}
	if !strings.Contains(string(b), "A <fast> CPU") {
		t.Errorf("escaped without need: %s", b)
	}
}

func TestConcurrentLog(t *testing.T) {
	r := create(t, t.TempDir())
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				if err := r.Log(Record{Step: 50*i + j, Split: "train", Metrics: []Metric{{"loss", float64(i)}}}); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	recs, err := ReadMetrics(r.Path(MetricsFile))
	if err != nil || len(recs) != 400 {
		t.Fatalf("%d records, %v", len(recs), err)
	}
	seen := map[int]bool{}
	for _, rec := range recs {
		seen[rec.Step] = true
	}
	if len(seen) != 400 {
		t.Errorf("%d different steps of 400", len(seen))
	}
}

// A line is on the disk when Log returns.
func TestLogIsFlushed(t *testing.T) {
	r := create(t, t.TempDir())
	defer r.Close()
	for n := 1; n <= 3; n++ {
		if err := r.Log(Record{Step: n, Split: "train"}); err != nil {
			t.Fatal(err)
		}
		if recs, err := ReadMetrics(r.Path(MetricsFile)); err != nil || len(recs) != n {
			t.Errorf("%d records after %d lines, %v", len(recs), n, err)
		}
	}
}

func TestLogTakesNoMemory(t *testing.T) {
	r := create(t, t.TempDir())
	defer r.Close()
	rec := Record{Step: 1, Epoch: 1, Split: "train", Metrics: []Metric{{"loss", 0.123456}, {"accuracy", 0.5}}}
	if n := testing.AllocsPerRun(20, func() {
		if err := r.Log(rec); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a line", n)
	}
}

// A resumed run begins where the state that it goes on from was, and logs on.
func TestResume(t *testing.T) {
	dir := t.TempDir()
	r := create(t, dir)
	log := func(r *Run, step int) {
		t.Helper()
		if err := r.Log(Record{Step: step, Epoch: 1, Split: "train"}); err != nil {
			t.Fatal(err)
		}
	}
	log(r, 1)
	size := r.MetricsBytes()
	log(r, 2)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Resume(dir, size)
	if err != nil {
		t.Fatal(err)
	}
	log(r, 3)
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	records, err := ReadMetrics(filepath.Join(dir, MetricsFile))
	if err != nil || len(records) != 2 || records[0].Step != 1 || records[1].Step != 3 {
		t.Errorf("%+v, %v", records, err)
	}
	if _, err := Resume(dir, size*100); err == nil || !strings.Contains(err.Error(), "had logged") {
		t.Errorf("metrics that are too short: error %v", err)
	}
	if _, err := Resume(filepath.Join(dir, "nowhere"), 0); err == nil {
		t.Error("a folder that is not there is resumed")
	}
}

// A folder that is being written takes no second writer, and is free again when
// the first closes it.
func TestInUse(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("two writers are not noticed there")
	}
	dir := t.TempDir()
	r := create(t, dir)
	if err := r.Log(Record{Step: 1, Split: "train"}); err != nil {
		t.Fatal(err)
	}
	size := r.MetricsBytes()
	if _, err := Create(dir, WithOverwrite()); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("Create: error %v", err)
	}
	if _, err := Resume(dir, 0); !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), dir) {
		t.Errorf("Resume: error %v", err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := Resume(dir, size) // the refused ones cut nothing off
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
}
