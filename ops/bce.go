package ops

import (
	"github.com/gradus-ml/gradus/ir"
)

// BCEOp is the binary cross-entropy, in nats, between probabilities x and
// targets t of any shape and one floating-point type:
//
//	y = -(t max(log x, -100) + (1-t) max(log(1-x), -100))
//
// An x outside 0..1 gives NaN. The gradient is that of the formula without limits,
// kept finite at 0 and 1 by a limit of its own:
//
//	dx = (x-t) / max(x (1-x), 1e-12)
//	dt = max(log(1-x), -100) - max(log x, -100)
//
// Source: torch.nn.functional.binary_cross_entropy without reduction (2.15),
// whose gradient by t has no limits.
type BCEOp struct{}

// BCE returns the binary cross-entropy of each element.
func BCE(x, t *ir.Value) *ir.Value { return applyWide(1, BCEOp{}, x, t)[0] }

// Name is "bce".
func (BCEOp) Name() string { return "bce" }

// Infer wants two floating-point operands of one type.
func (BCEOp) Infer(in []ir.Type) ([]ir.Type, error) { return inferFloats(in, 2) }

// Flops counts two logarithms of about ten, and six more.
func (BCEOp) Flops(in, _ []ir.Type) int64 { return 26 * int64(in[0].Shape.Size()) }

// Transposed is the op itself.
func (op BCEOp) Transposed([]int, []ir.Type) (ir.Op, bool) { return op, true }

// Expand is the formula.
func (BCEOp) Expand(in []*ir.Value) []*ir.Value {
	x, t := in[0], in[1]
	yes, no := bceLogs(x)
	return []*ir.Value{Sub(Mul(Sub(t, Scalar(t, 1)), no), Mul(t, yes))}
}

// bceLogs are the logarithms of x and of 1-x, none below -100.
func bceLogs(x *ir.Value) (yes, no *ir.Value) {
	least := Scalar(x, -100)
	return Maximum(Log(x), least), Maximum(Log1p(Neg(x)), least)
}

// leastSpread is 1e-12 in float32, as in PyTorch.
const leastSpread = float64(float32(1e-12))

// Grad is what the comment says.
func (BCEOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	x, t, g := in[0], in[1], gout[0]
	spread := Maximum(Mul(x, Sub(Scalar(x, 1), x)), Scalar(x, leastSpread))
	yes, no := bceLogs(x)
	return []*ir.Value{Mul(g, Div(Sub(x, t), spread)), Mul(g, Sub(no, yes))}
}
