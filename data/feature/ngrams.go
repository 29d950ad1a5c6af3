package feature

import (
	"errors"
	"fmt"
	"math"
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

	memory sync.Pool // of *[]int32
}

// Item is float32 [Buckets].
func (e *NGramsEncoder) Item() (dtype.DType, shape.Shape) {
	return dtype.Float32, shape.Of(e.Buckets)
}

// Encode counts. Most counts are 0: those that are not are looked for once.
func (e *NGramsEncoder) Encode(dst *tensor.Tensor, values []any, _ data.Draw) error {
	s, err := textOf(values[0])
	if err != nil {
		return column(e.Column, err)
	}
	y := dst.F32()
	clear(y)
	e.Count(y, s)
	found, _ := e.memory.Get().(*[]int32)
	if found == nil {
		found = new([]int32)
	}
	defer e.memory.Put(found)
	*found = nonzero((*found)[:0], y)
	var squares float64
	for _, i := range *found {
		n := y[i]
		switch e.Scale {
		case AnyCount:
			n = 1
		case LogCount:
			n = float32(math.Log1p(float64(n)))
		}
		y[i] = n
		squares += float64(float64(n) * float64(n))
	}
	if e.Normalize && squares > 0 {
		length := math.Sqrt(squares)
		for _, i := range *found {
			y[i] = float32(float64(y[i]) / length)
		}
	}
	return nil
}

// nonzero appends the places of what is not 0, in order.
func nonzero(list []int32, y []float32) []int32 {
	i := 0
	for ; i+8 <= len(y); i += 8 {
		z := (*[8]float32)(y[i:])
		// Counts are not negative: their bits are 0 only together.
		if math.Float32bits(z[0])|math.Float32bits(z[1])|math.Float32bits(z[2])|math.Float32bits(z[3])|
			math.Float32bits(z[4])|math.Float32bits(z[5])|math.Float32bits(z[6])|math.Float32bits(z[7]) == 0 {
			continue
		}
		for k, n := range z {
			if n != 0 {
				list = append(list, int32(i+k))
			}
		}
	}
	for ; i < len(y); i++ {
		if y[i] != 0 {
			list = append(list, int32(i))
		}
	}
	return list
}
