package ops

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// AfterOp is its first operand, for readers that run when the second is made. It
// takes no memory and no time, and keeps what is computed of it apart from the
// same computed of the operand itself: what pass.Recompute makes again.
type AfterOp struct{}

// After is x for readers that run after t has been made.
func After(x, t *ir.Value) *ir.Value { return ir.Apply1(AfterOp{}, x, t) }

// Name is "after".
func (AfterOp) Name() string { return "after" }

// String is empty: there are no attributes.
func (AfterOp) String() string { return "" }

// Infer gives the type of the first of two operands.
func (AfterOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 2); err != nil {
		return nil, err
	}
	return in[:1], nil
}

// Flops is 0.
func (AfterOp) Flops(_, _ []ir.Type) int64 { return 0 }

// Eval copies.
func (AfterOp) Eval(in, out []*tensor.Tensor) { copy(out[0].Bytes(), in[0].Bytes()) }

// Grad goes through to the first operand.
func (AfterOp) Grad(_, _, gout []*ir.Value) []*ir.Value { return []*ir.Value{gout[0], nil} }
