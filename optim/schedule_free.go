package optim

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// ScheduleFree has what the schedule-free optimizers share. They need no
// schedule: weights y are trained, which lie between z, that goes by steps of
// its own, and x, the mean of all z so far, by which the model is judged; see
// [Judged]. In step t = 1, 2, ... with direction d at y:
//
//	lr = lr * min(1, t/WarmupSteps)
//	w  = t^R * (largest lr so far)^WeightLRPower
//	c  = w / (sum of all w so far)
//	y  = y + c*(z-y) - lr*(1 - beta*(1-c))*d
//	z  = z - lr*d
//	x  = y + (1 - 1/beta)*(z-y)
//
// so that x = (1-c)*x + c*z, and y = (1-beta)*z + beta*x. Running statistics of
// batch norms are those of y; the trainer takes them anew for x when a run ends.
//
// Source: Defazio and others, "The road less scheduled" (2024), algorithm 1;
// schedulefree 1.4.1.
type ScheduleFree struct {
	WarmupSteps   int     `json:"warmup_steps" yaml:"warmup_steps"`       // in which the rate rises to its full size
	R             float64 `json:"r" yaml:"r"`                             // later steps count more in the mean, by t^R
	WeightLRPower float64 `json:"weight_lr_power" yaml:"weight_lr_power"` // steps of high rate count more in the mean
}

func (f ScheduleFree) check(c *checker) {
	c.that(f.WarmupSteps >= 0, "warmup_steps must not be negative")
	c.atLeast0("r", f.R)
	c.atLeast0("weight_lr_power", f.WeightLRPower)
}

// freeStep has the numbers of a step: lr, the share c of z in the mean, and the
// factor of d in the step of y, each of the type of the parameters.
type freeStep struct{ lr, share, move *ir.Value }

func (f ScheduleFree) start(s *Step, beta float64) freeStep {
	t := s.Count()
	number := func(v float64) *ir.Value { return ops.Scalar(t, v) }
	warm := number(1)
	if f.WarmupSteps > 0 {
		warm = ops.Minimum(warm, ops.Div(t, number(float64(f.WarmupSteps))))
	}
	of := "" // the settings that totals depend on
	if f != (ScheduleFree{WeightLRPower: 2}) {
		of = fmt.Sprintf(".%d_%v_%v", f.WarmupSteps, f.R, f.WeightLRPower)
	}
	// A factor of the rate that a group has is one of all weights in its mean, and
	// of no effect.
	largest := s.Total("lr_max"+of, func(old *ir.Value) *ir.Value { return ops.Maximum(old, ops.Mul(s.base, warm)) })
	w := ops.Mul(ops.Pow(t, number(f.R)), ops.Pow(largest, number(f.WeightLRPower)))
	sum := s.Total("weight_sum"+of, func(old *ir.Value) *ir.Value { return ops.Add(old, w) })
	share := ops.Select(ops.Gt(sum, number(0)), ops.Div(w, sum), number(0)) // while the rate is 0
	lr := ops.Mul(ops.Cast(s.LR, dtype.Float64), warm)
	move := ops.Mul(lr, ops.Sub(ops.Mul(number(beta), ops.Sub(number(1), share)), number(1)))
	return freeStep{s.scalar(lr), s.scalar(share), s.scalar(move)}
}

// update moves y and z along d.
func (f freeStep) update(y, z, d *ir.Value) (newY, newZ *ir.Value) {
	newY = ops.Add(ops.Add(y, ops.Mul(f.share, ops.Sub(z, y))), ops.Mul(f.move, d))
	return newY, ops.Sub(z, ops.Mul(f.lr, d))
}

// mean is x.
func mean(y, z *ir.Value, beta float64) *ir.Value {
	return ops.Add(y, ops.Mul(ops.Scalar(y, 1-1/beta), ops.Sub(z, y)))
}
