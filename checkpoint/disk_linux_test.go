package checkpoint

import (
	"errors"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/format/safetensors"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// mount makes a small file system, and remounts it with other options.
func mount(t *testing.T, dir, options string, flags uintptr) {
	t.Helper()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", flags, options); err != nil {
		t.Skipf("no small file system can be mounted: %v", err)
	}
}

// A disk that fills up and one that turns read-only keep the last good one, and
// the error names it.
func TestDisk(t *testing.T) {
	root := t.TempDir()
	mount(t, root, "size=256k", 0)
	defer syscall.Unmount(root, syscall.MNT_DETACH)
	dir := filepath.Join(root, "checkpoints")
	d, err := Open(dir, DefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	save(t, d, 1, nil)
	large := []safetensors.Named{{Name: "w", Tensor: tensor.New(dtype.Float32, shape.Of(1<<17))}}
	for _, c := range []struct {
		what  string
		cause error
	}{{"full", syscall.ENOSPC}, {"read-only", syscall.EROFS}} {
		if c.what == "read-only" {
			mount(t, root, "size=256k", syscall.MS_REMOUNT|syscall.MS_RDONLY)
		}
		if err := d.Save(Checkpoint{Step: 2, Values: large}); err != nil {
			t.Fatal(err)
		}
		err := d.Wait()
		if !errors.Is(err, c.cause) || !strings.Contains(err.Error(), name(1)) || !strings.Contains(err.Error(), "step 2") {
			t.Errorf("%s disk: error %v", c.what, err)
		}
		got, damaged, err := Latest(dir)
		if err != nil || damaged != nil || got.Step != 1 {
			t.Errorf("%s disk: %+v, %v, %v", c.what, got, damaged, err)
		}
	}
}
