package recipe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data/file"
)

// Images of validation and test that have another size than those of training
// are refused, unless there is a size that all are brought to.
func TestImageSizesOfSplits(t *testing.T) {
	dir := t.TempDir()
	write := func(name string, side byte) {
		const n = 4
		images := append([]byte{0, 0, 8, 3, 0, 0, 0, n, 0, 0, 0, side, 0, 0, 0, side}, make([]byte, n*int(side)*int(side))...)
		labels := []byte{0, 0, 8, 1, 0, 0, 0, n, 0, 1, 0, 1}
		for kind, content := range map[string][]byte{"images": images, "labels": labels} {
			if err := os.WriteFile(filepath.Join(dir, name+"."+kind), content, 0o666); err != nil {
				t.Fatal(err)
			}
		}
	}
	write("small", 4)
	write("large", 6)
	files, err := file.New()
	if err != nil {
		t.Fatal(err)
	}
	open := func(set ...string) error {
		r, err := Parse([]byte(strings.ReplaceAll(`
data:
  train: {type: idx, images: DIR/small.images, labels: DIR/small.labels}
  test: {source: {type: idx, images: DIR/large.images, labels: DIR/large.labels}}
  inputs: [{name: image, type: image, column: image}]
  targets: [{name: label, type: class, column: label}]
model: {type: layers, layers: [flatten, linear]}
loss: cross_entropy
optimizer: {type: sgd, lr: 0.1}
strategy: {epochs: 1}
`, "DIR", filepath.ToSlash(dir))), "test.yaml", set...)
		if err != nil {
			t.Fatal(err)
		}
		x, err := r.Open(t.Context(), files)
		if err == nil {
			err = x.Close()
		}
		return err
	}
	if err := open(); err == nil || !strings.Contains(err.Error(), "data.test: ") || !strings.Contains(err.Error(), "those of data.train have 4 rows of 4 pixels; images of several sizes need a size: [height, width]") {
		t.Error(err)
	}
	if err := open("data.inputs.0.size=[4, 4]"); err != nil {
		t.Error(err)
	}
	if err := open("data.test.source.images="+filepath.ToSlash(dir)+"/small.images", "data.test.source.labels="+filepath.ToSlash(dir)+"/small.labels"); err != nil {
		t.Error(err)
	}
}
