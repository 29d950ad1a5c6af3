package ops

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// CumulativeFunc names what a [CumulativeOp] accumulates.
type CumulativeFunc uint8

// What is accumulated.
const (
	CumSumFunc CumulativeFunc = iota
	CumProdFunc
	LogCumSumExpFunc
)

var cumulative = [...]struct {
	name  string
	start float64
	f     func(acc, x float64) float64
}{
	CumSumFunc:       {"cumsum", 0, func(acc, x float64) float64 { return acc + x }},
	CumProdFunc:      {"cumprod", 1, func(acc, x float64) float64 { return acc * x }},
	LogCumSumExpFunc: {"logcumsumexp", math.Inf(-1), logAddExp},
}

// CumulativeOp accumulates along an axis:
//
//	y[i] = x[0] + ... + x[i], or the product, or log(exp(x[0]) + ... + exp(x[i]))
//
// Reverse accumulates from the end: over x[i], ..., x[n-1]. Exclusive leaves
// x[i] itself out; over no element the sum is 0, the product 1 and the log
// -Inf. Floats are accumulated in float64, integers exactly with wrap-around;
// logcumsumexp takes floats alone. The order does not depend on the number of
// threads.
//
// Source: torch.cumsum, cumprod and logcumsumexp; Reverse and Exclusive as in
// tf.math.cumsum.
type CumulativeOp struct {
	F                  CumulativeFunc
	Axis               int
	Reverse, Exclusive bool
}

// CumSum adds up along an axis; a negative axis counts from the end.
func CumSum(x *ir.Value, axis int) *ir.Value {
	return Cumulate(x, CumulativeOp{F: CumSumFunc, Axis: axis})
}

// CumProd multiplies along an axis; a negative axis counts from the end. Its
// gradients are right where elements are 0; second gradients are right where
// at most one element of a line is 0.
func CumProd(x *ir.Value, axis int) *ir.Value {
	return Cumulate(x, CumulativeOp{F: CumProdFunc, Axis: axis})
}

// LogCumSumExp is log(cumsum(exp(x))), without overflow; a negative axis counts
// from the end.
func LogCumSumExp(x *ir.Value, axis int) *ir.Value {
	return Cumulate(x, CumulativeOp{F: LogCumSumExpFunc, Axis: axis})
}

// Cumulate accumulates as op says; a negative axis counts from the end.
func Cumulate(x *ir.Value, op CumulativeOp) *ir.Value {
	op.Axis = fromStart(x, op.Axis)
	return ir.Apply1(op, x)
}

// Name is that of what is accumulated.
func (op CumulativeOp) Name() string { return cumulative[op.F].name }

func (op CumulativeOp) String() string {
	s := fmt.Sprintf("axis %d", op.Axis)
	if op.Reverse {
		s += " reverse"
	}
	if op.Exclusive {
		s += " exclusive"
	}
	return s
}

// Infer gives the operand's type.
func (op CumulativeOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if op.F == LogCumSumExpFunc {
		return inferAlong(op.Axis, in, 1)
	}
	return in, numbersAlong(op.Axis, in)
}

// numbersAlong checks for one operand of numbers that has an axis.
func numbersAlong(axis int, in []ir.Type) error {
	if err := operands(in, 1); err != nil {
		return err
	}
	if axis < 0 || axis >= in[0].Shape.Rank() {
		return fmt.Errorf("axis %d is outside a tensor of rank %d", axis, in[0].Shape.Rank())
	}
	if in[0].DType == boolType {
		return errors.New("is not defined for bool; cast first")
	}
	return nil
}

// Flops is one operation an element.
func (CumulativeOp) Flops(in, _ []ir.Type) int64 { return int64(in[0].Shape.Size()) }

// Transposed works along the same axis where it has moved to.
func (op CumulativeOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	op.Axis = moved(op.Axis, perm)
	return op, true
}

// eachLine calls f for each line of x along an axis with the places of its
// elements, backwards if reverse is set.
func eachLine(x *tensor.Tensor, axis int, reverse bool, f func(places []int)) {
	strides := x.Shape().Strides()
	places := make([]int, x.Shape().Dim(axis))
	if len(places) == 0 {
		return
	}
	walk(x.Shape().With(axis, 1), func(_ int, at []int) {
		first := offset(at, strides)
		for i := range places {
			k := i
			if reverse {
				k = len(places) - 1 - i
			}
			places[i] = first + k*strides[axis]
		}
		f(places)
	})
}

// Eval accumulates line by line.
func (op CumulativeOp) Eval(in, out []*tensor.Tensor) {
	x, y := in[0], out[0]
	eachLine(x, op.Axis, op.Reverse, func(places []int) {
		acc, whole := cumulative[op.F].start, int64(cumulative[op.F].start)
		for _, p := range places {
			before, wholeBefore := acc, whole
			if x.DType().IsFloat() {
				acc = cumulative[op.F].f(acc, x.Float(p))
			} else if op.F == CumProdFunc {
				whole *= x.Int(p)
			} else {
				whole += x.Int(p)
			}
			if op.Exclusive {
				put(y, p, before, wholeBefore)
			} else {
				put(y, p, acc, whole)
			}
		}
	})
}

// put stores a float or an integer, whichever the tensor holds.
func put(t *tensor.Tensor, i int, v float64, whole int64) {
	if t.DType().IsFloat() {
		t.SetFloat(i, v)
	} else {
		t.SetInt(i, whole)
	}
}

// Grad accumulates the other way.
func (op CumulativeOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	x, y, g := in[0], out[0], gout[0]
	if !x.DType().IsFloat() {
		return []*ir.Value{nil}
	}
	back := func(f CumulativeFunc, v *ir.Value) *ir.Value {
		return ir.Apply1(CumulativeOp{f, op.Axis, !op.Reverse, op.Exclusive}, v)
	}
	switch op.F {
	case CumSumFunc:
		return []*ir.Value{back(CumSumFunc, g)}
	case CumProdFunc:
		// An element that is not 0 divides out of the products. The first zero
		// of a line counts where it is taken out; behind it, and for further
		// zeros, all products are 0.
		zero := Eq(x, Scalar(x, 0))
		count := ir.Apply1(CumulativeOp{CumSumFunc, op.Axis, op.Reverse, false}, Cast(zero, dtype.Int32))
		first := And(zero, Eq(count, Scalar(count, 1)))
		without := ir.Apply1(op, Select(first, Scalar(x, 1), x))
		ordinary := Div(back(CumSumFunc, Mul(g, y)), Select(zero, Scalar(x, 1), x))
		return []*ir.Value{Select(first, back(CumSumFunc, Mul(g, without)), ordinary)}
	}
	// dy[j]/dx[i] = exp(x[i] - y[j]): in logarithms, of g's positive and
	// negative part each.
	part := func(g *ir.Value) *ir.Value {
		positive := Gt(g, Scalar(g, 0))
		lg := Select(positive, Log(Select(positive, g, Scalar(g, 1))), Scalar(g, logOfNothing))
		return Exp(Add(back(LogCumSumExpFunc, Sub(lg, y)), x))
	}
	return []*ir.Value{Sub(part(g), part(Neg(g)))}
}

// logOfNothing stands for log(0) where -Inf would make the gradient of the
// gradient Inf - Inf.
const logOfNothing = -1e30
