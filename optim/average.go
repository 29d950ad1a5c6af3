package optim

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// Average moves the shadows of parameters and of states of a floating-point type,
// see [module.Ctx.Shadow], towards the values that these have now, behind the
// update of a step:
//
//	e = decay*e + (1-decay)*p
//
// decay is a scalar of a floating-point type, best of float64: 1-decay is
// computed in that and rounded. An exponential moving average has the same in
// every step; n/(n+1) in the n-th call, counted from 0, makes the plain mean of
// all values that there were. Shadows start as copies of the parameters, so the
// first average is one of the parameters before and after the step, but for a
// decay of 0.
//
// The running statistics of a batch norm, a state, are averaged as the weights
// are, since those of the present weights don't fit averaged ones.
//
// Parameters of 16 bits are averaged in float32 and rounded, so that an average
// of theirs does not move for a decay near 1: average float32.
//
// Source: torch.optim.swa_utils (2.15), get_ema_multi_avg_fn and
// get_swa_multi_avg_fn, which replace the average by the parameter in the first
// call; AveragedModel with use_buffers averages states too.
func Average(c *module.Ctx, prefix string, params []module.Named, states []*module.State, decay *ir.Value) {
	g := c.Graph()
	defer g.SetPath(g.SetPath("average"))
	if g.Err() == nil && (decay.Rank() != 0 || !decay.DType().IsFloat()) {
		g.Fail("average", "the decay must be a scalar of a floating-point type", []*ir.Value{decay})
	}
	if g.Err() == nil && prefix == "" {
		g.Fail("average", fmt.Sprintf("wants a prefix for the keys of the averages, such as %q", "ema."), nil)
	}
	if g.Err() != nil {
		return
	}
	shadow := c.Shadow(prefix)
	rest := ops.Sub(ops.Scalar(decay, 1), decay)
	next := func(e, v *ir.Value) *ir.Value {
		dt := v.DType()
		if dt.IsHalf() {
			dt = dtype.Float32
		}
		sum := ops.Add(ops.Mul(ops.Cast(decay, dt), ops.Cast(e, dt)), ops.Mul(ops.Cast(rest, dt), ops.Cast(v, dt)))
		return ops.Cast(sum, v.DType())
	}
	for _, p := range params {
		shadow.SetParam(p.Param, next(shadow.Param(p.Param), c.Param(p.Param)))
	}
	for _, s := range states {
		if s.DType.IsFloat() {
			shadow.SetState(s, next(shadow.State(s), c.State(s)))
		}
	}
}
