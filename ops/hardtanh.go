package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
)

// HardtanhOp limits a floating-point operand of any shape:
//
//	y = Lo where x <= Lo, Hi where x >= Hi, x elsewhere
//
// NaN stays NaN. The gradient is 0 at and beyond the limits and flows at NaN, as
// in PyTorch. It differs from [ClampOp] in the side of the gradient at NaN, and
// in that Lo is not above Hi.
type HardtanhOp struct{ Lo, Hi float64 }

// ReLU6 returns x limited to 0..6.
func ReLU6(x *ir.Value) *ir.Value { return Hardtanh(x, 0, 6) }

// Hardtanh returns x limited to lo..hi. A lo above hi is a mistake.
func Hardtanh(x *ir.Value, lo, hi float64) *ir.Value { return ir.Apply1(HardtanhOp{lo, hi}, x) }

// Name is "hardtanh".
func (HardtanhOp) Name() string { return "hardtanh" }

// Infer wants one floating-point operand.
func (op HardtanhOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if !(op.Lo <= op.Hi) {
		return nil, fmt.Errorf("lower limit %v is above upper limit %v", op.Lo, op.Hi)
	}
	return inferFloats(in, 1)
}

// Flops counts two comparisons an element.
func (HardtanhOp) Flops(in, _ []ir.Type) int64 { return 2 * int64(in[0].Shape.Size()) }

// Transposed is the op itself.
func (op HardtanhOp) Transposed([]int, []ir.Type) (ir.Op, bool) { return op, true }

// Expand compares and selects.
func (op HardtanhOp) Expand(in []*ir.Value) []*ir.Value {
	x := in[0]
	lo, hi := Scalar(x, op.Lo), Scalar(x, op.Hi)
	return []*ir.Value{Select(Le(x, lo), lo, Select(Ge(x, hi), hi, x))}
}

// Grad reads the result instead of the operand, which then need not be kept.
func (op HardtanhOp) Grad(_, out, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{ir.Apply1(HardtanhGradOp(op), out[0], gout[0])}
}

// HardtanhGradOp is the gradient of [HardtanhOp]: of y, its result, and g, the
// gradient by y, it makes
//
//	dx = 0 where y <= Lo or y >= Hi, g elsewhere
type HardtanhGradOp struct{ Lo, Hi float64 }

// Name is "hardtanh_grad".
func (HardtanhGradOp) Name() string { return "hardtanh_grad" }

// Infer wants two floating-point operands of one type.
func (HardtanhGradOp) Infer(in []ir.Type) ([]ir.Type, error) { return inferFloats(in, 2) }

// Flops counts two comparisons an element.
func (HardtanhGradOp) Flops(in, _ []ir.Type) int64 { return 2 * int64(in[0].Shape.Size()) }

// Transposed is the op itself.
func (op HardtanhGradOp) Transposed([]int, []ir.Type) (ir.Op, bool) { return op, true }

// Expand compares and selects.
func (op HardtanhGradOp) Expand(in []*ir.Value) []*ir.Value {
	y, g := in[0], in[1]
	outside := Or(Le(y, Scalar(y, op.Lo)), Ge(y, Scalar(y, op.Hi)))
	return []*ir.Value{Select(outside, ZerosLike(g), g)}
}

// Grad is the op again; nothing flows to y.
func (op HardtanhGradOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{nil, ir.Apply1(op, in[0], gout[0])}
}
