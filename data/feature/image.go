package feature

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"slices"
	"sync"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/image"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Image is a feature of images: float32 [C Y X], from files (PNG, JPEG, WebP,
// GIF) or from arrays uint8 [C Y X] or [Y X], by the steps of image.Config.
type Image struct {
	Column     string               `json:"column" yaml:"column"`         // of files, or of arrays of bytes
	Mode       *image.Mode          `json:"mode" yaml:"mode"`             // null is rgb for files; arrays are what they are
	Size       *[2]int              `json:"size" yaml:"size"`             // height and width; null keeps that of arrays, which must be one
	Fit        image.Fit            `json:"fit" yaml:"fit"`               // how images of another size are brought to it
	Zoom       float64              `json:"zoom" yaml:"zoom"`             // of cover: the size to be covered, in units of size
	Filter     image.Filter         `json:"filter" yaml:"filter"`         // of resizing
	Background *[3]uint8            `json:"background" yaml:"background"` // seen through what is transparent; null leaves alpha out
	Augment    []image.Augmentation `json:"augment" yaml:"augment"`       // of examples of training, in this order
	Mean       []float64            `json:"mean" yaml:"mean"`             // of values in 0..1, one or one a channel
	Std        []float64            `json:"std" yaml:"std"`               // as mean
	Learn      bool                 `json:"learn" yaml:"learn"`           // mean and std of each channel, from all training images at their size; files are decoded for it
	MaxPixels  int                  `json:"max_pixels" yaml:"max_pixels"` // of a file; more is an error
}

// DefaultImage brings levels to 0..1, and files to size by their middle.
func DefaultImage() Image {
	c := image.DefaultConfig()
	return Image{Fit: c.Fit, Zoom: c.Zoom, Filter: c.Filter, Mean: c.Mean, Std: c.Std, MaxPixels: c.MaxPixels}
}

// Validate tells all that is wrong with the settings.
func (c Image) Validate() error {
	// What is left open does not matter yet; one mean may serve any mode.
	mode := image.RGB
	switch {
	case c.Mode != nil:
		mode = *c.Mode
	case len(c.Mean) == 4:
		mode = image.RGBA
	}
	size := [2]int{1, 1}
	if c.Size != nil {
		size = *c.Size
	}
	errs := []error{validColumn(c.Column), c.config(mode, size).Validate()}
	if plain := DefaultImage(); c.Learn && !(slices.Equal(c.Mean, plain.Mean) && slices.Equal(c.Std, plain.Std)) {
		errs = append(errs, errors.New("learn: mean and std are given; leave out one or the other"))
	}
	return errors.Join(errs...)
}

func (c Image) config(mode image.Mode, size [2]int) image.Config {
	return image.Config{Mode: mode, Size: size, Fit: c.Fit, Zoom: c.Zoom, Filter: c.Filter, Background: c.Background,
		Augment: c.Augment, Mean: c.Mean, Std: c.Std, MaxPixels: c.MaxPixels}
}

// Reads names the column.
func (c Image) Reads() []string { return []string{c.Column} }

// Fitter begins to learn.
func (c Image) Fitter(columns []source.Column) (Fitter, error) {
	if err := wantKind(columns[0], "images, files or arrays", source.Array, source.Binary); err != nil {
		return nil, err
	}
	if columns[0].Kind == source.Binary && c.Size == nil {
		return nil, column(c.Column, errors.New("holds files, whose sizes differ; give a size: [height, width]"))
	}
	return &imageFitter{cfg: c, files: columns[0].Kind == source.Binary}, nil
}

type imageFitter struct {
	cfg   Image
	files bool
	built *ImageEncoder

	image    image.Image
	levels   int       // of each channel that were seen
	channels []channel // where Learn is set
}

// A channel has sums of levels, which are whole numbers: no order matters.
type channel struct{ sum, squares uint64 }

// learn counts an image of its final size.
func (f *imageFitter) learn() {
	n := f.image.Channels
	if f.channels == nil {
		f.channels = make([]channel, n)
	}
	f.levels += f.image.Width * f.image.Height
	for i, x := range f.image.Pix {
		c := &f.channels[i%n]
		c.sum += uint64(x)
		c.squares += uint64(x) * uint64(x)
	}
}

// meanStd is that of the levels in 0..1, the deviation of the whole; a channel
// of one level is not scaled.
func (c channel) meanStd(n int) (mean, std float64) {
	count := big.NewInt(int64(n))
	sum := new(big.Int).SetUint64(c.sum)
	v := new(big.Int).SetUint64(c.squares)
	v.Mul(v, count)
	v.Sub(v, new(big.Int).Mul(sum, sum)) // n^2 times the variance, exactly
	variance, _ := new(big.Float).SetInt(v).Float64()
	mean = float64(c.sum) / (255 * float64(n))
	if std = math.Sqrt(variance) / (255 * float64(n)); std == 0 {
		std = 1
	}
	return mean, std
}

func (f *imageFitter) Add(values []any) error {
	err := f.add(values[0])
	if err != nil {
		err = column(f.cfg.Column, err)
	}
	return err
}

func (f *imageFitter) add(v any) error {
	if f.files {
		file, ok := v.([]byte)
		if !ok {
			return fmt.Errorf("want a file, got %s", kindOf(v))
		}
		mode := image.RGB
		if f.cfg.Mode != nil {
			mode = *f.cfg.Mode
		}
		if f.built == nil {
			f.build(mode, *f.cfg.Size)
		}
		if !f.cfg.Learn {
			_, err := image.NewDecoder(mode).Header(file)
			return err
		}
		f.built.build()
		if err := f.built.reader.Image(&f.image, file, data.Draw{}); err != nil {
			return err
		}
		f.learn()
		return nil
	}
	t, err := wantImage(v)
	if err != nil {
		return err
	}
	s := sizeOf(t)
	if f.built == nil {
		if err := f.begin(s); err != nil {
			return err
		}
	}
	if err := f.built.want(s, f.cfg.Size != nil); err != nil {
		return err
	}
	if f.cfg.Learn {
		f.built.build()
		f.image.SetPlanes(t.Bytes(), s[0], s[1], s[2])
		if err := f.built.reader.Augment(&f.image, data.Draw{}); err != nil {
			return err
		}
		f.learn()
	}
	return nil
}

// begin makes the encoder by the first array.
func (f *imageFitter) begin(s [3]int) error {
	mode, ok := modes[s[0]]
	if !ok {
		return fmt.Errorf("the image has %d channels, want 1, 3 or 4; a feature of type array takes any", s[0])
	}
	if f.cfg.Mode != nil && *f.cfg.Mode != mode {
		return fmt.Errorf("the image is %s, and mode asks for %s; set mode to null", mode, *f.cfg.Mode)
	}
	size := [2]int{s[1], s[2]}
	if f.cfg.Size != nil {
		size = *f.cfg.Size
	}
	f.build(mode, size)
	return f.built.Validate()
}

// modes is what numbers of channels mean.
var modes = map[int]image.Mode{1: image.Grey, 3: image.RGB, 4: image.RGBA}

func (f *imageFitter) build(mode image.Mode, size [2]int) {
	f.built = &ImageEncoder{Column: f.cfg.Column, Config: f.cfg.config(mode, size)}
}

// wantImage is a value that must be an image.
func wantImage(v any) (*tensor.Tensor, error) {
	t, ok := v.(*tensor.Tensor)
	if !ok {
		return nil, fmt.Errorf("want an image, got %s", kindOf(v))
	}
	if r := t.Shape().Rank(); t.DType() != dtype.Uint8 || r != 2 && r != 3 {
		return nil, fmt.Errorf("want an image u8 [C Y X] or [Y X], got %v", t)
	}
	return t, nil
}

// sizeOf is the shape of an image [C Y X] or [Y X].
func sizeOf(t *tensor.Tensor) [3]int {
	s := t.Shape()
	if s.Rank() == 2 {
		return [3]int{1, s.Dim(0), s.Dim(1)}
	}
	return [3]int{s.Dim(0), s.Dim(1), s.Dim(2)}
}

// Enough is true of files after the first, if there is nothing to learn: their
// sizes do not matter.
func (f *imageFitter) Enough() bool { return f.files && f.built != nil && !f.cfg.Learn }

func (f *imageFitter) Encoder() (Encoder, error) {
	if f.built == nil {
		return nil, column(f.cfg.Column, errors.New("no row has a value"))
	}
	if !f.cfg.Learn {
		return f.built, nil
	}
	cfg := f.built.Config
	cfg.Mean, cfg.Std = nil, nil
	for _, c := range f.channels {
		mean, std := c.meanStd(f.levels)
		cfg.Mean, cfg.Std = append(cfg.Mean, mean), append(cfg.Std, std)
	}
	return &ImageEncoder{Column: f.cfg.Column, Config: cfg}, nil
}

// An ImageEncoder is an Image that was fitted.
type ImageEncoder struct {
	Column       string `json:"column" yaml:"column"`
	image.Config `yaml:",inline"`

	once   sync.Once
	reader *image.Reader
	lookup data.Lookup
	images sync.Pool // of *image.Image
}

// Validate tells what is wrong with an encoder that was read from a file.
func (e *ImageEncoder) Validate() error {
	return errors.Join(validColumn(e.Column), e.Config.Validate())
}

// Reads names the column.
func (e *ImageEncoder) Reads() []string { return []string{e.Column} }

func (e *ImageEncoder) shape() [3]int { return [3]int{e.Mode.Channels(), e.Size[0], e.Size[1]} }

// Item is float32 [C Y X].
func (e *ImageEncoder) Item() (dtype.DType, shape.Shape) {
	s := e.shape()
	return dtype.Float32, shape.Of(s[:]...)
}

// Augments reports whether examples of training differ from epoch to epoch.
func (e *ImageEncoder) Augments() bool { return len(e.Augment) > 0 }

// want refuses arrays that have other channels or, unless they are resized,
// another size.
func (e *ImageEncoder) want(s [3]int, resized bool) error {
	if want := e.shape(); s != want && (s[0] != want[0] || !resized) {
		return fmt.Errorf("the image is %v, want %v; images of several sizes need a size: [height, width]", s, want)
	}
	return nil
}

// build makes what encoding needs; Validate has made sure that it can be made.
func (e *ImageEncoder) build() {
	e.once.Do(func() {
		s := e.shape()
		e.lookup, _ = data.Normalize{Mean: e.Mean, Std: e.Std}.Lookup(shape.Of(s[:]...))
		e.reader, _ = e.Config.Build()
		e.images.New = func() any { return new(image.Image) }
	})
}

// Encode decodes, resizes, augments and normalises.
func (e *ImageEncoder) Encode(dst *tensor.Tensor, values []any, d data.Draw) error {
	if err := e.encode(dst.F32(), values[0], d); err != nil {
		return column(e.Column, err)
	}
	return nil
}

// Check tells whether a file is a whole image.
func (e *ImageEncoder) Check(values []any) error {
	file, ok := values[0].([]byte)
	if !ok {
		return column(e.Column, fmt.Errorf("want a file, got %s", kindOf(values[0])))
	}
	e.build()
	if err := e.reader.Check(file); err != nil {
		return column(e.Column, err)
	}
	return nil
}

func (e *ImageEncoder) encode(dst []float32, v any, d data.Draw) error {
	e.build()
	if file, ok := v.([]byte); ok {
		return e.reader.Read(dst, file, d)
	}
	t, err := wantImage(v)
	if err != nil {
		return err
	}
	s := sizeOf(t)
	if err := e.want(s, true); err != nil {
		return err
	}
	if s == e.shape() && !(d.Training && e.Augments()) {
		e.lookup.Apply(dst, t.Bytes()) // the same bits, without a copy
		return nil
	}
	im := e.images.Get().(*image.Image)
	defer e.images.Put(im)
	im.SetPlanes(t.Bytes(), s[0], s[1], s[2])
	if err := e.reader.Augment(im, d); err != nil {
		return err
	}
	return e.reader.Normalize(dst, im)
}
