package feature

import (
	"errors"
	"fmt"
	"sync"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Image is a feature of images: float32 [C Y X], normalised as data.Normalize
// does. Its column holds arrays uint8 [C Y X] or [Y X].
type Image struct {
	Column string    `json:"column" yaml:"column"`
	Mean   []float64 `json:"mean" yaml:"mean"` // of values in 0..1, one or one a channel
	Std    []float64 `json:"std" yaml:"std"`
}

// DefaultImage brings bytes to 0..1.
func DefaultImage() Image { return Image{Mean: []float64{0}, Std: []float64{1}} }

// Validate tells all that is wrong with the settings.
func (c Image) Validate() error {
	return errors.Join(validColumn(c.Column), data.Normalize{Mean: c.Mean, Std: c.Std}.Validate())
}

// Reads names the column.
func (c Image) Reads() []string { return []string{c.Column} }

// Fitter begins to learn.
func (c Image) Fitter(columns []source.Column) (Fitter, error) {
	if err := wantKind(columns[0], "arrays", source.Array); err != nil {
		return nil, err
	}
	return &imageFitter{cfg: c}, nil
}

type imageFitter struct {
	cfg     Image
	encoder *ImageEncoder // of the first row
}

func (f *imageFitter) Add(values []any) error {
	t, err := wantImage(values[0])
	if err != nil {
		return column(f.cfg.Column, err)
	}
	s := sizeOf(t)
	if f.encoder == nil {
		f.encoder = &ImageEncoder{Column: f.cfg.Column, Shape: s, Mean: f.cfg.Mean, Std: f.cfg.Std}
		_, err = f.encoder.normalize().Lookup(shape.Of(s[:]...))
	} else {
		err = f.encoder.want(s)
	}
	if err != nil {
		return column(f.cfg.Column, err)
	}
	return nil
}

// sizeOf is the shape of an image [C Y X] or [Y X].
func sizeOf(t *tensor.Tensor) [3]int {
	s := t.Shape()
	if s.Rank() == 2 {
		return [3]int{1, s.Dim(0), s.Dim(1)}
	}
	return [3]int{s.Dim(0), s.Dim(1), s.Dim(2)}
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

func (f *imageFitter) Encoder() (Encoder, error) {
	if f.encoder == nil {
		return nil, column(f.cfg.Column, errors.New("no row has a value"))
	}
	return f.encoder, nil
}

// An ImageEncoder is an Image that was fitted.
type ImageEncoder struct {
	Column string    `json:"column" yaml:"column"`
	Shape  [3]int    `json:"shape" yaml:"shape"` // [C Y X]
	Mean   []float64 `json:"mean" yaml:"mean"`
	Std    []float64 `json:"std" yaml:"std"`

	once   sync.Once
	lookup data.Lookup
}

func (e *ImageEncoder) normalize() data.Normalize { return data.Normalize{Mean: e.Mean, Std: e.Std} }

// Validate tells what is wrong with an encoder that was read from a file.
func (e *ImageEncoder) Validate() error {
	s, err := shape.Make(e.Shape[:]...)
	if err == nil {
		_, err = e.normalize().Lookup(s)
	}
	return errors.Join(validColumn(e.Column), err)
}

// Reads names the column.
func (e *ImageEncoder) Reads() []string { return []string{e.Column} }

// Item is float32 [C Y X].
func (e *ImageEncoder) Item() (dtype.DType, shape.Shape) {
	return dtype.Float32, shape.Of(e.Shape[:]...)
}

// want refuses images of another size.
func (e *ImageEncoder) want(size [3]int) error {
	if size != e.Shape {
		return fmt.Errorf("the image is %v, the first of training was %v", size, e.Shape)
	}
	return nil
}

// Encode normalises.
func (e *ImageEncoder) Encode(dst *tensor.Tensor, values []any, _ data.Draw) error {
	t, err := wantImage(values[0])
	if err == nil {
		err = e.want(sizeOf(t))
	}
	if err != nil {
		return column(e.Column, err)
	}
	e.once.Do(func() { e.lookup, _ = e.normalize().Lookup(dst.Shape()) }) // Validate has made sure
	e.lookup.Apply(dst.F32(), t.Bytes())
	return nil
}
