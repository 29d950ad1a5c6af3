package nn

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// ALiBi lowers the score of a query and a key by a slope of the head for each
// step of distance between them, in the place of positions added to the sequence:
//
//	score[h, t, s] = score[h, t, s] - slope[h] |t - s|
//
// Nothing is trained. The slopes of n heads, n a power of two, are 2^(-8i/n) for
// i = 1 to n; of other numbers those of the largest power of two m below, and
// then every other one, from the first on, of 2m heads.
//
// Source: Press and others, "Train short, test long" (2021); slopes as in the
// authors' get_slopes and in BLOOM of Hugging Face Transformers.
type ALiBi struct {
	Heads int `json:"heads" yaml:"heads"`
}

// Validate tells all that is wrong.
func (l ALiBi) Validate() error { return positive("heads", l.Heads) }

// List is the slopes.
func (l ALiBi) List() []float64 {
	m := 1
	for 2*m <= l.Heads {
		m *= 2
	}
	slopes := make([]float64, l.Heads)
	for i := range slopes {
		if i < m {
			slopes[i] = math.Pow(2, -8*float64(i+1)/float64(m))
		} else {
			slopes[i] = math.Pow(2, -8*float64(2*(i-m)+1)/float64(2*m))
		}
	}
	return slopes
}

// Slopes are the slopes [Heads] as a value, for [ops.AttentionOptions].
func (l ALiBi) Slopes(c *Ctx, dt dtype.DType) *ir.Value {
	if err := l.Validate(); err != nil {
		c.Graph().Fail("alibi", err.Error(), nil)
		return c.Graph().Poison(dt)
	}
	var each []*ir.Value
	for _, s := range l.List() {
		each = append(each, ops.Full(c.Graph(), dt, shape.Of(1), s))
	}
	return ops.Concat(0, each...)
}
