package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// ConvWeightOp is the gradient of a convolution by its weight: of the input x
// and dy, the gradient by the result, it makes dw [O C/Groups kernel], whose
// spatial extents are Kernel; they are an attribute because weights of several
// extents have results of one. ChannelsLast does not move the axes of dw. The
// embedded ConvOp is the convolution.
type ConvWeightOp struct {
	ConvOp
	Kernel [3]int
}

// Name is "conv_weight".
func (ConvWeightOp) Name() string { return "conv_weight" }

// Infer gives the weight.
func (op ConvWeightOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 2); err != nil {
		return nil, err
	}
	x, dy := in[0].Shape, in[1].Shape
	n := x.Rank() - 2
	if err := op.check(n); err != nil {
		return nil, err
	}
	if dy.Rank() != x.Rank() {
		return nil, errors.New("input and gradient differ in rank")
	}
	ch := op.channels(x.Rank())
	s, err := shape.Make(append([]int{dy.Dim(ch), x.Dim(ch) / op.Groups}, op.Kernel[:n]...)...)
	if err != nil {
		return nil, err
	}
	w := ir.Type{DType: in[0].DType, Shape: s}
	y, err := op.ConvOp.Infer([]ir.Type{in[0], w})
	if err != nil {
		return nil, err
	}
	if y[0] != in[1] {
		return nil, fmt.Errorf("a convolution with weight %v has the result %v", w, y[0])
	}
	return []ir.Type{w}, nil
}

// Flops is that of the convolution.
func (op ConvWeightOp) Flops(in, out []ir.Type) int64 {
	return op.ConvOp.Flops([]ir.Type{in[0], out[0]}, in[1:])
}

// Eval sends each product back.
func (op ConvWeightOp) Eval(in, out []*tensor.Tensor) {
	x, dy, dw := in[0], in[1], out[0]
	acc := make([]float64, dw.Size())
	op.products(x.Shape(), dw.Shape(), dy.Shape(), func(px, pw, py int) { acc[pw] += dy.Float(py) * x.Float(px) })
	store(dw, acc)
}

// Grad is a ConvInput and a convolution.
func (op ConvWeightOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	x, dy, g := in[0], in[1], gout[0]
	return []*ir.Value{op.inputGrad(dy, g, x.Shape()), Conv(x, g, op.ConvOp)}
}
