package optim

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A LossScale multiplies the loss so that small gradients do not vanish in
// float16, and divides the gradients again. A step whose gradients are not all
// finite changes nothing but the scale:
//
//	scale = scale * Backoff     after a step with gradients that are not finite
//	scale = scale * Growth      after Every good steps in a row, unless it would be infinite
//
// Source: torch.amp.GradScaler (2.15), whose found_inf looks at the elements,
// where this looks at their norm: see [Norm].
type LossScale struct {
	Initial float64 `json:"initial" yaml:"initial"`
	Growth  float64 `json:"growth" yaml:"growth"`
	Backoff float64 `json:"backoff" yaml:"backoff"`
	Every   int     `json:"every" yaml:"every"`
}

// DefaultLossScale starts at 2^16, which doubles after 2000 good steps and
// halves after a bad one.
func DefaultLossScale() LossScale {
	return LossScale{Initial: 1 << 16, Growth: 2, Backoff: 0.5, Every: 2000}
}

// Validate tells all that is wrong.
func (cfg LossScale) Validate() error {
	var c checker
	finite := func(v float64) bool { return v < math.MaxFloat32 }
	c.that(cfg.Initial > 0 && finite(cfg.Initial), "initial must be a number above 0 that float32 holds, got %v", cfg.Initial)
	c.that(cfg.Growth > 1 && finite(cfg.Growth), "growth must be above 1, got %v", cfg.Growth)
	c.that(cfg.Backoff > 0 && cfg.Backoff < 1, "backoff must be above 0 and below 1, got %v", cfg.Backoff)
	c.that(cfg.Every >= 1, "every must be at least 1, got %d", cfg.Every)
	return c.err()
}

// Build makes the scaler of a run.
func (cfg LossScale) Build() (*Scaler, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("optim: loss scale: %w", err)
	}
	initial := func(_ *rng.Stream, t *tensor.Tensor) { t.SetFloat(0, cfg.Initial) }
	return &Scaler{cfg, &module.State{Key: "loss_scale.scale", DType: dtype.Float32, Init: initial},
		&module.State{Key: "loss_scale.good", DType: dtype.Int64}}, nil
}

// A Scaler is a [LossScale] in a step. Its state is in the store: the scale, and
// the number of good steps since that has changed.
//
//	grads := grad.Of(scaler.Scale(c, loss), c.Params(opt)...)
//	grads, norm := scaler.Unscale(c, grads)
//	opt.Update(c, optim.ClipTo(grads, norm, 1), lr)
type Scaler struct {
	cfg         LossScale
	scale, good *module.State
}

// States lists the scale and the number of good steps.
func (s *Scaler) States() []*module.State { return []*module.State{s.scale, s.good} }

// Scale is the loss to differentiate.
func (s *Scaler) Scale(c *module.Ctx, loss *ir.Value) *ir.Value {
	defer c.Graph().SetPath(c.Graph().SetPath("loss_scale"))
	return ops.Mul(loss, ops.Cast(c.State(s.scale), loss.DType()))
}

// Unscale returns the gradients by the loss as it was, and their [Norm]. It
// gates the step by that being finite, see [module.Ctx.Gate], and gives the
// scale its value for the next one.
func (s *Scaler) Unscale(c *module.Ctx, grads []*ir.Value) (unscaled []*ir.Value, norm *ir.Value) {
	g := c.Graph()
	defer g.SetPath(g.SetPath("loss_scale"))
	if g.Err() != nil || len(grads) == 0 {
		return grads, nil
	}
	scale := c.State(s.scale)
	wide := ops.Cast(scale, dtype.Float64)
	inverse := ops.Cast(ops.Div(ops.Scalar(wide, 1), wide), dtype.Float32)
	for _, x := range grads {
		unscaled = append(unscaled, ops.Mul(x, ops.Cast(inverse, x.DType())))
	}
	norm = Norm(grads)
	finite := isFinite(norm)
	norm = ops.Mul(norm, ops.Cast(inverse, norm.DType()))
	c.Gate(finite)

	one := func(n int64) *ir.Value { return ops.FullInt(g, dtype.Int64, shape.Shape{}, n) }
	good := ops.Add(c.State(s.good), one(1))
	full := ops.And(finite, ops.Eq(good, one(int64(s.cfg.Every))))
	times := func(k float64) *ir.Value { return ops.Cast(ops.Mul(wide, ops.Scalar(wide, k)), dtype.Float32) }
	larger, smaller := times(s.cfg.Growth), times(s.cfg.Backoff)
	c.SetUngated(s.scale, ops.Select(finite, ops.Select(ops.And(full, isFinite(larger)), larger, scale), smaller))
	c.SetUngated(s.good, ops.Select(ops.And(finite, ops.Not(full)), good, one(0)))
	return unscaled, norm
}

// isFinite tells of a scalar whether it is neither NaN nor infinite.
func isFinite(v *ir.Value) *ir.Value {
	d := ops.Sub(v, v) // NaN unless v is finite
	return ops.Eq(d, d)
}
