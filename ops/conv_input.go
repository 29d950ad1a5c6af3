package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// ConvInputOp is the gradient of a convolution by its input, a transposed
// convolution: of dy, the gradient by the result, and the weight it makes dx,
// whose spatial extents are In; they are an attribute because images of several
// extents have results of one. The embedded ConvOp is the convolution.
type ConvInputOp struct {
	ConvOp
	In [3]int
}

// ConvInput spreads dy by w over images with the spatial extents in; op is the
// convolution that it turns around.
func ConvInput(dy, w *ir.Value, op ConvOp, in ...int) *ir.Value {
	to := ConvInputOp{ConvOp: op}
	if dy.Graph().Err() == nil && len(in) != dy.Rank()-2 {
		return fail(to.Name(), fmt.Errorf("wants %d spatial extents, got %v", dy.Rank()-2, in), dy, w)
	}
	copy(to.In[:], in)
	return ir.Apply1(to, dy, w)
}

// Name is "conv_input".
func (ConvInputOp) Name() string { return "conv_input" }

// Infer gives the images of the input.
func (op ConvInputOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 2); err != nil {
		return nil, err
	}
	dy, w := in[0].Shape, in[1].Shape
	n := dy.Rank() - 2
	if err := op.check(n); err != nil {
		return nil, err
	}
	if w.Rank() != dy.Rank() || w.Dim(0) != dy.Dim(op.channels(dy.Rank())) {
		return nil, errors.New("weight and gradient differ in channels or rank")
	}
	s, err := op.image(dy.Dim(0), w.Dim(1)*op.Groups, op.In[:n])
	if err != nil {
		return nil, err
	}
	x := ir.Type{DType: in[0].DType, Shape: s}
	y, err := op.ConvOp.Infer([]ir.Type{x, in[1]})
	if err != nil {
		return nil, err
	}
	if y[0] != in[0] {
		return nil, fmt.Errorf("a convolution of %v has the result %v", x, y[0])
	}
	return []ir.Type{x}, nil
}

// Flops is that of the convolution.
func (op ConvInputOp) Flops(in, out []ir.Type) int64 {
	return op.ConvOp.Flops([]ir.Type{out[0], in[1]}, in[:1])
}

// Eval sends each product back.
func (op ConvInputOp) Eval(in, out []*tensor.Tensor) {
	dy, w, dx := in[0], in[1], out[0]
	acc := make([]float64, dx.Size())
	op.products(dx.Shape(), w.Shape(), dy.Shape(), func(px, pw, py int) { acc[px] += dy.Float(py) * w.Float(pw) })
	store(dx, acc)
}

// Grad is a convolution and a ConvWeight.
func (op ConvInputOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	dy, w, g := in[0], in[1], gout[0]
	return []*ir.Value{Conv(g, w, op.ConvOp), op.weightGrad(g, dy, w.Shape())}
}
