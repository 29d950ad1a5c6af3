package feature

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"sync"

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
func (f ngramsFitter) Encoder() (Encoder, error) { return &NGramsEncoder{NGrams: f.cfg}, nil }

// An NGramsEncoder does what the settings say.
type NGramsEncoder struct {
	NGrams `yaml:",inline"`

	memory sync.Pool // of *[]uint64, a bit for each bucket
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
	marks, _ := e.memory.Get().(*[]uint64) // all zero
	if marks == nil {
		marks = new(make([]uint64, (e.Buckets+63)/64))
	}
	y := dst.F32()
	clear(y)
	e.Mark(y, *marks, s)
	var squares float64
	e.marked(*marks, func(i int) {
		n := y[i]
		switch e.Scale {
		case AnyCount:
			n = 1
		case LogCount:
			n = float32(math.Log1p(float64(n)))
		}
		y[i] = n
		squares += float64(float64(n) * float64(n))
	})
	if length := math.Sqrt(squares); e.Normalize && length > 0 {
		e.marked(*marks, func(i int) { y[i] = float32(float64(y[i]) / length) })
	}
	clear(*marks)
	e.memory.Put(marks)
	return nil
}

// marked calls f with the places of the bits that are set, in order.
func (e *NGramsEncoder) marked(marks []uint64, f func(i int)) {
	for w, word := range marks {
		for ; word != 0; word &= word - 1 {
			f(w*64 + bits.TrailingZeros64(word))
		}
	}
}
