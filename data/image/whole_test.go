package image

import (
	"bytes"
	"testing"
)

// Check takes every file that Decode takes, and finds each that is cut off, as
// far as Decode does.
func TestCheck(t *testing.T) {
	g := openGolden(t, "testdata/decode.safetensors")
	d := NewDecoder(RGB)
	for _, name := range []string{"jpeg_16x8_420", "jpeg_16x8_420_progressive", "jpeg_restarts", "png_rgb", "gif", "webp", "webp_lossless", "webp_alpha"} {
		file := g.tensor(name + "/file").Bytes()
		for _, after := range []string{"", "\n", string(make([]byte, 200))} {
			if err := d.Check(append(bytes.Clone(file), after...)); err != nil {
				t.Errorf("%s and %d bytes more: %v", name, len(after), err)
			}
		}
		found := 0
		step := max(1, len(file)/100)
		for n := 0; n < len(file); n += step {
			checked, decoded := d.Check(file[:n]), d.Decode(new(Image), file[:n])
			if (checked == nil) != (decoded == nil) {
				t.Errorf("%s cut off after %d of %d bytes: Check says %v, Decode %v", name, n, len(file), checked, decoded)
			}
			if checked != nil {
				found++
			}
		}
		if found == 0 {
			t.Errorf("%s: nothing was found", name)
		}
	}
	flipped := bytes.Clone(g.tensor("png_rgb/file").Bytes())
	flipped[len(flipped)/2] ^= 1
	if d.Check(flipped) == nil {
		t.Error("a changed bit of a PNG was not found")
	}
}
