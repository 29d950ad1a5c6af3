package feature

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/data"
	"github.com/gradus-ml/gradus/data/source"
	"github.com/gradus-ml/gradus/data/text"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// NGrams is a feature of text: how often runs of words or characters occur,
// float32 [Buckets], each run counted at the place of its hash. Nothing is
// learnt. A row without a text has an empty one.
type NGrams struct {
	Column      string `json:"column" yaml:"column"` // of text
	text.NGrams `yaml:",inline"`
	Scale       CountScale `json:"scale" yaml:"scale"`         // what becomes of a count
	Normalize   bool       `json:"normalize" yaml:"normalize"` // divide by the Euclidean length, if it is not 0
}

// A CountScale is what becomes of a count n.
type CountScale string

// The scales.
const (
	PlainCount CountScale = "count"
	AnyCount   CountScale = "any" // 1 if n > 0
	LogCount   CountScale = "log" // log(1+n)
)

// Values lists the scales.
func (CountScale) Values() []string {
	return []string{string(PlainCount), string(AnyCount), string(LogCount)}
}

// DefaultNGrams counts words and pairs of them by their logarithm.
func DefaultNGrams() NGrams {
	return NGrams{NGrams: text.DefaultNGrams(), Scale: LogCount, Normalize: true}
}

// Validate tells all that is wrong with the settings.
func (c NGrams) Validate() error {
	errs := []error{validColumn(c.Column), c.NGrams.Validate()}
	switch c.Scale {
	case PlainCount, AnyCount, LogCount:
	default:
		errs = append(errs, fmt.Errorf("scale: %q is not count, any or log", c.Scale))
	}
	return errors.Join(errs...)
}

// Reads names the column.
func (c NGrams) Reads() []string { return []string{c.Column} }

// Fitter has nothing to learn.
func (c NGrams) Fitter(columns []source.Column) (Fitter, error) {
	if err := wantText(columns[0]); err != nil {
		return nil, err
	}
	return ngramsFitter{c}, nil
}

type ngramsFitter struct{ cfg NGrams }

func (ngramsFitter) Add([]any) error             { return nil }
func (ngramsFitter) Enough() bool                { return true }
func (f ngramsFitter) Encoder() (Encoder, error) { return &NGramsEncoder{f.cfg}, nil }

// An NGramsEncoder does what the settings say.
type NGramsEncoder struct {
	NGrams `yaml:",inline"`
}

// Item is float32 [Buckets].
func (e *NGramsEncoder) Item() (dtype.DType, shape.Shape) {
	return dtype.Float32, shape.Of(e.Buckets)
}

// Encode counts.
func (e *NGramsEncoder) Encode(dst *tensor.Tensor, values []any, _ data.Draw) error {
	s, err := textOf(values[0])
	if err != nil {
		return column(e.Column, err)
	}
	y := dst.F32()
	clear(y)
	e.Count(y, s)
	var squares float64
	for i, n := range y {
		switch {
		case n == 0:
			continue
		case e.Scale == AnyCount:
			n = 1
		case e.Scale == LogCount:
			n = float32(math.Log1p(float64(n)))
		}
		y[i] = n
		squares += float64(float64(n) * float64(n))
	}
	if e.Normalize && squares > 0 {
		length := math.Sqrt(squares)
		for i, n := range y {
			if n != 0 {
				y[i] = float32(float64(n) / length)
			}
		}
	}
	return nil
}
