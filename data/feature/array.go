package feature

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Array is a feature or target that a column of arrays holds as it is, or with
// its elements converted to another type: "f32", "i64" and so on.
type Array struct {
	Column string  `json:"column" yaml:"column"` // of arrays
	DType  *string `json:"dtype" yaml:"dtype"`   // null keeps that of the column
}

// Validate tells all that is wrong with the settings.
func (c Array) Validate() error {
	err := validColumn(c.Column)
	if c.DType != nil {
		if _, e := dtype.Parse(*c.DType); e != nil {
			err = errors.Join(err, fmt.Errorf("dtype: %w", e))
		}
	}
	return err
}

// Reads names the column.
func (c Array) Reads() []string { return []string{c.Column} }

// Fitter begins to learn.
func (c Array) Fitter(columns []source.Column) (Fitter, error) {
	if err := wantKind(columns[0], "arrays", source.Array); err != nil {
		return nil, err
	}
	return &arrayFitter{cfg: c}, nil
}

type arrayFitter struct {
	cfg     Array
	first   shape.Shape
	encoder *ArrayEncoder // of the first row
}

func (f *arrayFitter) Add(values []any) error {
	t, ok := values[0].(*tensor.Tensor)
	if !ok {
		return column(f.cfg.Column, fmt.Errorf("want an array, got %s", kindOf(values[0])))
	}
	if f.encoder == nil {
		f.first = t.Shape()
		f.encoder = &ArrayEncoder{Column: f.cfg.Column, DType: t.DType().String(), Shape: t.Shape().Dims()}
		if f.cfg.DType != nil {
			f.encoder.DType = *f.cfg.DType
		}
	}
	if t.Shape() != f.first {
		return column(f.cfg.Column, fmt.Errorf("the array is %v, in the first row %v", t, f.first))
	}
	return nil
}

func (f *arrayFitter) Encoder() (Encoder, error) {
	if f.encoder == nil {
		return nil, column(f.cfg.Column, errors.New("no row has a value"))
	}
	return f.encoder, nil
}

// An ArrayEncoder is an Array that was fitted.
type ArrayEncoder struct {
	Column string `json:"column" yaml:"column"`
	DType  string `json:"dtype" yaml:"dtype"`
	Shape  []int  `json:"shape" yaml:"shape"`
}

// Validate tells what is wrong with an encoder that was read from a file.
func (e *ArrayEncoder) Validate() error {
	_, errType := dtype.Parse(e.DType)
	_, errShape := shape.Make(e.Shape...)
	return errors.Join(validColumn(e.Column), errType, errShape)
}

// Reads names the column.
func (e *ArrayEncoder) Reads() []string { return []string{e.Column} }

// Item is as the first training row was.
func (e *ArrayEncoder) Item() (dtype.DType, shape.Shape) {
	dt, _ := dtype.Parse(e.DType)
	return dt, shape.Of(e.Shape...)
}

// Encode copies, or converts.
func (e *ArrayEncoder) Encode(dst *tensor.Tensor, values []any, _ data.Draw) error {
	t, err := wantArray(values[0], dst.Shape())
	if err != nil {
		return column(e.Column, err)
	}
	if t.DType() == dst.DType() {
		copy(dst.Bytes(), t.Bytes())
		return nil
	}
	if t.DType().IsFloat() || dst.DType().IsFloat() {
		for i := range t.Size() {
			dst.SetFloat(i, t.Float(i))
		}
		return nil
	}
	for i := range t.Size() {
		dst.SetInt(i, t.Int(i))
	}
	return nil
}

// Outputs is the number of elements.
func (e *ArrayEncoder) Outputs() int { _, s := e.Item(); return s.Size() }

// Decode gives the elements as a flat list.
func (e *ArrayEncoder) Decode(output *tensor.Tensor) (any, error) {
	if err := wantOutput(output, e.Outputs()); err != nil {
		return nil, err
	}
	list := make([]float64, output.Size())
	for i := range list {
		list[i] = output.Float(i)
	}
	return list, nil
}

// wantArray is a value that must be an array of a shape.
func wantArray(v any, want shape.Shape) (*tensor.Tensor, error) {
	t, ok := v.(*tensor.Tensor)
	if !ok {
		return nil, fmt.Errorf("want an array, got %s", kindOf(v))
	}
	if t.Shape() != want {
		return nil, fmt.Errorf("want an array %v, got %v", want, t)
	}
	return t, nil
}
