package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// ReshapeOp gives the same elements, in row-major order, another shape.
type ReshapeOp struct{ Shape shape.Shape }

// Reshape gives x another shape of the same size; one extent may be -1 and is
// then computed. x itself is returned when it has that shape.
func Reshape(x *ir.Value, dims ...int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	dims = append([]int(nil), dims...)
	free, n := -1, 1
	for i, d := range dims {
		if d == -1 && free < 0 {
			free = i
			continue
		}
		n *= d
	}
	if free >= 0 {
		if n <= 0 || x.Shape().Size()%n != 0 {
			return fail("reshape", fmt.Errorf("%d elements do not divide into %v", x.Shape().Size(), dims), x)
		}
		dims[free] = x.Shape().Size() / n
	}
	s, err := shape.Make(dims...)
	if err != nil {
		return fail("reshape", err, x)
	}
	if s == x.Shape() {
		return x
	}
	return ir.Apply1(ReshapeOp{s}, x)
}

// Flatten merges the axes from start on into one, as nn.Flatten does.
func Flatten(x *ir.Value, start int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	start, err := x.Shape().Axis(start)
	if err != nil {
		return fail("flatten", err, x)
	}
	dims, n := x.Shape().Dims(), 1
	for _, d := range dims[start:] {
		n *= d
	}
	return Reshape(x, append(dims[:start], n)...)
}

// Unsqueeze inserts an axis of extent 1.
func Unsqueeze(x *ir.Value, axis int) *ir.Value {
	dims := x.Shape().Dims()
	if axis < 0 {
		axis += len(dims) + 1
	}
	if axis < 0 || axis > len(dims) {
		return fail("unsqueeze", fmt.Errorf("axis %d is outside a tensor of rank %d", axis, len(dims)), x)
	}
	dims = append(dims[:axis], append([]int{1}, dims[axis:]...)...)
	return Reshape(x, dims...)
}

// Name is "reshape".
func (ReshapeOp) Name() string { return "reshape" }

// Infer checks that the size stays.
func (op ReshapeOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	if in[0].Shape.Size() != op.Shape.Size() {
		return nil, fmt.Errorf("%d elements can't have shape %v", in[0].Shape.Size(), op.Shape)
	}
	return one(in[0].DType, op.Shape)
}

// Eval copies.
func (op ReshapeOp) Eval(in, out []*tensor.Tensor) { copy(out[0].Bytes(), in[0].Bytes()) }

// Grad reshapes back.
func (op ReshapeOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{Reshape(gout[0], in[0].Shape().Dims()...)}
}
