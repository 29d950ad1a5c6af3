package train_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gradus-ml/gradus/checkpoint"
	"github.com/gradus-ml/gradus/runlog"
	"github.com/gradus-ml/gradus/train"
)

// A disk that fills up in a run ends it with a word on what to do; once there is
// room, the run goes on from its last good checkpoint to the bytes of one that
// always had room.
func TestFullDisk(t *testing.T) {
	root := t.TempDir()
	if err := syscall.Mount("tmpfs", root, "tmpfs", 0, "size=256k"); err != nil {
		t.Skipf("no small file system can be mounted: %v", err)
	}
	defer syscall.Unmount(root, syscall.MNT_DETACH)
	cfg := checkpoint.DefaultConfig()
	cfg.EverySteps, cfg.EveryEpochs, cfg.KeepLast = new(3), nil, 2
	newRun := func() *train.Trainer {
		tr := newTrainer(t, 4, 2)
		everything(tr)
		return tr
	}
	whole := newRun()
	dir := start(t, whole, cfg)
	if _, err := whole.Fit(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := files(t, dir)

	run, err := runlog.Create(filepath.Join(root, "run"))
	if err != nil {
		t.Fatal(err)
	}
	tr := newRun()
	record(t, tr, run.Dir(), run, cfg)
	filler := filepath.Join(root, "filler")
	steps := 0
	tr.Callbacks = append(tr.Callbacks, func(e train.Event) error {
		if e, ok := e.(*train.Stepped); ok {
			if steps = e.Step; steps == 8 { // one checkpoint is there, and perhaps another
				if err := os.WriteFile(filler, bytes.Repeat([]byte{1}, 1<<20), 0o666); !errors.Is(err, syscall.ENOSPC) {
					t.Errorf("the disk is not full: %v", err)
				}
			}
		}
		return nil
	})
	_, err = tr.Fit(t.Context())
	if err == nil || !errors.Is(err, syscall.ENOSPC) || !strings.Contains(err.Error(), "make room, then go on with: gradus train --resume "+run.Dir()) {
		t.Fatalf("error %v after %d steps", err, steps)
	}
	run.Close()
	c, damaged, err2 := checkpoint.Latest(filepath.Join(run.Dir(), train.CheckpointsDir))
	if err2 != nil || damaged != nil || c.Step != 3 && c.Step != 6 || !strings.Contains(err.Error(), fmt.Sprintf("the last good one is %s; ", filepath.Join(run.Dir(), train.CheckpointsDir, fmt.Sprintf("step-%09d.safetensors", c.Step)))) {
		t.Fatalf("%v; damaged %v, %v", err, damaged, err2)
	}
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	if _, err := resume(t, t.Context(), newRun(), run.Dir(), cfg); err != nil {
		t.Fatal(err)
	}
	same(t, "after the disk was full", files(t, run.Dir()), want)
}
