package optim

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
)

// SparseAdam is [Adam] that leaves alone what a step has no gradient for: the
// rows of an embedding that no example of the batch names keep their weights and
// their state. A row is all that has one index on the first axis; it has no
// gradient if all its elements are 0. For the others, in step t = 1, 2, ...:
//
//	m = Beta1*m + (1-Beta1)*g
//	v = Beta2*v + (1-Beta2)*g^2
//	p = p - lr*sqrt(1-Beta2^t)/(1-Beta1^t) * m/(sqrt(v)+Eps)
//
// PyTorch's takes sparse gradients, in which a row may be named and be 0: that
// one is updated there and not here. Gradients are dense here, so that a step
// reads all of them.
//
// Source: torch.optim.SparseAdam.
type SparseAdam struct {
	Common
	Beta1 float64 `json:"beta1" yaml:"beta1"`
	Beta2 float64 `json:"beta2" yaml:"beta2"`
	Eps   float64 `json:"eps" yaml:"eps"`
}

// DefaultSparseAdam has rate 0.001, betas 0.9 and 0.999, eps 1e-8.
func DefaultSparseAdam() SparseAdam {
	return SparseAdam{Common: common(1e-3), Beta1: 0.9, Beta2: 0.999, Eps: 1e-8}
}

// Build makes an optimizer of one group.
func (cfg SparseAdam) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg SparseAdam) Validate() error { return cfg.adam().Validate() }

// Slots are exp_avg and exp_avg_sq.
func (cfg SparseAdam) Slots(p ir.Type) []Slot { return cfg.adam().Slots(p) }

// adam is the rule of a row with a gradient.
func (cfg SparseAdam) adam() Adam {
	return Adam{Common: cfg.Common, Form: Keras, Beta1: cfg.Beta1, Beta2: cfg.Beta2, Eps: cfg.Eps}
}

// Start is that of Adam.
func (cfg SparseAdam) Start(s *Step) Update {
	update, zero := cfg.adam().Start(s), s.constant(0)
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		newP, next := update(p, g, state)
		row := g
		if g.Rank() > 1 {
			dims, axes := make([]int, g.Rank()), make([]int, g.Rank()-1)
			dims[0] = g.Dim(0)
			for i := range axes {
				dims[i+1], axes[i] = 1, i+1
			}
			row = ops.Reshape(ops.Amax(ops.Abs(g), axes...), dims...)
		}
		touched := ops.Ne(row, zero)
		for i, old := range state {
			next[i] = ops.Select(touched, next[i], old)
		}
		return ops.Select(touched, newP, p), next
	}
}
