package ops

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/ir"
)

// VarOp is the variance of a floating-point operand along some axes, which it
// drops; Axes is a set of bits as in [ReduceOp]:
//
//	y = sum((x - mean)^2) / max(0, N - Correction)
//
// of N elements. Correction 1 is Bessel's, 0 gives the mean square. Where the
// divisor is 0 the result is NaN, or +Inf if some x differ. The gradient is
//
//	dx = 2 (x - mean) g / (N - Correction)
//
// as in PyTorch, also where N - Correction is negative.
//
// Source: torch.var (2.15).
type VarOp struct {
	Correction float64
	Axes       uint8
}

// Var returns the variance along axes, all of them if none is named.
func Var(x *ir.Value, correction float64, axes ...int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	op := VarOp{Correction: correction}
	var err error
	if op.Axes, err = axisSet(x, axes); err != nil {
		return fail(op.Name(), err, x)
	}
	return applyWide(1, op, x)[0]
}

// VarMean returns the variance and the mean, see [Var] and [Mean].
func VarMean(x *ir.Value, correction float64, axes ...int) (variance, mean *ir.Value) {
	return Var(x, correction, axes...), Mean(x, axes...)
}

// Std returns the square root of the variance, see [Var]. Its gradient is 0 where
// the result is.
func Std(x *ir.Value, correction float64, axes ...int) *ir.Value {
	return inFloat32(x, func(x *ir.Value) *ir.Value { return sqrtOfSum(Var(x, correction, axes...)) })
}

// StdMean returns the standard deviation and the mean, see [Std] and [Mean].
func StdMean(x *ir.Value, correction float64, axes ...int) (deviation, mean *ir.Value) {
	return Std(x, correction, axes...), Mean(x, axes...)
}

// sqrtOfSum is the square root of a sum of squares. Where it is 0 the squares
// are at their smallest and the gradient is 0, not infinity times 0.
func sqrtOfSum(v *ir.Value) *ir.Value {
	zero := Eq(v, Scalar(v, 0))
	return Select(zero, v, Sqrt(Select(zero, OnesLike(v), v)))
}

// Name is "var".
func (VarOp) Name() string { return "var" }

func (op VarOp) String() string {
	return fmt.Sprint(ReduceOp{Axes: op.Axes}, " correction ", op.Correction)
}

// Infer drops the reduced axes.
func (op VarOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	if err := floating(in[0]); err != nil {
		return nil, err
	}
	if op.Correction != op.Correction {
		return nil, fmt.Errorf("correction is NaN")
	}
	return ReduceOp{Axes: op.Axes}.Infer(in)
}

// Flops counts two sums, a difference and a product an element.
func (VarOp) Flops(in, _ []ir.Type) int64 { return 4 * int64(in[0].Shape.Size()) }

// Expand is the formula.
func (op VarOp) Expand(in []*ir.Value) []*ir.Value {
	x := in[0]
	d, n := op.deviations(x)
	s := ir.Apply1(ReduceOp{SumFunc, op.Axes}, Square(d))
	return []*ir.Value{Div(s, Scalar(x, math.Max(0, n-op.Correction)))}
}

// deviations returns the differences from the mean, and of how many elements
// that is.
func (op VarOp) deviations(x *ir.Value) (d *ir.Value, n float64) {
	axes := ReduceOp{Axes: op.Axes}.List()
	n = 1
	for _, a := range axes {
		n *= float64(x.Dim(a))
	}
	mean := Mul(ir.Apply1(ReduceOp{SumFunc, op.Axes}, x), Scalar(x, 1/n))
	return Sub(x, op.spread(mean, x)), n
}

// spread repeats a reduced value along the axes it lost.
func (op VarOp) spread(v, x *ir.Value) *ir.Value {
	if op.Axes == 0 {
		return v
	}
	return Broadcast(KeepDims(v, x, ReduceOp{Axes: op.Axes}.List()...), x.Shape())
}

// Grad leaves the mean's part out, which adds up to 0.
func (op VarOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	x := in[0]
	d, n := op.deviations(x)
	return []*ir.Value{Mul(d, op.spread(Mul(gout[0], Scalar(x, 2/(n-op.Correction))), x))}
}
