package image

import (
	"bytes"
	"image/png"
	"strings"
	"testing"
)

// A picture of 4 x 2 pixels is enlarged 28 times, and each pixel stands where it
// belongs; the label leaves ink below it.
func TestGrid(t *testing.T) {
	small := New(4, 2, 3)
	copy(small.Pix, []uint8{255, 0, 0})
	wide := New(600, 300, 1)
	file, err := Grid([]*Image{small, wide, small}, 2, []string{"cat", strings.Repeat("a long name ", 20), ""})
	if err != nil {
		t.Fatal(err)
	}
	m, err := png.Decode(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	// Cells of 256 x 128 and labels of 22, two columns, two rows.
	if got := m.Bounds().Size(); got.X != 2*16+2*256+12 || got.Y != 2*16+2*(128+22)+12 {
		t.Errorf("the grid is %v", got)
	}
	at := func(x, y int) [3]uint32 {
		r, g, b, _ := m.At(x, y).RGBA()
		return [3]uint32{r >> 8, g >> 8, b >> 8}
	}
	left, top := 16+(256-112)/2, 16+(128-56)/2
	for _, c := range []struct {
		x, y int
		want [3]uint32
	}{
		{left, top, [3]uint32{255, 0, 0}}, {left + 27, top + 27, [3]uint32{255, 0, 0}}, {left + 28, top, [3]uint32{}}, {left, top + 28, [3]uint32{}},
		{left - 1, top, [3]uint32{0xd1, 0xd5, 0xdb}}, {left - 2, top, [3]uint32{255, 255, 255}},
	} {
		if got := at(c.x, c.y); got != c.want {
			t.Errorf("pixel %d, %d is %v, want %v", c.x, c.y, got, c.want)
		}
	}
	ink := func(x0, x1 int) (n int) {
		for y := 16 + 128 + 1; y < 16+150; y++ {
			for x := x0; x < x1; x++ {
				if at(x, y) != [3]uint32{255, 255, 255} {
					n++
				}
			}
		}
		return n
	}
	if ink(16, 16+256) < 20 || ink(16+256+12, 16+512+12) < 100 {
		t.Error("labels are missing")
	}
	if n := ink(0, 16) + ink(16+256, 16+256+12) + ink(16+512+12, m.Bounds().Dx()); n > 0 {
		t.Errorf("labels reach out of their cells by %d pixels", n)
	}
}

func TestGridMistakes(t *testing.T) {
	one := New(2, 2, 3)
	for want, f := range map[string]func() ([]byte, error){
		"0 images":     func() ([]byte, error) { return Grid(nil, 3, nil) },
		"0 columns":    func() ([]byte, error) { return Grid([]*Image{one}, 0, nil) },
		"2 labels":     func() ([]byte, error) { return Grid([]*Image{one}, 1, []string{"a", "b"}) },
		"0 x 0 pixels": func() ([]byte, error) { return Grid([]*Image{{}}, 1, nil) },
	} {
		if _, err := f(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
}
