package optim

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// SOAP runs Adam in the axes in which the gradients of a parameter are least
// correlated, the eigenvectors of Shampoo's matrices. For parameter p with
// gradient g, for each axis a of p with extent n, in step t = 1, 2, ...:
//
//	GGa = ShampooBeta*GGa + (1-ShampooBeta) * (g gᵀ along a)      [n n]
//	Qa  = eigenvectors of GGa, by falling eigenvalues             in step 1
//
// The first step does no more. In the others, with x' = x times Qa along each
// axis a, before GG and Q are renewed:
//
//	m = Beta1*m + (1-Beta1)*g
//	v = Beta2*v + (1-Beta2)*g'^2
//	u = (m' / (sqrt(v) + Eps)) times Qaᵀ along each axis
//	p = p - lr * sqrt(1-Beta2^(t-1)) / (1-Beta1^(t-1)) * u
//	p = p * (1 - lr*WeightDecay)
//
// After every Frequency of them Qa becomes the orthogonal factor of GGa Qa, with
// its columns, and v along a, in the order of falling diagonals of Qaᵀ GGa Qa.
// Where an axis is longer than MaxDim, and in a vector unless PreconditionVectors
// is set, Qa is the identity.
//
// For an axis of n elements 2 n^2 numbers are kept, and the renewals take in the
// order of n^3 operations in float64.
//
// Source: Vyas and others, "SOAP: improving and stabilizing Shampoo using Adam"
// (2024), algorithm 3; pytorch_optimizer.SOAP (4.1.0) without merge_dims and
// normalize_gradient. The signs of eigenvectors are others, and of no effect.
type SOAP struct {
	Common
	Beta1               float64  `json:"beta1" yaml:"beta1"`
	Beta2               float64  `json:"beta2" yaml:"beta2"`
	ShampooBeta         *float64 `json:"shampoo_beta" yaml:"shampoo_beta"` // null for Beta2
	Eps                 float64  `json:"eps" yaml:"eps"`
	WeightDecay         float64  `json:"weight_decay" yaml:"weight_decay"`                     // per unit of learning rate
	Frequency           int      `json:"precondition_frequency" yaml:"precondition_frequency"` // steps from one renewal of Q to the next
	MaxDim              int      `json:"max_precondition_dim" yaml:"max_precondition_dim"`     // the longest axis that has a Q
	PreconditionVectors bool     `json:"precondition_1d" yaml:"precondition_1d"`               // parameters of one axis have a Q
}

// DefaultSOAP has rate 0.003, betas 0.95, eps 1e-8 and decay 0.01, and renews
// every ten steps.
func DefaultSOAP() SOAP {
	return SOAP{Common: common(3e-3), Beta1: 0.95, Beta2: 0.95, Eps: 1e-8, WeightDecay: 1e-2, Frequency: 10, MaxDim: 10000}
}

// Build makes an optimizer of one group.
func (cfg SOAP) Build(params []module.Named) (Optimizer, error) { return build(cfg, params) }

// Validate tells all that is wrong.
func (cfg SOAP) Validate() error {
	c := cfg.check()
	c.below1("beta1", cfg.Beta1)
	c.below1("beta2", cfg.Beta2)
	if cfg.ShampooBeta != nil {
		c.below1("shampoo_beta", *cfg.ShampooBeta)
	}
	c.atLeast0("eps", cfg.Eps)
	c.atLeast0("weight_decay", cfg.WeightDecay)
	c.that(cfg.Frequency >= 1, "precondition_frequency must be at least 1, got %d", cfg.Frequency)
	c.that(cfg.MaxDim >= 1, "max_precondition_dim must be at least 1, got %d", cfg.MaxDim)
	return c.err()
}

// turned lists the axes of a parameter that have a Q.
func (cfg SOAP) turned(p ir.Type) (axes []int) {
	rank := p.Shape.Rank()
	if rank < 2 && !cfg.PreconditionVectors {
		return nil
	}
	for a := range rank {
		if n := p.Shape.Dim(a); n > 0 && n <= cfg.MaxDim {
			axes = append(axes, a)
		}
	}
	return axes
}

// Slots are exp_avg and exp_avg_sq, then GG.A for each axis A that has one, then
// Q.A.
func (cfg SOAP) Slots(p ir.Type) []Slot {
	slots := []Slot{{Name: "exp_avg"}, {Name: "exp_avg_sq"}}
	for _, name := range []string{"GG", "Q"} {
		for _, a := range cfg.turned(p) {
			n := p.Shape.Dim(a)
			slots = append(slots, Slot{Name: fmt.Sprintf("%s.%d", name, a), Type: ir.Type{DType: p.DType, Shape: shape.Of(n, n)}})
		}
	}
	return slots
}

// Start builds the corrections, and whether the step is one that renews.
func (cfg SOAP) Start(s *Step) Update {
	t := s.Count()
	first := s.first()
	one := ops.Scalar(t, 1)
	done := ops.Maximum(ops.Sub(t, one), one) // steps of Adam, with this one; 1 in the first, where it is of no use
	left := func(beta float64) *ir.Value { return ops.Sub(one, ops.Pow(ops.Scalar(t, beta), done)) }
	step := s.scalar(ops.Mul(s.rate(), ops.Div(ops.Sqrt(left(cfg.Beta2)), left(cfg.Beta1))))
	rounds := ops.Div(done, ops.Scalar(t, float64(cfg.Frequency)))
	renews := ops.Eq(rounds, ops.Floor(rounds))
	keep, eps := s.keep(cfg.WeightDecay), s.constant(cfg.Eps)
	beta := cfg.Beta2
	if cfg.ShampooBeta != nil {
		beta = *cfg.ShampooBeta
	}
	return func(p, g *ir.Value, state []*ir.Value) (*ir.Value, []*ir.Value) {
		axes := cfg.turned(p.Type())
		gg, q := state[2:2+len(axes)], state[2+len(axes):]
		m, v := towards(state[0], g, 1-cfg.Beta1), towards(state[1], ops.Square(turn(g, axes, q, 0)), 1-cfg.Beta2)
		u := turn(ops.Div(turn(m, axes, q, 0), ops.Add(ops.Sqrt(v), eps)), axes, q, 1)
		newP := ops.Select(first, p, ops.Mul(keep, ops.Sub(p, ops.Mul(step, u))))
		m, v = ops.Select(first, state[0], m), ops.Select(first, state[1], v)

		newGG := make([]*ir.Value, len(axes))
		for i, a := range axes {
			var others []int
			for b := range p.Rank() {
				if b != a {
					others = append(others, b)
				}
			}
			newGG[i] = towards(gg[i], ops.DotGeneral(g, g, ops.DotSpec{XContract: others, YContract: others}), 1-beta)
		}
		if len(axes) == 0 {
			return newP, []*ir.Value{m, v}
		}
		turned := ops.Cond(first, func() []*ir.Value {
			next := []*ir.Value{v}
			for _, x := range newGG {
				_, vectors := ops.Eigh(x)
				next = append(next, ops.Flip(vectors, 1))
			}
			return next
		}, func() []*ir.Value {
			return ops.Cond(ops.And(renews, ops.Not(first)), func() []*ir.Value {
				v, next := v, make([]*ir.Value, len(axes))
				for i, a := range axes {
					product := ops.MatMul(newGG[i], q[i])
					order := ops.ArgSort(ops.Sum(ops.Mul(q[i], product), 0), 0, true)
					v = ops.Take(v, order, a)
					next[i], _ = ops.QR(ops.Take(product, order, 1))
				}
				return append([]*ir.Value{v}, next...)
			}, func() []*ir.Value { return append([]*ir.Value{v}, q...) })
		})
		return newP, append(append([]*ir.Value{m, turned[0]}, newGG...), turned[1:]...)
	}
}

// turn multiplies x along the axes that have one by a matrix of q, by its axis
// side.
func turn(x *ir.Value, axes []int, q []*ir.Value, side int) *ir.Value {
	if len(axes) == 0 {
		return x
	}
	i := 0
	for a := range x.Rank() { // the first axis goes to the end each time
		if i < len(axes) && axes[i] == a {
			x = ops.DotGeneral(x, q[i], ops.DotSpec{XContract: []int{0}, YContract: []int{side}})
			i++
			continue
		}
		var order []int
		for b := range x.Rank() {
			order = append(order, (b+1)%x.Rank())
		}
		x = ops.Transpose(x, order...)
	}
	return x
}
