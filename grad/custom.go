package grad

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// A Rule gives the gradients by in of something computed as out, one for each of
// in, given those by out; nil where none flows on. An entry of gout is nil where
// no gradient reaches that result.
type Rule func(in, out, gout []*ir.Value) []*ir.Value

// Custom computes what forward builds from in, and differentiates it by rule
// instead of by what it is made of: for a straight-through estimator, a gradient
// that is clipped or turned round, a formula that is steadier than that of the
// parts. The rule may use values of the graph around it, and is itself
// differentiated where a gradient of the gradient is wanted. What forward uses
// without having it in in gets no gradient.
//
// An op that is used often is better a type of its own, see [ir.Differentiable].
//
// Source: torch.autograd.Function, jax.custom_vjp.
func Custom(in []*ir.Value, forward func(in []*ir.Value) []*ir.Value, rule Rule) []*ir.Value {
	inside := make([]*ir.Value, len(in))
	for i, v := range in {
		inside[i] = ops.StopGradient(v) // leaves of their own
	}
	out := forward(inside)
	g := in[0].Graph()
	if g.Err() != nil {
		return out
	}
	operands := append([]*ir.Value{}, in...)
	for _, v := range out {
		operands = append(operands, ops.StopGradient(v))
	}
	return ir.Apply(customOp{len(in), len(out), &rule}, operands...)
}

// customOp hands on what was computed of its first operands, In of them, which
// are the others, and has a rule for the gradient. Two calls are never one node.
type customOp struct {
	In, Out int
	Rule    *Rule
}

// Name is "custom".
func (customOp) Name() string { return "custom" }

// NumResults is that of the function.
func (op customOp) NumResults() int { return op.Out }

// Infer hands on types.
func (op customOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if op.Out == 0 {
		return nil, errors.New("the function returned no value")
	}
	return in[op.In:], nil
}

// Expand is what was computed.
func (op customOp) Expand(in []*ir.Value) []*ir.Value { return in[op.In:] }

// Grad asks the rule.
func (op customOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	grads := (*op.Rule)(in[:op.In], out, gout)
	if g := in[0].Graph(); len(grads) != op.In && g.Err() == nil {
		g.Fail("custom", fmt.Sprintf("the rule gave %d gradients for %d operands", len(grads), op.In), in)
		return make([]*ir.Value, len(in))
	}
	return append(append([]*ir.Value{}, grads...), make([]*ir.Value, len(in)-op.In)...)
}
