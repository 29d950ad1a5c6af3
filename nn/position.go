package nn

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// PositionConfig describes a [SinusoidalPosition] or [LearnedPosition].
type PositionConfig struct {
	Context int `json:"context" yaml:"context"` // the most places of a sequence
	Width   int `json:"width" yaml:"width"`
}

// Validate tells all that is wrong.
func (cfg PositionConfig) Validate() error {
	errs := []error{positive("context", cfg.Context, "width", cfg.Width)}
	if errs[0] == nil {
		errs = append(errs, fits(cfg.Context, cfg.Width))
	}
	return errors.Join(errs...)
}

// places cuts the rows of a table that x [B T Width] needs and adds them.
func (cfg PositionConfig) places(c *Ctx, layer string, err error, x *ir.Value, table func() *ir.Value) *ir.Value {
	if c.Graph().Err() != nil {
		return x
	}
	if err != nil {
		return refuse(c, layer, err, x)
	}
	if x.Rank() != 3 || x.Dim(1) > cfg.Context || x.Dim(2) != cfg.Width {
		return refuse(c, layer, fmt.Errorf("wants [B T %d] with T at most %d", cfg.Width, cfg.Context), x)
	}
	return ops.Add(x, ops.Narrow(table(), 0, 0, x.Dim(1)))
}

// SinusoidalPosition adds waves to a sequence, by which places can be told
// apart. With t the place and i below Width/2 (rounded up for the sine),
//
//	y[t, 2i]   = x[t, 2i]   + sin(t / 10000^(2i/Width))
//	y[t, 2i+1] = x[t, 2i+1] + cos(t / 10000^(2i/Width))
//
// x [B T Width], y the same. The table [Context Width] is a state, computed in
// float64.
//
// Source: Vaswani and others, "Attention is all you need" (2017), section 3.5.
type SinusoidalPosition struct {
	Config PositionConfig `param:"-"`
	Table  *State         `param:"pe"`
	err    error
}

// NewSinusoidalPosition is for sequences of at most context places.
func NewSinusoidalPosition(context, width int) *SinusoidalPosition {
	cfg := PositionConfig{context, width}
	l := &SinusoidalPosition{Config: cfg, err: cfg.Validate()}
	if l.err == nil {
		l.Table = &State{DType: dtype.Float32, Shape: shape.Of(context, width), Init: waves}
	}
	return l
}

func waves(_ *rng.Stream, t *tensor.Tensor) {
	width := t.Shape().Dim(1)
	for i := range t.Size() {
		place, d := float64(i/width), i%width
		angle := place / math.Pow(10000, float64(d/2*2)/float64(width))
		if d%2 == 0 {
			t.SetFloat(i, math.Sin(angle))
		} else {
			t.SetFloat(i, math.Cos(angle))
		}
	}
}

// Forward adds the waves to x.
func (l *SinusoidalPosition) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return l.Config.places(c, "sinusoidal_position", l.err, x, func() *ir.Value { return c.State(l.Table) })
}

// LearnedPosition adds to each place of a sequence a vector that is trained:
//
//	y[b, t, d] = x[b, t, d] + weight[t, d]
//
// x [B T Width], y the same, weight [Context Width] from N(0, 0.02^2).
//
// Source: Radford and others, "Improving language understanding by generative
// pre-training" (2018), section 3.1; initial values of GPT-2.
type LearnedPosition struct {
	Config PositionConfig `param:"-"`
	Weight *Param
	err    error
}

// NewLearnedPosition is for sequences of at most context places.
func NewLearnedPosition(context, width int) *LearnedPosition {
	cfg := PositionConfig{context, width}
	l := &LearnedPosition{Config: cfg, err: cfg.Validate()}
	if l.err == nil {
		l.Weight = newParam(Normal(0, 0.02), context, width)
	}
	return l
}

// Forward adds the vectors to x.
func (l *LearnedPosition) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return l.Config.places(c, "learned_position", l.err, x, func() *ir.Value { return c.Param(l.Weight) })
}
