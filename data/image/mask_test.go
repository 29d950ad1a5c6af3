package image

import (
	"bytes"
	"image"
	"image/color"
	"image/png"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/rng"
)

// pngOf is a file of an image of the standard library.
func pngOf(t *testing.T, im image.Image) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := png.Encode(&b, im); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// blocks are a mask of three classes in large pieces, and an image whose levels
// tell the class.
func blocks(t *testing.T, width, height int) (photo, mask []byte) {
	grey := image.NewGray(image.Rect(0, 0, width, height))
	paletted := image.NewPaletted(grey.Rect, color.Palette{color.Black, color.White, color.Black, color.White})
	for y := range height {
		for x := range width {
			class := (x/13 + y/11) % 3
			grey.SetGray(x, y, color.Gray{uint8(60 + 70*class)})
			paletted.SetColorIndex(x, y, uint8(class))
		}
	}
	return pngOf(t, grey), pngOf(t, paletted)
}

// A mask goes where its image goes: away from the edges of classes, an image whose
// levels are those of the classes and its mask tell the same, whatever moves them.
func TestMaskFollows(t *testing.T) {
	photo, mask := blocks(t, 61, 47)
	elastic := DefaultElastic()
	elastic.Alpha = 20
	for _, list := range [][]Augmentation{
		nil, {DefaultFlip()}, {DefaultCrop()}, {DefaultResizedCrop()}, {DefaultRotate()}, {DefaultAffine()}, {DefaultPerspective()},
		{elastic}, {DefaultRandAugment()}, {DefaultResizedCrop(), DefaultFlip(), DefaultBlur(), DefaultRotate(), DefaultFlip()},
	} {
		for _, fit := range fits {
			c := DefaultConfig()
			c.Mode, c.Size, c.Fit, c.Augment = Grey, [2]int{40, 40}, fit, list
			images, err := c.Build()
			if err != nil {
				t.Fatal(err)
			}
			masks, err := c.BuildMask([]uint8{0, 1, 2}, nil)
			if err != nil {
				t.Fatal(err)
			}
			var im, m Image
			seen, agree := 0, 0
			for item := range 20 {
				d := data.Draw{Training: true, Seed: 7, Item: item}
				if err := images.Image(&im, photo, d); err != nil {
					t.Fatal(err)
				}
				if err := masks.Image(&m, mask, d); err != nil {
					t.Fatal(err)
				}
				for y := 3; y < 37; y++ {
					for x := 3; x < 37; x++ {
						class := m.Pix[40*y+x]
						if class == Outside || !even(&m, x, y) {
							continue
						}
						seen++
						if level := int(im.Pix[40*y+x]); level >= 57+70*int(class) && level <= 63+70*int(class) {
							agree++
						}
					}
				}
			}
			// RandAugment changes levels too.
			least := 0.995
			if len(list) == 1 && list[0].Name() == "rand_augment" {
				least = 0.3
			}
			if seen < 200 || float64(agree) < least*float64(seen) {
				t.Errorf("%v, %s: %d of %d pixels agree", list, fit, agree, seen)
			}
		}
	}
}

// even tells whether all pixels around one have its class.
func even(m *Image, x, y int) bool {
	for v := y - 3; v <= y+3; v++ {
		for u := x - 3; u <= x+3; u++ {
			if m.Pix[m.Width*v+u] != m.Pix[m.Width*y+x] {
				return false
			}
		}
	}
	return true
}

// Every augmentation knows what to do with masks: with equal draws it moves them
// as an image whose pixels are not mixed, or leaves them.
func TestForMask(t *testing.T) {
	moving := map[string]bool{}
	for _, k := range Kinds() {
		a := k.Default.(Augmentation)
		moved, err := ForMask(a)
		if a.Name() == "aug_mix" {
			if err == nil || !strings.Contains(err.Error(), "aug_mix mixes images") {
				t.Errorf("aug_mix: error %v", err)
			}
			continue
		}
		if err != nil {
			t.Errorf("%s: %v", k.Name, err)
		}
		if moved == nil {
			continue
		}
		moving[k.Name] = true
		if moved.Name() != a.Name() {
			t.Errorf("%s of masks draws as %s", k.Name, moved.Name())
		}
		for step := range uint64(20) {
			im := New(31, 23, 1)
			for i := range im.Pix {
				im.Pix[i] = uint8(i % 3)
			}
			moved.Apply(im, rng.NewStream(1, "test", step))
			for _, class := range im.Pix {
				if class > 2 && class != Outside {
					t.Fatalf("%s makes class %d of 0, 1 and 2", k.Name, class)
				}
			}
		}
	}
	for _, name := range []string{"flip", "crop", "resized_crop", "rotate", "affine", "perspective", "elastic", "rand_augment"} {
		if !moving[name] {
			t.Errorf("%s does not move masks", name)
		}
	}
	if len(moving) != 8 {
		t.Errorf("%v move masks", moving)
	}
}

func TestMaskLevels(t *testing.T) {
	grey := image.NewGray(image.Rect(0, 0, 2, 2))
	copy(grey.Pix, []uint8{0, 200, 7, 200})
	c := DefaultConfig()
	c.Size = [2]int{2, 2}
	m, err := c.BuildMask([]uint8{200, 0}, new(uint8(7)))
	if err != nil {
		t.Fatal(err)
	}
	var im Image
	if err := m.Image(&im, pngOf(t, grey), data.Draw{}); err != nil || !bytes.Equal(im.Pix, []uint8{1, 0, Outside, 0}) {
		t.Errorf("classes %v, %v", im.Pix, err)
	}
	im.SetPlanes([]uint8{0, 200, 7, 200}, 1, 2, 2)
	if err := m.Augment(&im, data.Draw{}); err != nil || !bytes.Equal(im.Pix, []uint8{1, 0, Outside, 0}) {
		t.Errorf("classes of an array %v, %v", im.Pix, err)
	}
	grey.Pix[2] = 9
	rgb := image.NewRGBA(grey.Rect)
	for _, tc := range []struct {
		file []byte
		want string
	}{
		{pngOf(t, grey), "mask: level 9 at column 0 of row 1 is no class"},
		{pngOf(t, rgb), "mask: want a palette or grey levels of 8 bits, got a PNG of *image."},
		{[]byte("GIF89a\x02\x00\x02\x00\x00\x00\x00"), "mask: want a PNG file, which keeps every number, got gif"},
	} {
		if err := m.Image(&im, tc.file, data.Draw{}); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
	}
	for _, tc := range []struct {
		levels []uint8
		ignore *uint8
		want   string
	}{
		{nil, nil, "mask: 0 classes, want 1 to 255"},
		{[]uint8{1, 2, 1}, nil, "mask: level 1 is of class 0 and of class 2"},
		{[]uint8{1, 2}, new(uint8(2)), "mask: level 2 is ignored, and of class 1"},
	} {
		if _, err := c.BuildMask(tc.levels, tc.ignore); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
	}
}
