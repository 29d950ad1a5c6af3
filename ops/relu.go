package ops

import "github.com/gradus-ml/gradus/ir"

// ReLUOp is the rectified linear unit
//
//	y = 0 where x <= 0, x elsewhere
//
// for a floating-point operand of any shape. NaN stays NaN. The gradient is 0
// at 0 and flows at NaN, as in PyTorch.
type ReLUOp struct{}

// ReLU returns the larger of x and 0.
func ReLU(x *ir.Value) *ir.Value { return ir.Apply1(ReLUOp{}, x) }

// Name is "relu".
func (ReLUOp) Name() string { return "relu" }

// Infer wants one floating-point operand.
func (ReLUOp) Infer(in []ir.Type) ([]ir.Type, error) { return inferFloats(in, 1) }

// Transposed is the op itself.
func (op ReLUOp) Transposed([]int, []ir.Type) (ir.Op, bool) { return op, true }

// Expand compares and selects.
func (ReLUOp) Expand(in []*ir.Value) []*ir.Value {
	x := in[0]
	return []*ir.Value{Select(Le(x, Scalar(x, 0)), ZerosLike(x), x)}
}

// Grad reads the result instead of the operand, which then need not be kept.
func (ReLUOp) Grad(_, out, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{ir.Apply1(ReLUGradOp{}, out[0], gout[0])}
}

// ReLUGradOp is the gradient of [ReLUOp]: of y, its result, and g, the
// gradient by y, it makes
//
//	dx = 0 where y <= 0, g elsewhere
type ReLUGradOp struct{}

// Name is "relu_grad".
func (ReLUGradOp) Name() string { return "relu_grad" }

// Infer wants two floating-point operands of one type.
func (ReLUGradOp) Infer(in []ir.Type) ([]ir.Type, error) { return inferFloats(in, 2) }

// Transposed is the op itself.
func (op ReLUGradOp) Transposed([]int, []ir.Type) (ir.Op, bool) { return op, true }

// Expand compares and selects.
func (ReLUGradOp) Expand(in []*ir.Value) []*ir.Value {
	y, g := in[0], in[1]
	return []*ir.Value{Select(Le(y, Scalar(y, 0)), ZerosLike(g), g)}
}

// Grad is the op again; nothing flows to y.
func (op ReLUGradOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{nil, ir.Apply1(op, in[0], gout[0])}
}

// inferFloats is the shape rule of element-wise composites: n floating-point
// operands of one type, and one result of that type.
func inferFloats(in []ir.Type, n int) ([]ir.Type, error) {
	if err := operands(in, n); err != nil {
		return nil, err
	}
	if err := floating(in[0]); err != nil {
		return nil, err
	}
	if err := alike(in); err != nil {
		return nil, err
	}
	return in[:1], nil
}
