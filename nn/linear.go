package nn

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// LinearConfig describes a [Linear].
type LinearConfig struct {
	In   int  `json:"in" yaml:"in"`     // width of the operand
	Out  int  `json:"out" yaml:"out"`   // width of the result
	Bias bool `json:"bias" yaml:"bias"` // adds a bias
}

// DefaultLinear is a layer with bias.
func DefaultLinear(in, out int) LinearConfig { return LinearConfig{In: in, Out: out, Bias: true} }

// Validate tells all that is wrong.
func (cfg LinearConfig) Validate() error {
	return errors.Join(positive("in", cfg.In, "out", cfg.Out), fits(max(cfg.Out, 0), max(cfg.In, 0)))
}

// Linear is an affine map of the last axis:
//
//	y = x weightᵀ + bias
//
// x [... In], y [... Out], weight [Out In], bias [Out]. Both are drawn from
// U(-1/sqrt(In), 1/sqrt(In)).
//
// Source: torch.nn.Linear.
type Linear struct {
	Config LinearConfig `param:"-"`
	Weight *Param
	Bias   *Param // nil without
	err    error
}

// Build makes the layer.
func (cfg LinearConfig) Build() *Linear {
	l := &Linear{Config: cfg, err: cfg.Validate()}
	if l.err != nil {
		return l
	}
	l.Weight = newParam(byFanIn(cfg.In), cfg.Out, cfg.In)
	if cfg.Bias {
		l.Bias = newParam(byFanIn(cfg.In), cfg.Out)
	}
	return l
}

// NewLinear is DefaultLinear(in, out).Build().
func NewLinear(in, out int) *Linear { return DefaultLinear(in, out).Build() }

// Forward maps the last axis of x.
func (l *Linear) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if l.err != nil {
		return refuse(c, "linear", l.err, x)
	}
	return ops.Linear(x, c.Param(l.Weight), optional(c, l.Bias))
}
