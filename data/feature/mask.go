package feature

import (
	"bytes"
	"errors"
	"fmt"
	stdimage "image"
	"image/color"
	"image/png"
	"strconv"
	"strings"
	"sync"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/image"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Mask is a target of one class for each pixel of an input of type image:
// int64 [Y X], for segmentation. Its column holds PNG files of one number a pixel,
// the index of a palette or a grey level of 8 bits, or arrays uint8 [Y X], each of
// the size of its image.
//
// A mask takes the way of its image: it is resized to the same size, by nearest,
// and augmented with the same draws where augmentation moves pixels. Where it is
// ignored, or comes from outside when it is padded, turned or moved, the target is
// -100, which losses leave out. A level of no class is an error.
type Mask struct {
	Column  string   `json:"column" yaml:"column"`   // of PNG files, or of arrays of bytes
	Input   string   `json:"input" yaml:"input"`     // name of the input of type image
	Classes []string `json:"classes" yaml:"classes"` // names, by their numbers; none takes 0, 1 and so on to the greatest of the training rows, whose files are decoded for it
	Levels  []int    `json:"levels" yaml:"levels"`   // of each class, 0 to 255; none is the class's number
	Ignore  *int     `json:"ignore" yaml:"ignore"`   // level of pixels that count nowhere; null for none
}

// DefaultMask ignores level 255.
func DefaultMask() Mask { return Mask{Ignore: new(255)} }

// Validate tells all that is wrong with the settings.
func (c Mask) Validate() error {
	errs := []error{validColumn(c.Column), validClasses(c.Classes, len(c.Classes) > 0)}
	if c.Input == "" {
		errs = append(errs, errors.New("input: the name of an input of type image is needed"))
	}
	if len(c.Classes) > image.Outside || len(c.Levels) > image.Outside {
		errs = append(errs, fmt.Errorf("classes and levels: at most %d", image.Outside))
	}
	if len(c.Classes) > 0 && len(c.Levels) > 0 && len(c.Classes) != len(c.Levels) {
		errs = append(errs, fmt.Errorf("levels: %d for %d classes", len(c.Levels), len(c.Classes)))
	}
	seen := map[int]bool{}
	for i, l := range c.Levels {
		if l < 0 || l > 255 {
			errs = append(errs, fmt.Errorf("levels.%d: %d is outside 0..255", i, l))
		}
		if seen[l] {
			errs = append(errs, fmt.Errorf("levels: %d is there twice", l))
		}
		seen[l] = true
	}
	if c.Ignore != nil {
		switch n := *c.Ignore; {
		case n < 0 || n > 255:
			errs = append(errs, fmt.Errorf("ignore: %d is outside 0..255", n))
		case seen[n] || len(c.Levels) == 0 && n < len(c.Classes):
			errs = append(errs, fmt.Errorf("ignore: %d is the level of a class; null ignores none", n))
		}
	}
	return errors.Join(errs...)
}

// Reads names the column.
func (c Mask) Reads() []string { return []string{c.Column} }

// Fitter begins to learn.
func (c Mask) Fitter(columns []source.Column) (Fitter, error) {
	if err := wantKind(columns[0], "masks, files or arrays", source.Array, source.Binary); err != nil {
		return nil, err
	}
	return &maskFitter{cfg: c}, nil
}

type maskFitter struct {
	cfg      Mask
	greatest int
}

// Enough is true where the number of classes is given.
func (f *maskFitter) Enough() bool { return len(f.cfg.Classes) > 0 || len(f.cfg.Levels) > 0 }

func (f *maskFitter) Add(values []any) error {
	if f.Enough() {
		return nil
	}
	pix, err := levels(values[0])
	if err != nil {
		return column(f.cfg.Column, err)
	}
	for _, l := range pix {
		if f.cfg.Ignore == nil || int(l) != *f.cfg.Ignore {
			f.greatest = max(f.greatest, int(l))
		}
	}
	return nil
}

// levels are the numbers of a mask.
func levels(v any) ([]uint8, error) {
	if file, ok := v.([]byte); ok {
		var im image.Image
		err := image.NewMaskDecoder().Decode(&im, file)
		return im.Pix, err
	}
	t, err := wantMask(v)
	if err != nil {
		return nil, err
	}
	return t.Bytes(), nil
}

func wantMask(v any) (*tensor.Tensor, error) {
	t, ok := v.(*tensor.Tensor)
	if !ok {
		return nil, fmt.Errorf("want a mask, got %s", kindOf(v))
	}
	if t.DType() != dtype.Uint8 || t.Shape().Rank() != 2 {
		return nil, fmt.Errorf("want a mask u8 [Y X], got %v", t)
	}
	return t, nil
}

// Encoder is never called: see follow.
func (f *maskFitter) Encoder() (Encoder, error) {
	return nil, errors.New("internal error: a mask follows an image")
}

// follow takes over what becomes of the image.
func (f *maskFitter) follow(inputs []Fitted) (Encoder, error) {
	var names []string
	for _, in := range inputs {
		names = append(names, in.Name)
		if in.Name != f.cfg.Input {
			continue
		}
		of, ok := in.Encoder.(*ImageEncoder)
		if !ok {
			return nil, fmt.Errorf("input %s is not of type image", in.Name)
		}
		e := &MaskEncoder{Column: f.cfg.Column, Input: f.cfg.Input, ImageColumn: of.Column, Image: of.Config,
			Classes: f.cfg.Classes, Levels: f.cfg.Levels, Ignore: f.cfg.Ignore}
		for i := len(e.Levels); len(f.cfg.Levels) == 0 && i < max(len(e.Classes), f.greatest+1); i++ {
			e.Levels = append(e.Levels, i)
		}
		for i := len(e.Classes); len(f.cfg.Classes) == 0 && i < len(e.Levels); i++ {
			e.Classes = append(e.Classes, strconv.Itoa(i))
		}
		return e, e.Validate()
	}
	return nil, fmt.Errorf("there is no input %q; there are %s", f.cfg.Input, strings.Join(names, ", "))
}

// A MaskEncoder is a Mask that was fitted.
type MaskEncoder struct {
	Column      string       `json:"column" yaml:"column"`
	Input       string       `json:"input" yaml:"input"`
	ImageColumn string       `json:"image_column" yaml:"image_column"`
	Image       image.Config `json:"image" yaml:"image"` // as of the input
	Classes     []string     `json:"classes" yaml:"classes"`
	Levels      []int        `json:"levels" yaml:"levels"`
	Ignore      *int         `json:"ignore" yaml:"ignore"`

	once   sync.Once
	reader *image.Reader
	err    error
	images sync.Pool // of *image.Image
}

// Validate tells what is wrong with an encoder that was read from a file.
func (e *MaskEncoder) Validate() error {
	errs := []error{validColumn(e.Column), validColumn(e.ImageColumn), validClasses(e.Classes, true)}
	if len(e.Classes) != len(e.Levels) {
		errs = append(errs, fmt.Errorf("levels: %d for %d classes", len(e.Levels), len(e.Classes)))
	}
	for _, l := range e.Levels {
		if l < 0 || l > 255 {
			errs = append(errs, fmt.Errorf("levels: %d is outside 0..255", l))
		}
	}
	if e.Ignore != nil && (*e.Ignore < 0 || *e.Ignore > 255) {
		errs = append(errs, fmt.Errorf("ignore: %d is outside 0..255", *e.Ignore))
	}
	if err := errors.Join(append(errs, e.Image.Validate())...); err != nil {
		return err
	}
	return e.build()
}

// build makes what encoding needs.
func (e *MaskEncoder) build() error {
	e.once.Do(func() {
		levels := make([]uint8, len(e.Levels))
		for i, l := range e.Levels {
			levels[i] = uint8(l)
		}
		var ignore *uint8
		if e.Ignore != nil {
			ignore = new(uint8(*e.Ignore))
		}
		e.reader, e.err = e.Image.BuildMask(levels, ignore)
		e.images.New = func() any { return new(image.Image) }
	})
	return e.err
}

// Reads names the columns of mask and image.
func (e *MaskEncoder) Reads() []string { return []string{e.Column, e.ImageColumn} }

// Item is int64 [Y X].
func (e *MaskEncoder) Item() (dtype.DType, shape.Shape) {
	return dtype.Int64, shape.Of(e.Image.Size[:]...)
}

// Augments is as of the image.
func (e *MaskEncoder) Augments() bool { return len(e.Image.Augment) > 0 }

// Encode decodes, resizes and augments.
func (e *MaskEncoder) Encode(dst *tensor.Tensor, values []any, d data.Draw) error {
	if err := e.encode(tensor.Data[int64](dst), values, d); err != nil {
		return column(e.Column, err)
	}
	return nil
}

func (e *MaskEncoder) encode(dst []int64, values []any, d data.Draw) error {
	if err := e.build(); err != nil {
		return err
	}
	if err := e.sameSize(values); err != nil {
		return err
	}
	im := e.images.Get().(*image.Image)
	defer e.images.Put(im)
	if file, ok := values[0].([]byte); ok {
		if err := e.reader.Image(im, file, d); err != nil {
			return err
		}
	} else {
		t, err := wantMask(values[0])
		if err != nil {
			return err
		}
		im.SetPlanes(t.Bytes(), 1, t.Shape().Dim(0), t.Shape().Dim(1))
		if err := e.reader.Augment(im, d); err != nil {
			return err
		}
	}
	for i, c := range im.Pix {
		if dst[i] = int64(c); c == image.Outside {
			dst[i] = Ignored
		}
	}
	return nil
}

// sameSize wants a mask of the size of its image, so that the same way leads both
// to the same place.
func (e *MaskEncoder) sameSize(values []any) error {
	var sizes [2][2]int // of mask and image: height, width
	for i, v := range values {
		switch v := v.(type) {
		case []byte:
			h, err := e.reader.Header(v)
			if err != nil {
				return err
			}
			sizes[i] = [2]int{h.Height, h.Width}
		case *tensor.Tensor:
			n := v.Shape().Rank()
			if n < 2 {
				return fmt.Errorf("want arrays of two axes at least, got %v", v)
			}
			sizes[i] = [2]int{v.Shape().Dim(n - 2), v.Shape().Dim(n - 1)}
		default:
			return fmt.Errorf("want a file or an array, got %s", kindOf(v))
		}
	}
	if sizes[0] != sizes[1] {
		return fmt.Errorf("the mask has %d rows of %d pixels, its image %d of %d", sizes[0][0], sizes[0][1], sizes[1][0], sizes[1][1])
	}
	return nil
}

// Check tells whether a file is a mask of the right size, with levels of classes
// alone: it decodes it.
func (e *MaskEncoder) Check(values []any) error {
	return e.Encode(tensor.New(e.Item()), values, data.Draw{})
}

// Outputs is the number of classes.
func (e *MaskEncoder) Outputs() int { return len(e.Classes) }

// A MaskResult is what a model says of one image.
type MaskResult struct {
	Shares map[string]float64 `json:"shares"` // of the pixels, by class
	Mask   []byte             `json:"mask"`   // a PNG file of the image's size in the model, whose palette has the number of the most probable class
}

// Decode takes the scores (logits) [C Y X] of the classes and gives a MaskResult.
func (e *MaskEncoder) Decode(output *tensor.Tensor) (any, error) {
	height, width := e.Image.Size[0], e.Image.Size[1]
	if want := shape.Of(len(e.Classes), height, width); output.Shape() != want {
		return nil, fmt.Errorf("the model gives %v, want %v", output, want)
	}
	if err := wantOutput(output, output.Size()); err != nil {
		return nil, err
	}
	n := height * width
	picture := stdimage.NewPaletted(stdimage.Rect(0, 0, width, height), palette(len(e.Classes)))
	counts := make([]int, len(e.Classes))
	for i := range n {
		best := 0
		for c := range e.Classes {
			if output.Float(c*n+i) > output.Float(best*n+i) {
				best = c
			}
		}
		picture.Pix[i] = uint8(best)
		counts[best]++
	}
	r := MaskResult{Shares: make(map[string]float64, len(e.Classes))}
	for c, name := range e.Classes {
		r.Shares[name] = float64(counts[c]) / float64(n)
	}
	var file bytes.Buffer
	if err := png.Encode(&file, picture); err != nil {
		return nil, err
	}
	r.Mask = file.Bytes()
	return r, nil
}

// palette is the one of Pascal VOC: the bits of a number, three by three, go to
// the highest bits of red, green and blue, so that 0 is black and neighbours differ.
func palette(n int) color.Palette {
	p := make(color.Palette, n)
	for i := range p {
		var c [3]uint8
		for k, rest := 7, i; rest > 0; k, rest = k-1, rest>>3 {
			for j := range c {
				c[j] |= uint8(rest>>j&1) << k
			}
		}
		p[i] = color.RGBA{c[0], c[1], c[2], 255}
	}
	return p
}
