package nn

import (
	"errors"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// WindowPositionConfig describes a [WindowPositionBias].
type WindowPositionConfig struct {
	Heads  int    `json:"heads" yaml:"heads"`
	Window [2]int `json:"window" yaml:"window"` // places, Y and X
}

// Validate tells all that is wrong.
func (cfg WindowPositionConfig) Validate() error {
	err := positive("heads", cfg.Heads, "window", cfg.Window[:])
	if err == nil {
		err = errors.Join(fits(2*cfg.Window[0]-1, 2*cfg.Window[1]-1, cfg.Heads), fits(cfg.Window[0]*cfg.Window[1], cfg.Window[0]*cfg.Window[1]))
	}
	return err
}

// Build makes the bias.
func (cfg WindowPositionConfig) Build() *WindowPositionBias {
	l := &WindowPositionBias{Config: cfg, err: cfg.Validate()}
	if l.err == nil {
		l.Table = newParam(Normal(0, 0.02), (2*cfg.Window[0]-1)*(2*cfg.Window[1]-1), cfg.Heads)
	}
	return l
}

// WindowPositionBias adds a number that is trained to the score of two places of a
// window of an image, by the head and by how far they are apart on each axis: with
// N = Y X places, place n being row n/X and column n%X,
//
//	score[h, t, s] = score[h, t, s] + table[(yt-ys + Y-1) (2X-1) + xt-xs + X-1, h]
//
// Parameter: relative_position_bias_table [(2Y-1)(2X-1) Heads], from N(0, 0.02^2).
//
// Source: Liu and others, "Swin Transformer" (2021), equation 4; torchvision's
// swin_transformer and Swin of Hugging Face Transformers, whose buffer of indices
// is computed here.
type WindowPositionBias struct {
	Config WindowPositionConfig `param:"-"`
	Table  *Param               `param:"relative_position_bias_table"`
	err    error
}

// Bias is what is added to the scores: [1 Heads N N].
func (l *WindowPositionBias) Bias(c *Ctx) *ir.Value {
	defer c.Enter(l)()
	g := c.Graph()
	if l.err != nil {
		g.Fail("window_position_bias", l.err.Error(), nil)
	}
	if g.Err() != nil {
		return g.Poison(dtype.Float32)
	}
	y, x := l.Config.Window[0], l.Config.Window[1]
	// The four axes are row and column of the query, then of the key.
	place := func(axis int) *ir.Value { return ops.Iota(g, dtype.Int64, shape.Of(y, x, y, x), axis) }
	number := func(n int) *ir.Value { return ops.FullInt(g, dtype.Int64, shape.Shape{}, int64(n)) }
	rows := ops.Add(ops.Sub(place(0), place(2)), number(y-1))
	columns := ops.Add(ops.Sub(place(1), place(3)), number(x-1))
	at := ops.Reshape(ops.Add(ops.Mul(rows, number(2*x-1)), columns), y*x, y*x)
	return ops.Unsqueeze(ops.Transpose(ops.Take(c.Param(l.Table), at, 0), 2, 0, 1), 0)
}
