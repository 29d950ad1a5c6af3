package feature_test

import (
	"bytes"
	stdimage "image"
	"image/color"
	"image/png"
	"slices"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/feature"
	im "github.com/gradus-ml/gradus/data/image"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/tensor"
)

// greys is a PNG file of grey levels.
func greys(t *testing.T, width int, levels ...uint8) []byte {
	t.Helper()
	picture := stdimage.NewGray(stdimage.Rect(0, 0, width, len(levels)/width))
	copy(picture.Pix, levels)
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		t.Fatal(err)
	}
	return file.Bytes()
}

// masksOf fits images with masks, and reads the set again.
func masksOf(t *testing.T, table source.Table, change func(*feature.Image, *feature.Mask)) (*feature.Set, error) {
	t.Helper()
	images, masks := feature.DefaultImage(), feature.DefaultMask()
	images.Column, images.Mode, images.Size = "image", new(im.Grey), &[2]int{2, 3}
	masks.Column, masks.Input = "mask", "photo"
	change(&images, &masks)
	set, err := feature.Fit(ctx, []feature.Named{{Name: "photo", Config: images}}, []feature.Named{{Name: "what", Config: masks}}, nil, table)
	if err != nil {
		return nil, err
	}
	file, err := set.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	return feature.Parse(file, "preprocess.json")
}

func TestMask(t *testing.T) {
	photo := greys(t, 3, 10, 20, 30, 40, 50, 60)
	mask := greys(t, 3, 0, 2, 255, 1, 0, 0)
	files := rows(t, "image:binary mask:binary", []any{photo, mask})
	arrays := rows(t, "image:array mask:array", []any{tensor.Must(tensor.Of([]uint8{10, 20, 30, 40, 50, 60}, 1, 2, 3)), tensor.Must(tensor.Of([]uint8{0, 2, 255, 1, 0, 0}, 2, 3))})
	for _, tc := range []struct {
		name    string
		table   source.Table
		change  func(*feature.Image, *feature.Mask)
		classes string
		want    []int64
	}{
		{"learnt", files, func(*feature.Image, *feature.Mask) {}, "0 1 2", []int64{0, 2, -100, 1, 0, 0}},
		{"arrays", arrays, func(*feature.Image, *feature.Mask) {}, "0 1 2", []int64{0, 2, -100, 1, 0, 0}},
		{"named", files, func(_ *feature.Image, c *feature.Mask) { c.Classes = []string{"sky", "sea", "land", "ship"} }, "sky sea land ship", []int64{0, 2, -100, 1, 0, 0}},
		{"levels", files, func(_ *feature.Image, c *feature.Mask) { c.Levels, c.Ignore = []int{1, 0, 255}, new(2) }, "0 1 2", []int64{1, -100, 2, 0, 1, 1}},
		{"resized", files, func(c *feature.Image, _ *feature.Mask) { c.Size, c.Fit = &[2]int{4, 6}, im.Stretch }, "0 1 2",
			[]int64{0, 0, 2, 2, -100, -100, 0, 0, 2, 2, -100, -100, 1, 1, 0, 0, 0, 0, 1, 1, 0, 0, 0, 0}},
		{"padded", files, func(c *feature.Image, _ *feature.Mask) { c.Size, c.Fit = &[2]int{3, 3}, im.Contain }, "0 1 2",
			[]int64{0, 2, -100, 1, 0, 0, -100, -100, -100}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			set, err := masksOf(t, tc.table, tc.change)
			if err != nil {
				t.Fatal(err)
			}
			e := set.Targets[0].Encoder.(*feature.MaskEncoder)
			if got := strings.Join(e.Classes, " "); got != tc.classes || e.Outputs() != len(e.Classes) || e.Augments() {
				t.Errorf("classes %s, %d outputs", got, e.Outputs())
			}
			ds, err := set.Dataset(tc.table, 1, true)
			if err != nil {
				t.Fatal(err)
			}
			if err := ds.Check(ctx); err != nil {
				t.Error(err)
			}
			item, err := ds.Item(0)
			if err != nil {
				t.Fatal(err)
			}
			if got := tensor.Data[int64](item[1]); !slices.Equal(got, tc.want) {
				t.Errorf("target %v, want %v", got, tc.want)
			}
		})
	}
}

// In every epoch a mask is turned as its image is.
func TestMaskOfAugmented(t *testing.T) {
	photo, mask := greys(t, 3, 1, 2, 0, 2, 0, 1), greys(t, 3, 1, 2, 0, 2, 0, 1)
	table := rows(t, "image:binary mask:binary", []any{photo, mask}, []any{photo, mask})
	set, err := masksOf(t, table, func(c *feature.Image, _ *feature.Mask) {
		c.Std = []float64{1. / 255}
		c.Augment = []im.Augmentation{im.Flip{Horizontal: 0.5, Vertical: 0.5}, im.DefaultGrayscale(), im.Flip{Horizontal: 0.5}}
	})
	if err != nil {
		t.Fatal(err)
	}
	ds, err := set.Dataset(table, 3, true)
	if err != nil {
		t.Fatal(err)
	}
	if !ds.Augments() {
		t.Error("nothing is augmented")
	}
	ways := map[string]bool{}
	for epoch := range 20 {
		for i := range 2 {
			item, err := ds.ItemAt(i, epoch)
			if err != nil {
				t.Fatal(err)
			}
			for k, class := range tensor.Data[int64](item[1]) {
				if got := item[0].Float(k); int64(got+0.5) != class {
					t.Fatalf("image %v, mask %v", item[0].F32(), tensor.Data[int64](item[1]))
				}
			}
			ways[string(item[1].Bytes())] = true
		}
	}
	if len(ways) != 4 {
		t.Errorf("%d ways, want 4", len(ways))
	}
}

func TestMaskMistakes(t *testing.T) {
	photo := greys(t, 3, 10, 20, 30, 40, 50, 60)
	table := func(mask any) source.Table { return rows(t, "image:binary mask:binary", []any{photo, mask}) }
	good := greys(t, 3, 0, 1, 0, 1, 0, 0)
	for _, tc := range []struct {
		table  source.Table
		change func(*feature.Image, *feature.Mask)
		want   string
	}{
		{table(good), func(_ *feature.Image, c *feature.Mask) { c.Input = "picture" }, `target what: there is no input "picture"; there are photo`},
		{table(good), func(_ *feature.Image, c *feature.Mask) { c.Input = "" }, "target what: input: the name of an input of type image is needed"},
		{table(good), func(_ *feature.Image, c *feature.Mask) { c.Classes = []string{"a"} }, "classes: 1 are too few"},
		{table(good), func(_ *feature.Image, c *feature.Mask) { c.Levels = []int{0, 0, 300} }, "levels: 0 is there twice\nlevels.2: 300 is outside 0..255"},
		{table(good), func(_ *feature.Image, c *feature.Mask) { c.Levels = []int{0, 255} }, "ignore: 255 is the level of a class; null ignores none"},
		{table(good), func(c *feature.Image, _ *feature.Mask) { c.Augment = []im.Augmentation{im.DefaultAugMix()} }, "target what: image: aug_mix mixes images"},
		{table(greys(t, 3, 0, 0, 0, 0, 0, 0)), func(*feature.Image, *feature.Mask) {}, "target what: classes: 1 are too few"},
		{table(photo[:20]), func(*feature.Image, *feature.Mask) {}, "column mask: image: "},
	} {
		if _, err := masksOf(t, tc.table, tc.change); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
	}
	for _, tc := range []struct {
		mask any
		want string
	}{
		{greys(t, 3, 0, 1, 0, 7, 0, 0), "column mask: image: mask: level 7 at column 0 of row 1 is no class"},
		{greys(t, 2, 0, 1, 0, 1, 0, 0), "column mask: the mask has 3 rows of 2 pixels, its image 2 of 3"},
		{nil, "column mask: want a file or an array, got no value"},
	} {
		set, err := masksOf(t, table(good), func(_ *feature.Image, c *feature.Mask) { c.Classes = []string{"no", "yes"} })
		if err != nil {
			t.Fatal(err)
		}
		ds, err := set.Dataset(table(tc.mask), 1, true)
		if err != nil {
			t.Fatal(err)
		}
		if err := ds.Check(ctx); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
	}
}

// A result has the shares of the classes, and a picture of them.
func TestMaskResult(t *testing.T) {
	photo, mask := greys(t, 3, 10, 20, 30, 40, 50, 60), greys(t, 3, 0, 1, 0, 1, 0, 0)
	set, err := masksOf(t, rows(t, "image:binary mask:binary", []any{photo, mask}), func(_ *feature.Image, c *feature.Mask) { c.Classes = []string{"no", "yes"} })
	if err != nil {
		t.Fatal(err)
	}
	e := set.Targets[0].Encoder.(*feature.MaskEncoder)
	logits := tensor.Must(tensor.Of([]float32{1, 0, 3, 0, 0, 0, 0, 1, 2, 1, 1, -1}, 2, 2, 3))
	out, err := e.Decode(logits)
	if err != nil {
		t.Fatal(err)
	}
	r := out.(feature.MaskResult)
	if r.Shares["no"] != 0.5 || r.Shares["yes"] != 0.5 {
		t.Errorf("shares %v", r.Shares)
	}
	picture, err := png.Decode(bytes.NewReader(r.Mask))
	if err != nil {
		t.Fatal(err)
	}
	p := picture.(*stdimage.Paletted)
	if got := []uint8{p.ColorIndexAt(0, 0), p.ColorIndexAt(1, 0), p.ColorIndexAt(2, 0), p.ColorIndexAt(0, 1), p.ColorIndexAt(1, 1), p.ColorIndexAt(2, 1)}; !slices.Equal(got, []uint8{0, 1, 0, 1, 1, 0}) {
		t.Errorf("classes %v", got)
	}
	if p.Palette[0] != (color.RGBA{0, 0, 0, 255}) || p.Palette[1] != (color.RGBA{128, 0, 0, 255}) {
		t.Errorf("palette %v", p.Palette)
	}
	if _, err := e.Decode(tensor.Must(tensor.Of([]float32{1, 2}, 2))); err == nil {
		t.Error("two numbers are a mask")
	}
	var reader data.Draw
	if err := e.Encode(tensor.New(e.Item()), []any{r.Mask, photo}, reader); err != nil {
		t.Errorf("the picture is no mask: %v", err)
	}
}
