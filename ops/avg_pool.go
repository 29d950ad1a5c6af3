package ops

import (
	"errors"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// AvgPoolOp takes the mean of each window. Padding counts as 0; with
// CountIncludePad the sum is divided by the number of all taps, else by the
// number of those inside the tensor. A window of nothing but padding gives 0.
// Dilation must be 1.
//
// Source: torch.nn.functional.avg_pool1d, 2d and 3d.
type AvgPoolOp struct {
	Window          Window
	CountIncludePad bool
}

// AvgPool takes the mean of each window.
func AvgPool(x *ir.Value, w Window, countIncludePad bool) *ir.Value {
	return ir.Apply1(AvgPoolOp{w, countIncludePad}, x)
}

// Name is "avg_pool".
func (AvgPoolOp) Name() string { return "avg_pool" }

func (op AvgPoolOp) String() string {
	if op.CountIncludePad {
		return op.Window.String() + ", count_include_pad"
	}
	return op.Window.String()
}

// Infer gives the shape of the windows.
func (op AvgPoolOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := op.check(in); err != nil {
		return nil, err
	}
	y, err := op.Window.result(in[0].Shape)
	if err != nil {
		return nil, err
	}
	return one(in[0].DType, y)
}

// check wants one float, and no dilation.
func (op AvgPoolOp) check(in []ir.Type) error {
	if err := operands(in, 1); err != nil {
		return err
	}
	for _, d := range op.Window.Dilation {
		if d > 1 {
			return errors.New("has no dilation")
		}
	}
	return floating(in[0])
}

// Flops is an addition for each tap.
func (op AvgPoolOp) Flops(_, out []ir.Type) int64 { return op.Window.flops(out[0].Shape) }

// Transposed has the axes in the new order.
func (op AvgPoolOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	return AvgPoolOp{op.Window.transposed(perm), op.CountIncludePad}, true
}

// counts gives for each window over x what its sum is divided by.
func (op AvgPoolOp) counts(x, y shape.Shape) []float64 {
	n := make([]float64, y.Size())
	if op.CountIncludePad {
		for i := range n {
			n[i] = float64(op.Window.taps(x.Rank()).Size())
		}
		return n
	}
	op.Window.each(x, y, func(_, yi, _ int) { n[yi]++ })
	return n
}

// Eval adds up in float64.
func (op AvgPoolOp) Eval(in, out []*tensor.Tensor) {
	x, y := in[0], out[0]
	n := op.counts(x.Shape(), y.Shape())
	sums := make([]float64, y.Size())
	op.Window.each(x.Shape(), y.Shape(), func(xi, yi, _ int) { sums[yi] += x.Float(xi) })
	for i := range sums {
		if n[i] > 0 {
			sums[i] /= n[i]
		}
	}
	store(y, sums)
}

// Grad spreads the gradient over the windows.
func (op AvgPoolOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{ir.Apply1(AvgPoolGradOp{op.Window, op.CountIncludePad, in[0].Shape()}, gout[0])}
}

// AvgPoolGradOp is the gradient of [AvgPoolOp]: of dy it makes dx, of shape
// Shape, in which each element of dy, divided by what its window's sum was
// divided by, is added to all elements of the window.
type AvgPoolGradOp struct {
	Window          Window
	CountIncludePad bool
	Shape           shape.Shape
}

// forward is the op that this one is the gradient of.
func (op AvgPoolGradOp) forward() AvgPoolOp { return AvgPoolOp{op.Window, op.CountIncludePad} }

// Name is "avg_pool_grad".
func (AvgPoolGradOp) Name() string { return "avg_pool_grad" }

func (op AvgPoolGradOp) String() string { return op.forward().String() }

// Infer wants dy.
func (op AvgPoolGradOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := op.forward().check(in); err != nil {
		return nil, err
	}
	if err := op.Window.spreads(op.Shape, in[0]); err != nil {
		return nil, err
	}
	return one(in[0].DType, op.Shape)
}

// Flops is an addition for each tap.
func (op AvgPoolGradOp) Flops(in, _ []ir.Type) int64 { return op.Window.flops(in[0].Shape) }

// Transposed has the axes in the new order.
func (op AvgPoolGradOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	return AvgPoolGradOp{op.Window.transposed(perm), op.CountIncludePad, permuted(op.Shape, perm)}, true
}

// Eval adds up in float64.
func (op AvgPoolGradOp) Eval(in, out []*tensor.Tensor) {
	dy, dx := in[0], out[0]
	n := op.forward().counts(dx.Shape(), dy.Shape())
	sums := make([]float64, dx.Size())
	op.Window.each(dx.Shape(), dy.Shape(), func(xi, yi, _ int) { sums[xi] += dy.Float(yi) / n[yi] })
	store(dx, sums)
}

// Grad is the mean of the windows again.
func (op AvgPoolGradOp) Grad(_, _, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{AvgPool(gout[0], op.Window, op.CountIncludePad)}
}
