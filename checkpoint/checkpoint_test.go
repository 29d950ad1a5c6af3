package checkpoint

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/tensor"
)

// values are those of a small store after a number of steps.
func values(step int) []safetensors.Named {
	return []safetensors.Named{
		{Name: "fc.weight", Tensor: tensor.Must(tensor.Of([]float32{float32(step), 2, 3, 4}, 2, 2))},
		{Name: "sgd.step", Tensor: tensor.Scalar(int64(step))},
	}
}

// save writes a checkpoint and waits for it.
func save(t *testing.T, d *Dir, step int, score *float64) {
	t.Helper()
	if err := d.Save(Checkpoint{Step: step, Values: values(step), State: []byte(`{"step":1}`), Score: score}); err != nil {
		t.Fatal(err)
	}
	if err := d.Wait(); err != nil {
		t.Fatal(err)
	}
}

// open opens a new folder.
func open(t *testing.T, cfg Config) (*Dir, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "checkpoints")
	d, err := Open(path, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return d, path
}

// steps lists what a folder holds.
func steps(t *testing.T, dir string) string {
	t.Helper()
	files, err := list(os.DirFS(dir), dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, f := range files {
		names = append(names, strings.TrimLeft(strings.TrimSuffix(strings.TrimPrefix(f, "step-"), ".safetensors"), "0"))
	}
	return strings.Join(names, " ")
}

func TestRoundTrip(t *testing.T) {
	d, dir := open(t, DefaultConfig())
	score := 0.1 + 0.2
	save(t, d, 7, &score)
	c, damaged, err := Latest(dir)
	if err != nil || damaged != nil {
		t.Fatal(err, damaged)
	}
	if c.Step != 7 || string(c.State) != `{"step":1}` || *c.Score != score || c.Pinned || time.Since(c.Time) > time.Minute {
		t.Errorf("%+v", c)
	}
	got := map[string][]byte{}
	for _, v := range c.Values {
		got[v.Name] = v.Tensor.Bytes()
	}
	want := map[string][]byte{}
	for _, v := range values(7) {
		want[v.Name] = v.Tensor.Bytes()
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// A file cut short anywhere is passed over for the one before it.
func TestTruncatedAnywhere(t *testing.T) {
	d, dir := open(t, DefaultConfig())
	save(t, d, 1, nil)
	save(t, d, 2, nil)
	path := filepath.Join(dir, name(2))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) {
		if err := os.WriteFile(path, whole[:n], 0o666); err != nil {
			t.Fatal(err)
		}
		c, damaged, err := Latest(dir)
		if err != nil || c.Step != 1 || len(damaged) != 1 || !strings.Contains(damaged[0].Error(), path) {
			t.Fatalf("cut to %d of %d bytes: %+v, %v, %v", n, len(whole), c, damaged, err)
		}
	}
}

// A bit that flips in the values is found.
func TestChangedByte(t *testing.T) {
	d, dir := open(t, DefaultConfig())
	save(t, d, 1, nil)
	path := filepath.Join(dir, name(1))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i := range 24 { // the values are last: 16 bytes of floats and 8 of an integer
		changed := append([]byte(nil), whole...)
		changed[len(changed)-1-i] ^= 0x10
		if err := os.WriteFile(path, changed, 0o666); err != nil {
			t.Fatal(err)
		}
		if _, err := Load(path); err == nil || !strings.Contains(err.Error(), "checksum") {
			t.Fatalf("byte %d from the end: error %v", i, err)
		}
	}
}

func TestNewerVersion(t *testing.T) {
	_, dir := open(t, DefaultConfig())
	c := Checkpoint{Step: 3, Values: values(3)}
	m := c.metadata()
	m[versionKey] = "2"
	if err := safetensors.Write(filepath.Join(dir, name(3)), c.Values, m); err != nil {
		t.Fatal(err)
	}
	if _, _, err := Latest(dir); !errors.Is(err, ErrNewer) || !strings.Contains(err.Error(), "format 2, this one reads up to 1") {
		t.Errorf("error %v", err)
	}
}

func TestNone(t *testing.T) {
	_, dir := open(t, DefaultConfig())
	for _, dir := range []string{dir, filepath.Join(dir, "nowhere")} {
		if _, _, err := Latest(dir); !errors.Is(err, fs.ErrNotExist) || !strings.Contains(err.Error(), dir) {
			t.Errorf("error %v", err)
		}
	}
}

func TestRetention(t *testing.T) {
	cfg := DefaultConfig()
	cfg.KeepLast, cfg.KeepBest = 2, 1
	d, dir := open(t, cfg)
	for step, score := range []float64{3, 1, 2, 5, 4} {
		save(t, d, step+1, &score)
	}
	if got := steps(t, dir); got != "2 4 5" {
		t.Errorf("smaller is better: %s", got)
	}
	cfg.Maximize, cfg.KeepBest, cfg.KeepLast = true, 2, 1
	d, dir = open(t, cfg)
	for step, score := range []float64{3, 1, 2, 5, 4, 0} {
		save(t, d, step+1, &score)
	}
	if got := steps(t, dir); got != "4 5 6" {
		t.Errorf("larger is better: %s", got)
	}
	span := time.Nanosecond
	cfg.KeepBest, cfg.KeepEvery = 0, &span
	d, dir = open(t, cfg)
	for step := range 3 {
		save(t, d, step+1, nil)
	}
	if got := steps(t, dir); got != "1 2 3" {
		t.Errorf("one each span of time: %s", got)
	}
}

// What a killed process left is removed; what is not ours stays.
func TestLeftovers(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{".step-000000003.safetensors.17-0.tmp", "notes.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir, DefaultConfig()); err != nil {
		t.Fatal(err)
	}
	entries, err := os.ReadDir(dir)
	if err != nil || len(entries) != 1 || entries[0].Name() != "notes.txt" {
		t.Errorf("left: %v, %v", entries, err)
	}
}

func TestValidate(t *testing.T) {
	zero, none := 0, time.Duration(0)
	err := Config{EverySteps: &zero, EveryEpochs: &zero, EveryTime: &none, KeepBest: -1, KeepEvery: &none}.Validate()
	for _, part := range []string{"every_steps", "every_epochs", "every_time", "keep_last", "keep_best", "keep_every"} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("the error lacks %s: %v", part, err)
		}
	}
}
