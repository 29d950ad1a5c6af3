package feature

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// Series is a feature or target of numbers over time: float32 [T C], from a
// column of arrays of T steps with C numbers each, such as source.Series makes.
// Each of the C is scaled by itself, over all steps of all training rows; a
// step that lies in several rows counts in each.
type Series struct {
	Column string `json:"column" yaml:"column"` // of arrays [T C]
	Scale  Scale  `json:"scale" yaml:"scale"`   // how the C numbers of a step are brought to a common size
	Log    bool   `json:"log" yaml:"log"`       // log(1+|x|) with the sign of x, before it is scaled
}

// DefaultSeries standardises.
func DefaultSeries() Series { return Series{Scale: Standard} }

// Validate tells all that is wrong with the settings.
func (c Series) Validate() error { return errors.Join(validColumn(c.Column), validScale(c.Scale)) }

// Reads names the column.
func (c Series) Reads() []string { return []string{c.Column} }

// Fitter begins to learn.
func (c Series) Fitter(columns []source.Column) (Fitter, error) {
	if err := wantKind(columns[0], "arrays", source.Array); err != nil {
		return nil, err
	}
	return &seriesFitter{cfg: c}, nil
}

type seriesFitter struct {
	cfg      Series
	shape    [2]int
	channels []numbers
}

func (f *seriesFitter) Add(values []any) error {
	t, ok := values[0].(*tensor.Tensor)
	if !ok || t.Shape().Rank() != 2 || t.Size() == 0 {
		return column(f.cfg.Column, fmt.Errorf("want an array [T C], got %s", kindOf(values[0])))
	}
	size := [2]int{t.Shape().Dim(0), t.Shape().Dim(1)}
	if f.channels == nil {
		f.shape, f.channels = size, make([]numbers, size[1])
	}
	if size != f.shape {
		return column(f.cfg.Column, fmt.Errorf("the array is %v, in the first row %v", size, f.shape))
	}
	for i := range t.Size() {
		x := t.Float(i)
		if math.IsNaN(x) || math.Abs(x) > math.MaxFloat32 {
			return column(f.cfg.Column, fmt.Errorf("step %d has %v", i/size[1], x))
		}
		f.channels[i%size[1]].take(logOf(x, f.cfg.Log), f.cfg.Scale == Robust)
	}
	return nil
}

func (f *seriesFitter) Encoder() (Encoder, error) {
	if f.channels == nil {
		return nil, column(f.cfg.Column, errors.New("no row has a value"))
	}
	e := &SeriesEncoder{Column: f.cfg.Column, Steps: f.shape[0], Log: f.cfg.Log}
	for i := range f.channels {
		n := &f.channels[i]
		slices.Sort(n.all)
		shift, size := n.scale(f.cfg.Scale)
		e.Shift, e.Size = append(e.Shift, shift), append(e.Size, size)
	}
	return e, nil
}

// A SeriesEncoder is a Series that was fitted.
type SeriesEncoder struct {
	Column string    `json:"column" yaml:"column"`
	Steps  int       `json:"steps" yaml:"steps"`
	Log    bool      `json:"log" yaml:"log"`
	Shift  []float64 `json:"shift" yaml:"shift"` // of each number of a step
	Size   []float64 `json:"size" yaml:"size"`
}

// Validate tells what is wrong with an encoder that was read from a file.
func (e *SeriesEncoder) Validate() error {
	errs := []error{validColumn(e.Column), validScales(len(e.Shift), e.Shift, e.Size)}
	if _, err := shape.Make(e.Steps, len(e.Shift)); err != nil || e.Steps < 1 || len(e.Shift) < 1 {
		errs = append(errs, fmt.Errorf("steps: %d of %d numbers", e.Steps, len(e.Shift)))
	}
	return errors.Join(errs...)
}

// Reads names the column.
func (e *SeriesEncoder) Reads() []string { return []string{e.Column} }

// Item is float32 [T C].
func (e *SeriesEncoder) Item() (dtype.DType, shape.Shape) {
	return dtype.Float32, shape.Of(e.Steps, len(e.Shift))
}

// Encode scales.
func (e *SeriesEncoder) Encode(dst *tensor.Tensor, values []any, _ data.Draw) error {
	t, err := wantArray(values[0], dst.Shape())
	if err != nil {
		return column(e.Column, err)
	}
	y, channels := dst.F32(), len(e.Shift)
	for i := range y {
		x, c := t.Float(i), i%channels
		if math.IsNaN(x) || math.Abs(x) > math.MaxFloat32 {
			return column(e.Column, fmt.Errorf("step %d has %v", i/channels, x))
		}
		y[i] = float32((logOf(x, e.Log) - e.Shift[c]) / e.Size[c])
	}
	return nil
}

// Outputs is the number of all numbers.
func (e *SeriesEncoder) Outputs() int { return e.Steps * len(e.Shift) }

// Decode gives the numbers of each step in their own unit.
func (e *SeriesEncoder) Decode(output *tensor.Tensor) (any, error) {
	if err := wantOutput(output, e.Outputs()); err != nil {
		return nil, err
	}
	steps := make([][]float64, e.Steps)
	for i := range output.Size() {
		c := i % len(e.Shift)
		steps[i/len(e.Shift)] = append(steps[i/len(e.Shift)], unscale(output.Float(i), e.Shift[c], e.Size[c], e.Log))
	}
	return steps, nil
}
