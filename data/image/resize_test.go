package image

import (
	"fmt"
	"testing"
)

// The results are Pillow's, bit by bit.
func TestResizeIsPillows(t *testing.T) {
	g := openGolden(t, "testdata/resize.safetensors")
	for name, a := range g.cases {
		im := New(1, 1, 1)
		im.Copy(g.image(fmt.Sprintf("in%d", a.Channels)))
		im.Resize(a.Width, a.Height, a.Filter)
		compare(t, name, im, g.image(name+"/out"), 0)
	}
}

func TestResizeAllocatesNothing(t *testing.T) {
	from := New(300, 200, 3)
	var im Image
	if n := testing.AllocsPerRun(10, func() {
		im.Copy(from)
		im.Resize(100, 80, Bicubic)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A part is what Crop leaves of the whole.
func TestResizePart(t *testing.T) {
	g := openGolden(t, "testdata/resize.safetensors")
	for _, channels := range []int{1, 3, 4} {
		from := g.image(fmt.Sprintf("in%d", channels))
		for _, f := range filters {
			for _, size := range [][2]int{{20, 20}, {47, 12}, {90, 31}, {60, 70}, {47, 31}} {
				for _, part := range []Rect{{0, 0, 1, 1}, {3, 2, 9, 7}, {size[0] - 5, size[1] - 6, 5, 6}, {0, 5, size[0], 1}} {
					want, got := New(1, 1, 1), New(1, 1, 1)
					want.Copy(from)
					want.Resize(size[0], size[1], f)
					want.Crop(part)
					got.Copy(from)
					got.ResizePart(size[0], size[1], f, part)
					name := fmt.Sprintf("%d channels, %s, %v, %v", channels, f, size, part)
					compare(t, name, got, want, 0)

					// All that it needs are the pixels that source tells.
					some := New(1, 1, 1)
					some.Copy(from)
					need := some.source(from.Width, from.Height, size[0], size[1], f, part)
					some.Crop(need)
					some.resize(from.Width, from.Height, need.X, need.Y, size[0], size[1], f, part)
					compare(t, name+" of its source", some, want, 0)
				}
			}
		}
	}
}
