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
