package recipe

import (
	"image"
	"image/color"
	"image/png"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data/file"
	"github.com/gradus-ml/gradus/rng"
)

const segment = `
format: 1
name: squares
data:
  train: {type: images, path: DIR/photos, masks: DIR/masks}
  validation: {share: 0.25}
  inputs:
    - {name: photo, type: image, column: image, mode: grey, size: [16, 16], augment: [flip, {type: crop, padding: 2}]}
  targets:
    - {name: what, type: mask, column: mask, input: photo, classes: [ground, square]}
  batch: 8
model: {type: unet, widths: [4, 8]}
loss: cross_entropy
optimizer: {type: adamw, lr: 0.02}
strategy: {epochs: 8}
evaluate: {metrics: [accuracy]}
machine: {threads: 2, isa: generic}
`

// A recipe trains a model that tells which pixels belong to squares, from images
// and their masks.
func TestSegmentation(t *testing.T) {
	dir := t.TempDir()
	s := rng.NewStream(1, "test", 0)
	for i := range 64 {
		photo := image.NewGray(image.Rect(0, 0, 16, 16))
		mask := image.NewPaletted(photo.Rect, color.Palette{color.Black, color.White})
		x0, y0 := s.IntN(10), s.IntN(10)
		for y := range 16 {
			for x := range 16 {
				level := 40 + s.IntN(60)
				if x >= x0 && x < x0+6 && y >= y0 && y < y0+6 {
					level += 100
					mask.SetColorIndex(x, y, 1)
				}
				photo.SetGray(x, y, color.Gray{uint8(level)})
			}
		}
		write(t, filepath.Join(dir, "photos", strconv.Itoa(i)+".png"), photo)
		write(t, filepath.Join(dir, "masks", strconv.Itoa(i)+".png"), mask)
	}
	r, err := Parse([]byte(strings.ReplaceAll(segment, "DIR", dir)), "squares.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files, err := file.New()
	if err != nil {
		t.Fatal(err)
	}
	defer files.Close()
	x, err := r.Open(t.Context(), files)
	if err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	result, err := x.Trainer.Fit(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	// 0.86 of the pixels are ground.
	if got := result.Validation.Value("accuracy"); !(got > 0.97) {
		t.Errorf("accuracy %v", got)
	}
}

func write(t *testing.T, path string, im image.Image) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := png.Encode(f, im); err != nil {
		t.Fatal(err)
	}
}
