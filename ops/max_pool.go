package ops

import (
	"errors"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// MaxPoolOp takes the largest element of each window. Results: y, and index
// i32 of the same shape, the number of the tap that won, row-major over the
// axes of the window. The first of equal elements wins; NaN wins over numbers,
// and of several the last. Padding never wins; a window of nothing but padding
// gives -Inf and index 0. The gradient goes to the winner.
//
// Source: torch.nn.functional.max_pool1d, 2d and 3d, but for the index, which
// there counts positions in the image.
type MaxPoolOp struct{ Window Window }

// MaxPool takes the largest element of each window, and where it is in it.
func MaxPool(x *ir.Value, w Window) (y, index *ir.Value) {
	out := ir.Apply(MaxPoolOp{w}, x)
	return out[0], out[1]
}

// Name is "max_pool".
func (MaxPoolOp) Name() string { return "max_pool" }

func (op MaxPoolOp) String() string { return op.Window.String() }

// NumResults is 2.
func (MaxPoolOp) NumResults() int { return 2 }

// Infer gives y and index.
func (op MaxPoolOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	if err := floating(in[0]); err != nil {
		return nil, err
	}
	y, err := op.Window.result(in[0].Shape)
	if err != nil {
		return nil, err
	}
	return []ir.Type{{DType: in[0].DType, Shape: y}, {DType: dtype.Int32, Shape: y}}, nil
}

// Flops is a comparison for each tap.
func (op MaxPoolOp) Flops(_, out []ir.Type) int64 { return op.Window.flops(out[0].Shape) }

// Transposed is there where taps keep their numbers.
func (op MaxPoolOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	return MaxPoolOp{op.Window.transposed(perm)}, op.Window.keepsTaps(perm)
}

// Eval compares.
func (op MaxPoolOp) Eval(in, out []*tensor.Tensor) {
	x, y, index := in[0], out[0], tensor.Data[int32](out[1])
	for i := range y.Size() {
		y.SetFloat(i, math.Inf(-1))
	}
	seen := make([]bool, y.Size())
	op.Window.each(x.Shape(), y.Shape(), func(xi, yi, tap int) {
		if v := x.Float(xi); !seen[yi] || v > y.Float(yi) || v != v {
			y.SetFloat(yi, v)
			index[yi] = int32(tap)
			seen[yi] = true
		}
	})
}

// Grad sends the gradient to the winners.
func (op MaxPoolOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	if gout[0] == nil {
		return []*ir.Value{nil}
	}
	return []*ir.Value{ir.Apply1(MaxPoolGradOp{op.Window, in[0].Shape()}, gout[0], out[1])}
}

// MaxPoolGradOp is the gradient of [MaxPoolOp]: of dy and index it makes dx, of
// shape Shape, in which each element of dy is added where its window's winner
// lies. An index that is no tap of the window, or is padding, adds nothing.
type MaxPoolGradOp struct {
	Window Window
	Shape  shape.Shape
}

// Name is "max_pool_grad".
func (MaxPoolGradOp) Name() string { return "max_pool_grad" }

func (op MaxPoolGradOp) String() string { return op.Window.String() }

// Infer wants dy and index.
func (op MaxPoolGradOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := valueAndIndex(in); err != nil {
		return nil, err
	}
	if err := op.Window.spreads(op.Shape, in...); err != nil {
		return nil, err
	}
	return one(in[0].DType, op.Shape)
}

// valueAndIndex checks for a float and an i32.
func valueAndIndex(in []ir.Type) error {
	if err := operands(in, 2); err != nil {
		return err
	}
	if in[1].DType != dtype.Int32 {
		return errors.New("wants an i32 index")
	}
	return floating(in[0])
}

// Flops is one addition for each window.
func (MaxPoolGradOp) Flops(in, _ []ir.Type) int64 { return int64(in[0].Shape.Size()) }

// Transposed is there where taps keep their numbers.
func (op MaxPoolGradOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	return MaxPoolGradOp{op.Window.transposed(perm), permuted(op.Shape, perm)}, op.Window.keepsTaps(perm)
}

// Eval adds up in float64.
func (op MaxPoolGradOp) Eval(in, out []*tensor.Tensor) {
	dy, index, dx := in[0], tensor.Data[int32](in[1]), out[0]
	sums := make([]float64, dx.Size())
	op.Window.each(dx.Shape(), dy.Shape(), func(xi, yi, tap int) {
		if int(index[yi]) == tap {
			sums[xi] += dy.Float(yi)
		}
	})
	store(dx, sums)
}

// Grad takes from the gradient what the winners took.
func (op MaxPoolGradOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{ir.Apply1(MaxPoolGatherOp{op.Window}, gout[0], in[1]), nil}
}

// MaxPoolGatherOp takes from each window of x the tap that index names: y. It
// is the gradient of [MaxPoolGradOp]. An index that is no tap of the window, or
// is padding, gives 0.
type MaxPoolGatherOp struct{ Window Window }

// Name is "max_pool_gather".
func (MaxPoolGatherOp) Name() string { return "max_pool_gather" }

func (op MaxPoolGatherOp) String() string { return op.Window.String() }

// Infer wants x and index.
func (op MaxPoolGatherOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := valueAndIndex(in); err != nil {
		return nil, err
	}
	if err := op.Window.spreads(in[0].Shape, in[1]); err != nil {
		return nil, err
	}
	return one(in[0].DType, in[1].Shape)
}

// Flops is 0: elements are copied.
func (MaxPoolGatherOp) Flops(_, _ []ir.Type) int64 { return 0 }

// Transposed is there where taps keep their numbers.
func (op MaxPoolGatherOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	return MaxPoolGatherOp{op.Window.transposed(perm)}, op.Window.keepsTaps(perm)
}

// Eval copies.
func (op MaxPoolGatherOp) Eval(in, out []*tensor.Tensor) {
	x, index, y := in[0], tensor.Data[int32](in[1]), out[0]
	op.Window.each(x.Shape(), y.Shape(), func(xi, yi, tap int) {
		if int(index[yi]) == tap {
			y.SetFloat(yi, x.Float(xi))
		}
	})
}

// Grad adds the gradient where the elements were taken.
func (op MaxPoolGatherOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{ir.Apply1(MaxPoolGradOp{op.Window, in[0].Shape()}, gout[0], in[1]), nil}
}
