package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// DotOp is the general product: axes XBatch of x go with axes YBatch of y, axes
// XContract with YContract, and
//
//	z[b m n] = sum over k of x[b m k] * y[b n k]
//
// where b stands for the batch axes, k for the contracted ones, m and n for
// what is left of x and y, in their order. The first NBatch and NContract
// entries of the lists count.
type DotOp struct {
	NBatch, NContract int8
	XBatch, YBatch    [shape.MaxRank]int8
	XContract         [shape.MaxRank]int8
	YContract         [shape.MaxRank]int8
}

// A DotSpec says which axes of a product go together.
type DotSpec struct{ XBatch, YBatch, XContract, YContract []int }

// DotGeneral returns the product of x and y, with axes: batch, rest of x, rest
// of y.
func DotGeneral(x, y *ir.Value, s DotSpec) *ir.Value {
	if len(s.XBatch) != len(s.YBatch) || len(s.XContract) != len(s.YContract) || len(s.XBatch)+len(s.XContract) > shape.MaxRank {
		x.Graph().Fail("dot", "wants as many axes of x as of y", []*ir.Value{x, y})
		return x.Graph().Poison(x.DType())
	}
	op := DotOp{NBatch: int8(len(s.XBatch)), NContract: int8(len(s.XContract))}
	for i := range s.XBatch {
		op.XBatch[i], op.YBatch[i] = int8(s.XBatch[i]), int8(s.YBatch[i])
	}
	for i := range s.XContract {
		op.XContract[i], op.YContract[i] = int8(s.XContract[i]), int8(s.YContract[i])
	}
	return ir.Apply1(op, x, y)
}

// MatMul is the matrix product with the rules of torch.matmul: an operand of
// rank 1 is a row (x) or a column (y) whose axis is dropped from the result,
// and axes before the last two are batches that broadcast.
func MatMul(x, y *ir.Value) *ir.Value {
	g := x.Graph()
	if g.Err() != nil {
		return x
	}
	if x.Rank() == 0 || y.Rank() == 0 {
		g.Fail("matmul", "wants operands of rank 1 and up", []*ir.Value{x, y})
		return x
	}
	inner := y.Dim(max(0, y.Rank()-2))
	if x.Dim(-1) != inner {
		g.Fail("matmul", fmt.Sprintf("inner sizes differ: %d and %d", x.Dim(-1), inner), []*ir.Value{x, y})
		return x
	}
	if y.Rank() <= 2 || x.Rank() == 1 && y.Rank() == 2 {
		return DotGeneral(x, y, DotSpec{XContract: []int{x.Rank() - 1}, YContract: []int{max(0, y.Rank()-2)}})
	}
	row := x.Rank() == 1
	if row {
		x = Unsqueeze(x, 0)
	}
	xb, yb := batchOf(x), batchOf(y)
	b, err := shape.Broadcast(xb, yb)
	if err != nil {
		g.Fail("matmul", err.Error(), []*ir.Value{x, y})
		return x
	}
	x = Broadcast(x, shape.Of(append(b.Dims(), x.Dim(-2), x.Dim(-1))...))
	y = Broadcast(y, shape.Of(append(b.Dims(), y.Dim(-2), y.Dim(-1))...))
	n := b.Rank()
	z := DotGeneral(x, y, DotSpec{allAxes(n), allAxes(n), []int{n + 1}, []int{n}})
	if row {
		z = Reshape(z, append(b.Dims(), y.Dim(-1))...)
	}
	return z
}

func batchOf(v *ir.Value) shape.Shape { return shape.Of(v.Shape().Dims()[:v.Rank()-2]...) }

// Linear returns x wᵀ + b for x [... I], w [O I] and b [O], which may be nil.
func Linear(x, w, b *ir.Value) *ir.Value {
	g := x.Graph()
	if g.Err() == nil && (x.Rank() == 0 || w.Rank() != 2 || x.Dim(-1) != w.Dim(1)) {
		g.Fail("linear", "wants x [... I] and weight [O I]: the last axis of x must have I elements", []*ir.Value{x, w})
	}
	y := DotGeneral(x, w, DotSpec{XContract: []int{max(0, x.Rank()-1)}, YContract: []int{1}})
	if b != nil {
		y = Add(y, b)
	}
	return y
}

// Name is "dot".
func (DotOp) Name() string { return "dot" }

func (op DotOp) String() string {
	nb, nc := op.NBatch, op.NContract
	return fmt.Sprintf("batch %v %v contract %v %v", op.XBatch[:nb], op.YBatch[:nb], op.XContract[:nc], op.YContract[:nc])
}

// Infer matches the axes.
func (op DotOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 2); err != nil {
		return nil, err
	}
	if in[0].DType != in[1].DType {
		return nil, errors.New("element types differ")
	}
	if in[0].DType == boolType {
		return nil, errors.New("is not defined for bool")
	}
	nb, nc := op.NBatch, op.NContract
	pairs := [][2][]int8{{op.XBatch[:nb], op.YBatch[:nb]}, {op.XContract[:nc], op.YContract[:nc]}}
	var used [2][shape.MaxRank]bool
	for k, what := range []string{"batch", "inner"} {
		for i := range pairs[k][0] {
			for side := range 2 {
				a := int(pairs[k][side][i])
				if a < 0 || a >= in[side].Shape.Rank() || used[side][a] {
					return nil, fmt.Errorf("axis %d of operand %d is named twice or does not exist", a, side)
				}
				used[side][a] = true
			}
			dx, dy := in[0].Shape.Dim(int(pairs[k][0][i])), in[1].Shape.Dim(int(pairs[k][1][i]))
			if dx != dy {
				return nil, fmt.Errorf("%s sizes differ: %d and %d", what, dx, dy)
			}
		}
	}
	var dims []int
	for _, a := range op.XBatch[:nb] {
		dims = append(dims, in[0].Shape.Dim(int(a)))
	}
	for side := range 2 {
		for a := range in[side].Shape.Rank() {
			if !used[side][a] {
				dims = append(dims, in[side].Shape.Dim(a))
			}
		}
	}
	s, err := shape.Make(dims...)
	if err != nil {
		return nil, err
	}
	return one(in[0].DType, s)
}

// Flops is two operations for each product.
func (op DotOp) Flops(in, out []ir.Type) int64 {
	n := int64(2 * out[0].Shape.Size())
	for _, a := range op.XContract[:op.NContract] {
		n *= int64(in[0].Shape.Dim(int(a)))
	}
	return n
}

// free lists the axes of an operand that are neither batch nor contracted.
func free(rank int, batch, contract []int8) (axes []int) {
	var used [shape.MaxRank]bool
	for _, a := range batch {
		used[a] = true
	}
	for _, a := range contract {
		used[a] = true
	}
	for a := range rank {
		if !used[a] {
			axes = append(axes, a)
		}
	}
	return axes
}

func ints(list []int8) []int {
	out := make([]int, len(list))
	for i, a := range list {
		out[i] = int(a)
	}
	return out
}

// Eval adds products in the order of the contracted axes.
func (op DotOp) Eval(in, out []*tensor.Tensor) {
	x, y, z := in[0], in[1], out[0]
	nb, nc := op.NBatch, op.NContract
	xs, ys := x.Shape().Strides(), y.Shape().Strides()
	xf := free(x.Shape().Rank(), op.XBatch[:nb], op.XContract[:nc])
	yf := free(y.Shape().Rank(), op.YBatch[:nb], op.YContract[:nc])
	dims := make([]int, nc)
	for i := range dims {
		dims[i] = x.Shape().Dim(int(op.XContract[i]))
	}
	inner := shape.Of(dims...)
	walk(z.Shape(), func(i int, at []int) {
		px, py := 0, 0
		for k := range int(nb) {
			px += at[k] * xs[op.XBatch[k]]
			py += at[k] * ys[op.YBatch[k]]
		}
		for k, a := range xf {
			px += at[int(nb)+k] * xs[a]
		}
		for k, a := range yf {
			py += at[int(nb)+len(xf)+k] * ys[a]
		}
		sum, isum := 0.0, int64(0)
		walk(inner, func(_ int, c []int) {
			qx, qy := px, py
			for k, p := range c {
				qx += p * xs[op.XContract[k]]
				qy += p * ys[op.YContract[k]]
			}
			if x.DType().IsFloat() {
				sum += x.Float(qx) * y.Float(qy)
			} else {
				isum += x.Int(qx) * y.Int(qy)
			}
		})
		if x.DType().IsFloat() {
			z.SetFloat(i, sum)
		} else {
			z.SetInt(i, isum)
		}
	})
}

// Grad multiplies the gradient with the other operand, over the other's free
// axes, and brings the axes back in order.
func (op DotOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	if !in[0].DType().IsFloat() {
		return []*ir.Value{nil, nil}
	}
	nb, nc := int(op.NBatch), int(op.NContract)
	x, y, g := in[0], in[1], gout[0]
	xf := free(x.Rank(), op.XBatch[:nb], op.XContract[:nc])
	yf := free(y.Rank(), op.YBatch[:nb], op.YContract[:nc])
	span := func(from, n int) []int {
		axes := make([]int, n)
		for i := range axes {
			axes[i] = from + i
		}
		return axes
	}
	gx := DotGeneral(g, y, DotSpec{span(0, nb), ints(op.YBatch[:nb]), span(nb+len(xf), len(yf)), yf}) // batch, xf, contract in y's order
	gx = restore(gx, ints(op.XBatch[:nb]), xf, inOrderOf(op.YContract[:nc], op.XContract[:nc]))
	gy := DotGeneral(g, x, DotSpec{span(0, nb), ints(op.XBatch[:nb]), span(nb, len(xf)), xf}) // batch, yf, contract in x's order
	gy = restore(gy, ints(op.YBatch[:nb]), yf, inOrderOf(op.XContract[:nc], op.YContract[:nc]))
	return []*ir.Value{gx, gy}
}

// inOrderOf lists axes, partners of keys, in rising order of keys.
func inOrderOf(keys, axes []int8) []int {
	var out []int
	for k := range int8(shape.MaxRank) {
		for i := range keys {
			if keys[i] == k {
				out = append(out, int(axes[i]))
			}
		}
	}
	return out
}

// restore transposes a gradient whose axes are, in order, the named axes of
// the operand.
func restore(g *ir.Value, groups ...[]int) *ir.Value {
	var now []int
	for _, axes := range groups {
		now = append(now, axes...)
	}
	return Transpose(g, Inverse(now)...)
}
