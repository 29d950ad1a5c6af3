package ops

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/ir"
)

// ClampOp limits each element of x, of any shape and a floating-point or
// integer type,
//
//	y = min(max(x, Lo), Hi)
//
// so that Hi wins where Lo is above it. NaN stays NaN. An infinite limit is none,
// also for integers, whose limits must be whole; NaN is no limit. The gradient
// is 0 at the limits, beyond them and, if there is a limit, at NaN.
//
// Source: torch.clamp with numbers for limits (2.15).
type ClampOp struct{ Lo, Hi float64 }

// Clamp limits x to lo..hi.
func Clamp(x *ir.Value, lo, hi float64) *ir.Value { return ir.Apply1(ClampOp{lo, hi}, x) }

// Name is "clamp".
func (ClampOp) Name() string { return "clamp" }

// Infer wants one operand of numbers.
func (op ClampOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	t := in[0].DType
	for _, limit := range []float64{op.Lo, op.Hi} {
		switch {
		case limit != limit:
			return nil, errors.New("NaN is no limit")
		case t.IsInt() && math.Trunc(limit) != limit:
			return nil, fmt.Errorf("limit %v is not whole, as %v wants", limit, t)
		}
	}
	if t == boolType {
		return nil, fmt.Errorf("is not defined for %v", t)
	}
	return in[:1], nil
}

// Flops counts two comparisons an element.
func (ClampOp) Flops(in, _ []ir.Type) int64 { return 2 * int64(in[0].Shape.Size()) }

// Transposed is the op itself.
func (op ClampOp) Transposed([]int, []ir.Type) (ir.Op, bool) { return op, true }

// Expand is the formula.
func (op ClampOp) Expand(in []*ir.Value) []*ir.Value {
	x := in[0]
	lo, hi := Scalar(x, op.Lo), Scalar(x, op.Hi)
	if dt := x.DType(); dt.IsInt() {
		lo = FullInt(x.Graph(), dt, lo.Shape(), saturate(op.Lo, dt))
		hi = FullInt(x.Graph(), dt, hi.Shape(), saturate(op.Hi, dt))
	}
	return []*ir.Value{Minimum(Maximum(x, lo), hi)}
}

// Grad lets through what lies between the limits; Expand's would halve it at
// them.
func (op ClampOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	x, g := in[0], gout[0]
	if !x.DType().IsFloat() {
		return []*ir.Value{nil}
	}
	if lo := Scalar(x, op.Lo); !math.IsInf(op.Lo, -1) {
		g = Select(Gt(x, lo), g, ZerosLike(g))
	}
	if hi := Scalar(x, op.Hi); !math.IsInf(op.Hi, 1) {
		g = Select(Lt(x, hi), g, ZerosLike(g))
	}
	return []*ir.Value{g}
}

// ClampBetween limits x to lo..hi, values that broadcast with it: the smaller of
// hi and the larger of x and lo, NaN where one of them is. A nil limit is none.
// The gradient goes to the value that was taken; x and a limit that it equals
// share it evenly, unless lo is not below hi: then x has all of it if lo = hi and
// none if lo > hi. With both limits, x has all of it where one of the three is
// NaN (in PyTorch not always: not where lo > hi, for one); with one, see
// [Maximum] and [Minimum].
//
// Source: torch.clamp with tensors for limits (2.15).
func ClampBetween(x, lo, hi *ir.Value) *ir.Value {
	switch {
	case lo == nil && hi == nil:
		return x
	case hi == nil:
		return Maximum(x, lo)
	case lo == nil:
		return Minimum(x, hi)
	}
	proper := Lt(lo, hi)
	inside := Select(And(proper, Eq(x, lo)), Maximum(x, lo), Select(And(proper, Eq(x, hi)), Minimum(x, hi), x))
	y := Select(Or(Gt(x, hi), Gt(lo, hi)), hi, Select(Lt(x, lo), lo, inside))
	if !x.DType().IsFloat() {
		return y
	}
	return Select(Or(IsNaN(x), Or(IsNaN(lo), IsNaN(hi))), Add(x, Scalar(x, math.NaN())), y)
}
