package runlog

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// On a disk of 256 KB that fills up, earlier files stay as they were and
// metrics.jsonl keeps whole lines.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("no small file system can be mounted: %v", err)
	}
	defer func() {
		if err := syscall.Unmount(dir, syscall.MNT_DETACH); err != nil {
			t.Error(err)
		}
	}()
	r := create(t, filepath.Join(dir, "run"))
	defer r.Close()
	old := bytes.Repeat([]byte("old "), 20_000)
	write := func(b []byte) func(io.Writer) error {
		return func(w io.Writer) error {
			_, err := w.Write(b)
			return err
		}
	}
	if err := r.WriteFile("model/model.safetensors", write(old)); err != nil {
		t.Fatal(err)
	}
	err := r.WriteFile("model/model.safetensors", write(make([]byte, 1<<20)))
	if !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "model.safetensors") {
		t.Errorf("error %v", err)
	}
	if got, err := os.ReadFile(r.Path("model/model.safetensors")); err != nil || !bytes.Equal(got, old) {
		t.Errorf("the earlier file was lost: %d bytes, %v", len(got), err)
	}
	if got := names(t, r.Path("model")); got != "model.safetensors" {
		t.Errorf("left behind: %q", got)
	}

	// Lines of a size that does not divide the space left.
	rec := Record{Split: "train", Metrics: []Metric{{strings.Repeat("long name ", 100), 1}}}
	logged := 0
	for err = nil; err == nil && logged < 1000; logged++ {
		rec.Step = logged
		err = r.Log(rec)
	}
	if !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("error %v after %d lines", err, logged)
	}
	logged--
	b, err := os.ReadFile(r.Path(MetricsFile))
	if err != nil || b[len(b)-1] != '\n' {
		t.Errorf("metrics end in the middle of a line (%v)", err)
	}
	if recs, err := ReadMetrics(r.Path(MetricsFile)); err != nil || len(recs) != logged {
		t.Errorf("%d lines of %d readable, %v", len(recs), logged, err)
	}

	// A folder on the full disk is refused before any work.
	if err := os.WriteFile(filepath.Join(dir, "fill"), make([]byte, 1<<18), 0o666); err == nil {
		t.Fatal("the disk was not full")
	}
	if _, err := Create(filepath.Join(dir, "run2")); !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "run2") {
		t.Errorf("create on a full disk: error %v", err)
	}
}
