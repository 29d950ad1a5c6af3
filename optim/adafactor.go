package optim

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// Adafactor keeps of the squared gradients of a matrix only the means of its
// rows and columns, and takes steps in proportion to the size of the parameter.
// For parameter p with gradient g, in step t = 1, 2, ...:
//
//	rho   = min(lr, 1/sqrt(t))
//	alpha = max(Eps2, rms(p)) * rho
//	p     = p * (1 - lr*WeightDecay)
//	w     = t^Beta2Decay
//	row   = (1-w)*row + w*mean(g^2 over columns)        the last axis
//	col   = (1-w)*col + w*mean(g^2 over rows)           the last but one
//	v     = row*col / max(mean(row over rows), Eps1)
//	u     = g / max(sqrt(v), Eps1)
//	p     = p - alpha * u/max(1, rms(u)/D)
//
// Here rms is the root of the mean of squares. A parameter of rank 0 or 1 has
// v = (1-w)*v + w*g^2. Axes before the last two are a batch of matrices.
//
// In the form of Keras, g^2+Eps1 stands in place of g^2 and Eps1 nowhere else;
// alpha takes rms(p) behind the decay. Keras's own settings are that form with a
// rate of 0.001 and an eps1 of 1e-30.
//
// Source: Shazeer, Stern, "Adafactor: adaptive learning rates with sublinear
// memory cost" (2018), algorithms 4 and 5; torch.optim.Adafactor;
// keras.optimizers.Adafactor of Keras 3.15, which keeps v of matrices too,
// without reading it.
type Adafactor struct {
	Common
	Form        Form     `json:"form" yaml:"form"`
	Beta2Decay  float64  `json:"beta2_decay" yaml:"beta2_decay"` // at most 0
	Eps1        *float64 `json:"eps1" yaml:"eps1"`               // of the means; null is the spacing of numbers at 1 in the type of the parameter
	Eps2        float64  `json:"eps2" yaml:"eps2"`               // smallest size that a parameter is taken to have
	D           float64  `json:"d" yaml:"d"`                     // largest root mean square of a step, in units of alpha
	WeightDecay float64  `json:"weight_decay" yaml:"weight_decay"`
}

// DefaultAdafactor has rate 0.01, a decay of -0.8, eps2 0.001 and d 1.
func DefaultAdafactor() Adafactor {
	return Adafactor{Common: common(1e-2), Beta2Decay: -0.8, Eps2: 1e-3, D: 1}
}

// Build makes an optimizer of one group.
func (cfg Adafactor) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg Adafactor) Validate() error {
	c := cfg.check()
	c.form(cfg.Form)
	c.that(cfg.Beta2Decay <= 0 && cfg.Beta2Decay-cfg.Beta2Decay == 0, "beta2_decay must be a finite number and not above 0, got %v", cfg.Beta2Decay)
	if cfg.Eps1 != nil {
		c.atLeast0("eps1", *cfg.Eps1)
	}
	c.atLeast0("eps2", cfg.Eps2)
	c.that(cfg.D >= 1 && cfg.D-cfg.D == 0, "d must be a finite number and at least 1, got %v", cfg.D)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	return c.err()
}

// Slots are row_var [... R 1] and col_var [... 1 C] of a parameter [... R C], or
// variance of one of rank 0 or 1.
func (Adafactor) Slots(p ir.Type) []Slot {
	n := p.Shape.Rank()
	if n < 2 {
		return []Slot{{Name: "variance"}}
	}
	row, col := p, p
	row.Shape, col.Shape = p.Shape.With(n-1, 1), p.Shape.With(n-2, 1)
	return []Slot{{Name: "row_var", Type: row}, {Name: "col_var", Type: col}}
}

// Start builds the rate and the weight of this step in the means.
func (cfg Adafactor) Start(s *Step) Update {
	t := s.Count()
	weight := s.scalar(ops.Pow(t, ops.Scalar(t, cfg.Beta2Decay)))
	rho := s.scalar(ops.Minimum(s.rate(), ops.Rsqrt(t)))
	decayed := s.decayed(cfg.WeightDecay, true)
	eps1 := spacing(s.LR.DType())
	if cfg.Eps1 != nil {
		eps1 = *cfg.Eps1
	}
	mean := func(old, x *ir.Value) *ir.Value { return ops.Add(old, ops.Mul(weight, ops.Sub(x, old))) }
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		size := p
		p, g = decayed(p, g)
		squared := ops.Mul(g, g)
		if cfg.Form == Keras {
			size, squared = p, ops.Add(squared, s.constant(eps1))
		}
		alpha := ops.Mul(rho, ops.Maximum(s.constant(cfg.Eps2), rms(size)))
		var v *ir.Value
		var next []*ir.Value
		if n := g.Rank(); n < 2 {
			v = mean(state[0], squared)
			next = []*ir.Value{v}
		} else {
			row := mean(state[0], meanOver(squared, n-1))
			col := mean(state[1], meanOver(squared, n-2))
			all := meanOver(row, n-2)
			if cfg.Form == Torch {
				all = ops.Maximum(all, s.constant(eps1))
			}
			v, next = ops.Mul(ops.Div(row, all), col), []*ir.Value{row, col}
		}
		if cfg.Form == Torch {
			v = ops.Maximum(v, s.constant(eps1*eps1))
		}
		u := ops.Div(g, ops.Sqrt(v))
		step := ops.Div(alpha, ops.Maximum(s.constant(1), scale(rms(u), 1/cfg.D)))
		return ops.Sub(p, ops.Mul(step, u)), next
	}
}

// rms is the root of the mean of the squares of all elements.
func rms(x *ir.Value) *ir.Value {
	return ops.Sqrt(scale(ops.SumSquares(x), 1/math.Max(1, float64(x.Shape().Size()))))
}

// meanOver is the mean over an axis, which stays with an extent of 1.
func meanOver(x *ir.Value, axis int) *ir.Value {
	dims := x.Shape().Dims()
	dims[axis] = 1
	return ops.Reshape(ops.Mean(x, axis), dims...)
}

// spacing is the distance from 1 to the next number of a type.
func spacing(d dtype.DType) float64 {
	if d == dtype.Float64 {
		return 0x1p-52
	}
	return 0x1p-23
}
