package feature

import (
	"errors"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Number is a target of numbers: float32 [n] for n columns, scaled as those of
// Numeric are, and given back in their own unit. A row without one of them is
// an error.
type Number struct {
	Columns []string `json:"columns" yaml:"columns"` // of numbers
	Scale   Scale    `json:"scale" yaml:"scale"`     // how columns are brought to a common size
	Log     bool     `json:"log" yaml:"log"`         // log(1+|x|) with the sign of x, before it is scaled
}

// DefaultNumber standardises.
func DefaultNumber() Number { return Number{Scale: Standard} }

// numeric is the feature of the same numbers.
func (c Number) numeric() Numeric {
	return Numeric{Columns: c.Columns, Scale: c.Scale, Log: c.Log, Missing: MissingError}
}

// Validate tells all that is wrong with the settings.
func (c Number) Validate() error { return c.numeric().Validate() }

// Reads names the columns.
func (c Number) Reads() []string { return c.Columns }

// Fitter begins to learn.
func (c Number) Fitter(columns []source.Column) (Fitter, error) {
	f, err := c.numeric().Fitter(columns)
	if err != nil {
		return nil, err
	}
	return numberFitter{f}, nil
}

type numberFitter struct{ Fitter }

func (f numberFitter) Encoder() (Encoder, error) {
	e, err := f.Fitter.Encoder()
	if err != nil {
		return nil, err
	}
	n := e.(*NumericEncoder)
	return &NumberEncoder{n.Columns, n.Log, n.Shift, n.Size}, nil
}

// A NumberEncoder is a Number that was fitted.
type NumberEncoder struct {
	Columns []string  `json:"columns" yaml:"columns"`
	Log     bool      `json:"log" yaml:"log"`
	Shift   []float64 `json:"shift" yaml:"shift"` // of each column
	Size    []float64 `json:"size" yaml:"size"`
}

// Validate tells what is wrong with an encoder that was read from a file.
func (e *NumberEncoder) Validate() error {
	return errors.Join(validColumns(e.Columns), validScales(len(e.Columns), e.Shift, e.Size))
}

// Reads names the columns.
func (e *NumberEncoder) Reads() []string { return e.Columns }

// Item is float32 [n].
func (e *NumberEncoder) Item() (dtype.DType, shape.Shape) {
	return dtype.Float32, shape.Of(len(e.Columns))
}

// Encode fills dst.
func (e *NumberEncoder) Encode(dst *tensor.Tensor, values []any, _ data.Draw) error {
	for i, v := range values {
		x, missing, err := number(v)
		if missing {
			err = errors.New("no value; leave such rows out")
		}
		if err != nil {
			return column(e.Columns[i], err)
		}
		dst.F32()[i] = float32((logOf(x, e.Log) - e.Shift[i]) / e.Size[i])
	}
	return nil
}

// Outputs is the number of columns.
func (e *NumberEncoder) Outputs() int { return len(e.Columns) }

// Decode gives the number in its own unit, or the numbers by column where there
// are several.
func (e *NumberEncoder) Decode(output *tensor.Tensor) (any, error) {
	if err := wantOutput(output, len(e.Columns)); err != nil {
		return nil, err
	}
	byColumn := make(map[string]float64, len(e.Columns))
	for i, c := range e.Columns {
		byColumn[c] = unscale(output.Float(i), e.Shift[i], e.Size[i], e.Log)
	}
	if len(e.Columns) == 1 {
		return byColumn[e.Columns[0]], nil
	}
	return byColumn, nil
}
