package ops

import (
	"errors"
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/dtype"
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
// entries of the lists count, the rest are 0. A sum over nothing is 0; integers
// wrap around.
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
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	if len(s.XBatch) != len(s.YBatch) || len(s.XContract) != len(s.YContract) || len(s.XBatch)+len(s.XContract) > shape.MaxRank {
		return fail("dot", errors.New("wants as many axes of x as of y"), x, y)
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
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	if x.Rank() == 0 || y.Rank() == 0 {
		return fail("matmul", errors.New("wants operands of rank 1 and up"), x, y)
	}
	inner := y.Dim(max(0, y.Rank()-2))
	if x.Dim(-1) != inner {
		return fail("matmul", fmt.Errorf("inner sizes differ: %d and %d", x.Dim(-1), inner), x, y)
	}
	if y.Rank() <= 2 {
		return DotGeneral(x, y, DotSpec{XContract: []int{x.Rank() - 1}, YContract: []int{max(0, y.Rank()-2)}})
	}
	row := x.Rank() == 1
	if row {
		x = Unsqueeze(x, 0)
	}
	xb, yb := batchOf(x), batchOf(y)
	b, err := shape.Broadcast(xb, yb)
	if err != nil {
		return fail("matmul", err, x, y)
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
	switch {
	case x.Graph().Err() != nil:
		return standIn(x)
	case x.Rank() == 0 || w.Rank() != 2 || x.Dim(-1) != w.Dim(1):
		return fail("linear", errors.New("wants x [... I] and weight [O I]: the last axis of x must have I elements"), x, w)
	case b != nil && (b.Rank() != 1 || b.Dim(0) != w.Dim(0)):
		return fail("linear", fmt.Errorf("wants a bias of %d elements", w.Dim(0)), x, w, b)
	}
	y := DotGeneral(x, w, DotSpec{XContract: []int{x.Rank() - 1}, YContract: []int{1}})
	if b != nil {
		y = AddBias(y, b, -1)
	}
	return y
}

// AddBias adds bias [C] to a product y along an axis of C elements; a negative
// axis counts from the end. Where y has floats of 16 bits, as products have
// under autocast, a float32 bias is cast to them.
func AddBias(y, bias *ir.Value, axis int) *ir.Value {
	if y.Graph().Err() != nil {
		return y
	}
	if a, err := y.Shape().Axis(axis); err != nil || bias.Rank() != 1 || bias.Dim(0) != y.Dim(a) {
		return fail("add_bias", fmt.Errorf("wants a bias with an element for each on axis %d", axis), y, bias)
	}
	if y.DType().IsHalf() && bias.DType() == dtype.Float32 {
		bias = Cast(bias, y.DType())
	}
	return Add(y, BroadcastInDim(bias, y.Shape(), fromStart(y, axis)))
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
// axes.
func (op DotOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	if !in[0].DType().IsFloat() {
		return []*ir.Value{nil, nil}
	}
	nb, nc := int(op.NBatch), int(op.NContract)
	x, y, g := in[0], in[1], gout[0]
	xb, xc, yb, yc := op.XBatch[:nb], op.XContract[:nc], op.YBatch[:nb], op.YContract[:nc]
	xf, yf := free(x.Rank(), xb, xc), free(y.Rank(), yb, yc)
	inX, inY := span(nb, len(xf)), span(nb+len(xf), len(yf)) // where g has the free axes
	gx := dotGrad(g, y, DotSpec{span(0, nb), ints(yb), inY, yf}, ints(xb), xf, inOrderOf(yc, xc))
	gy := dotGrad(g, x, DotSpec{span(0, nb), ints(xb), inX, xf}, ints(yb), yf, inOrderOf(xc, yc))
	return []*ir.Value{gx, gy}
}

// span lists n axes from first on.
func span(first, n int) []int {
	axes := make([]int, n)
	for i := range axes {
		axes[i] = first + i
	}
	return axes
}

// dotGrad is the gradient by an operand whose axes are batch, free and
// contract, the last in the order that their partners have in the other
// operand. The product has the free axes from g and the contracted ones from
// the other; where the other order of factors gives the operand's own order of
// axes, it is taken, and no transpose is needed.
func dotGrad(g, other *ir.Value, s DotSpec, batch, free, contract []int) *ir.Value {
	axes := slices.Concat(batch, free, contract)
	if turned := slices.Concat(batch, contract, free); slices.IsSorted(turned) && !slices.IsSorted(axes) {
		return DotGeneral(other, g, DotSpec{s.YBatch, s.XBatch, s.YContract, s.XContract})
	}
	return Transpose(DotGeneral(g, other, s), Inverse(axes)...)
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
