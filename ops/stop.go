package ops

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// StopGradientOp is the identity through which no gradient flows.
type StopGradientOp struct{}

// StopGradient returns x as a constant of the differentiation.
func StopGradient(x *ir.Value) *ir.Value { return ir.Apply1(StopGradientOp{}, x) }

// Name is "stop_gradient".
func (StopGradientOp) Name() string { return "stop_gradient" }

// Infer returns the operand's type.
func (StopGradientOp) Infer(in []ir.Type) ([]ir.Type, error) { return in, operands(in, 1) }

// Elementwise marks the op.
func (StopGradientOp) Elementwise() {}

// Eval copies.
func (StopGradientOp) Eval(in, out []*tensor.Tensor) { copy(out[0].Bytes(), in[0].Bytes()) }

// Grad returns none.
func (StopGradientOp) Grad(_, _, _ []*ir.Value) []*ir.Value { return []*ir.Value{nil} }
