package nn

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// BilinearConfig describes a [Bilinear].
type BilinearConfig struct {
	In1  int  `json:"in1" yaml:"in1"`   // width of the first operand
	In2  int  `json:"in2" yaml:"in2"`   // width of the second
	Out  int  `json:"out" yaml:"out"`   // width of the result
	Bias bool `json:"bias" yaml:"bias"` // adds a bias
}

// DefaultBilinear is a layer with bias.
func DefaultBilinear(in1, in2, out int) BilinearConfig {
	return BilinearConfig{In1: in1, In2: in2, Out: out, Bias: true}
}

// Validate tells all that is wrong.
func (cfg BilinearConfig) Validate() error {
	return errors.Join(positive("in1", cfg.In1, "in2", cfg.In2, "out", cfg.Out), fits(max(cfg.Out, 0), max(cfg.In1, 0), max(cfg.In2, 0)))
}

// Bilinear is linear in each of two operands:
//
//	y[..., o] = sum over i, j of x1[..., i] weight[o, i, j] x2[..., j] + bias[o]
//
// x1 [... In1], x2 [... In2], y [... Out], weight [Out In1 In2], bias [Out]. Both
// are drawn from U(-1/sqrt(In1), 1/sqrt(In1)).
//
// Source: torch.nn.Bilinear.
type Bilinear struct {
	Config BilinearConfig `param:"-"`
	Weight *Param
	Bias   *Param // nil without
	err    error
}

// Build makes the layer.
func (cfg BilinearConfig) Build() *Bilinear {
	l := &Bilinear{Config: cfg, err: cfg.Validate()}
	if l.err != nil {
		return l
	}
	l.Weight = newParam(byFanIn(cfg.In1), cfg.Out, cfg.In1, cfg.In2)
	if cfg.Bias {
		l.Bias = newParam(byFanIn(cfg.In1), cfg.Out)
	}
	return l
}

// NewBilinear is DefaultBilinear(in1, in2, out).Build().
func NewBilinear(in1, in2, out int) *Bilinear { return DefaultBilinear(in1, in2, out).Build() }

// Forward combines x1 and x2.
func (l *Bilinear) Forward(c *Ctx, x1, x2 *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if l.err != nil {
		return refuse(c, "bilinear", l.err, x1)
	}
	return ops.Bilinear(x1, x2, c.Param(l.Weight), optional(c, l.Bias))
}
