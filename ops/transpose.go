package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// TransposeOp reorders axes: axis i of the result is axis Perm[i] of the
// operand. Perm beyond the rank is zero.
type TransposeOp struct{ Perm [shape.MaxRank]int8 }

// Transpose reorders the axes of x: axis i of the result is axis perm[i] of x.
// x itself is returned when perm changes nothing.
func Transpose(x *ir.Value, perm ...int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	var op TransposeOp
	if len(perm) != x.Rank() {
		return fail(op.Name(), fmt.Errorf("%v is not an order of %d axes", perm, x.Rank()), x)
	}
	moved := false
	for i, p := range perm {
		if p < 0 || p >= x.Rank() {
			return fail(op.Name(), fmt.Errorf("%v is not an order of %d axes", perm, x.Rank()), x)
		}
		op.Perm[i] = int8(p)
		moved = moved || p != i
	}
	if !moved {
		return x
	}
	return ir.Apply1(op, x)
}

// SwapAxes exchanges two axes.
func SwapAxes(x *ir.Value, a, b int) *ir.Value {
	i, err1 := x.Shape().Axis(a)
	j, err2 := x.Shape().Axis(b)
	if err1 != nil || err2 != nil {
		return fail("transpose", fmt.Errorf("axes %d and %d are not both inside a tensor of rank %d", a, b, x.Rank()), x)
	}
	perm := make([]int, x.Rank())
	for k := range perm {
		perm[k] = k
	}
	perm[i], perm[j] = j, i
	return Transpose(x, perm...)
}

// Order returns the permutation as ints, for a tensor of the given rank.
func (op TransposeOp) Order(rank int) []int {
	perm := make([]int, rank)
	for i := range perm {
		perm[i] = int(op.Perm[i])
	}
	return perm
}

// Inverse returns the permutation that undoes perm.
func Inverse(perm []int) []int {
	inv := make([]int, len(perm))
	for i, p := range perm {
		inv[p] = i
	}
	return inv
}

// Name is "transpose".
func (TransposeOp) Name() string { return "transpose" }

// Infer permutes the extents.
func (op TransposeOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	r := in[0].Shape.Rank()
	var seen [shape.MaxRank]bool
	dims := make([]int, r)
	for i, p := range op.Order(r) {
		if p < 0 || p >= r || seen[p] {
			return nil, fmt.Errorf("%v is not an order of %d axes", op.Order(r), r)
		}
		seen[p] = true
		dims[i] = in[0].Shape.Dim(p)
	}
	return one(in[0].DType, shape.Of(dims...))
}

// Eval copies.
func (op TransposeOp) Eval(in, out []*tensor.Tensor) {
	st := in[0].Shape().Strides()
	strides := make([]int, len(st))
	for i, p := range op.Order(len(st)) {
		strides[i] = st[p]
	}
	gatherStrided(in[0], out[0], strides)
}

// Grad transposes back.
func (op TransposeOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{Transpose(gout[0], Inverse(op.Order(in[0].Rank()))...)}
}
