package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// BroadcastOp repeats an operand along new axes and along axes of extent 1.
// Axis i of the operand becomes axis Axes[i] of the result; Axes must rise.
type BroadcastOp struct {
	Shape shape.Shape
	Axes  [shape.MaxRank]int8
}

// Broadcast stretches x to a shape by NumPy's rule: axes are matched from the
// last. x itself is returned when it has that shape.
func Broadcast(x *ir.Value, to shape.Shape) *ir.Value {
	if x.Shape() == to {
		return x
	}
	axes := make([]int, x.Rank())
	for i := range axes {
		axes[i] = to.Rank() - x.Rank() + i
	}
	return BroadcastInDim(x, to, axes...)
}

// BroadcastInDim stretches x to a shape; axis i of x becomes axis axes[i].
func BroadcastInDim(x *ir.Value, to shape.Shape, axes ...int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	op := BroadcastOp{Shape: to}
	if len(axes) != x.Rank() {
		return fail(op.Name(), fmt.Errorf("axes %v do not place %d axes", axes, x.Rank()), x)
	}
	for i, a := range axes {
		if a < 0 || a >= to.Rank() {
			return fail(op.Name(), fmt.Errorf("axes %v do not place %v in %v", axes, x.Shape(), to), x)
		}
		op.Axes[i] = int8(a)
	}
	return ir.Apply1(op, x)
}

// broadcastPair stretches two operands to their common shape. A failure is
// kept in the graph.
func broadcastPair(name string, x, y *ir.Value) (*ir.Value, *ir.Value, shape.Shape) {
	if x.Shape() == y.Shape() || x.Graph().Err() != nil {
		return x, y, x.Shape()
	}
	s, err := shape.Broadcast(x.Shape(), y.Shape())
	if err != nil {
		x.Graph().Fail(name, err.Error(), []*ir.Value{x, y})
		return x, y, x.Shape()
	}
	return Broadcast(x, s), Broadcast(y, s), s
}

// Name is "broadcast".
func (BroadcastOp) Name() string { return "broadcast" }

// Infer checks that each axis keeps its extent or stretches from 1.
func (op BroadcastOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	s, last := in[0].Shape, int8(-1)
	for i := range s.Rank() {
		a := op.Axes[i]
		if a <= last || int(a) >= op.Shape.Rank() {
			return nil, fmt.Errorf("axes %v do not place %v in %v", op.Axes[:s.Rank()], s, op.Shape)
		}
		if d := s.Dim(i); d != 1 && d != op.Shape.Dim(int(a)) {
			return nil, fmt.Errorf("axis %d has %d elements and can't become %d", i, d, op.Shape.Dim(int(a)))
		}
		last = a
	}
	return one(in[0].DType, op.Shape)
}

// Eval copies.
func (op BroadcastOp) Eval(in, out []*tensor.Tensor) {
	s := in[0].Shape()
	strides := make([]int, op.Shape.Rank())
	for i, st := range s.Strides() {
		if s.Dim(i) != 1 {
			strides[op.Axes[i]] = st
		}
	}
	gatherStrided(in[0], out[0], strides)
}

// gatherStrided fills out with elements of in; strides say how far an axis of
// out moves in in.
func gatherStrided(in, out *tensor.Tensor, strides []int) {
	size := out.DType().Size()
	walk(out.Shape(), func(i int, at []int) {
		copy(out.Bytes()[i*size:(i+1)*size], in.Bytes()[offset(at, strides)*size:])
	})
}

// offset is the place of a position in an array with strides.
func offset(at, strides []int) (i int) {
	for a, p := range at {
		i += p * strides[a]
	}
	return i
}

// walk calls f for every position of a shape in row-major order.
func walk(s shape.Shape, f func(i int, at []int)) {
	at := make([]int, s.Rank())
	for i := range s.Size() {
		f(i, at)
		for a := s.Rank() - 1; a >= 0; a-- {
			if at[a]++; at[a] < s.Dim(a) {
				break
			}
			at[a] = 0
		}
	}
}

// grown lists the axes of the result along which elements are repeated.
func (op BroadcastOp) grown(in shape.Shape) (axes []int) {
	placed := [shape.MaxRank]bool{}
	for i := range in.Rank() {
		if in.Dim(i) == op.Shape.Dim(int(op.Axes[i])) {
			placed[op.Axes[i]] = true
		}
	}
	for a := range op.Shape.Rank() {
		if !placed[a] {
			axes = append(axes, a)
		}
	}
	return axes
}

// Grad sums over the axes that grew.
func (op BroadcastOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	if !in[0].DType().IsFloat() {
		return []*ir.Value{nil}
	}
	g := gout[0]
	if axes := op.grown(in[0].Shape()); len(axes) > 0 {
		g = Sum(g, axes...)
	}
	return []*ir.Value{Reshape(g, in[0].Shape().Dims()...)}
}
