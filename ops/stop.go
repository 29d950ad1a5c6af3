package ops

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// StopGradientOp gives its operand unchanged and lets no gradient back.
type StopGradientOp struct{}

// StopGradient returns x as a constant in the eyes of the gradient, as detach
// does in PyTorch.
func StopGradient(x *ir.Value) *ir.Value { return ir.Apply1(StopGradientOp{}, x) }

// Name is "stop_gradient".
func (StopGradientOp) Name() string { return "stop_gradient" }

// Infer returns the operand's type.
func (StopGradientOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	return in, nil
}

// Elementwise marks the op.
func (StopGradientOp) Elementwise() {}

// Flops is 0.
func (StopGradientOp) Flops(_, _ []ir.Type) int64 { return 0 }

// Eval copies.
func (StopGradientOp) Eval(in, out []*tensor.Tensor) { copy(out[0].Bytes(), in[0].Bytes()) }

// Grad lets nothing flow.
func (StopGradientOp) Grad(_, _, _ []*ir.Value) []*ir.Value { return []*ir.Value{nil} }
