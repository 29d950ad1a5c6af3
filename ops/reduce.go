package ops

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// ReduceFunc names a reduction.
type ReduceFunc uint8

// The reductions.
const (
	SumFunc ReduceFunc = iota
	ProdFunc
	AmaxFunc
	AminFunc
)

var reduce = [...]struct {
	name  string
	start float64
	f     func(acc, x float64) float64
}{
	SumFunc:  {"sum", 0, func(acc, x float64) float64 { return acc + x }},
	ProdFunc: {"prod", 1, func(acc, x float64) float64 { return acc * x }},
	AmaxFunc: {"amax", math.Inf(-1), maximum},
	AminFunc: {"amin", math.Inf(1), minimum},
}

// ReduceOp combines the elements along some axes and drops those axes.
// Axes is a set of bits: bit i for axis i. Over no element, sum gives 0, prod
// 1, amax -Inf and amin +Inf (for integers the smallest and largest number
// are not defined: that is an error). Of Bools, amax tells whether one is true,
// amin whether all are. Floats are accumulated in the order that
// shape, type and instruction set give, integers exactly with wrap-around.
type ReduceOp struct {
	F    ReduceFunc
	Axes uint8
}

// Sum adds along axes, all of them if none is named.
func Sum(x *ir.Value, axes ...int) *ir.Value { return applyReduce(SumFunc, x, axes) }

// Prod multiplies along axes, all of them if none is named. Where an element is
// NaN or infinite the gradients of all that go into its product are NaN. So are
// PyTorch's, unless some element of the whole tensor is 0: then it multiplies the
// others, and one NaN gets a number. Here no gradient depends on the elements of
// other products.
func Prod(x *ir.Value, axes ...int) *ir.Value { return applyReduce(ProdFunc, x, axes) }

// Amax is the largest element along axes, all of them if none is named. NaN
// wins. Equal largest elements share the gradient evenly.
func Amax(x *ir.Value, axes ...int) *ir.Value { return applyReduce(AmaxFunc, x, axes) }

// Amin is the smallest element along axes, all of them if none is named. NaN
// wins. Equal smallest elements share the gradient evenly.
func Amin(x *ir.Value, axes ...int) *ir.Value { return applyReduce(AminFunc, x, axes) }

// Mean is the arithmetic mean along axes, all of them if none is named; NaN
// over no element.
func Mean(x *ir.Value, axes ...int) *ir.Value {
	if x.DType().IsHalf() { // whose sum may be out of range
		return inFloat32(x, func(x *ir.Value) *ir.Value { return Mean(x, axes...) })
	}
	s := Sum(x, axes...)
	if x.Graph().Err() != nil {
		return s
	}
	if !x.DType().IsFloat() {
		x.Graph().Fail("mean", fmt.Sprintf("wants a floating-point type, got %v", x.DType()), []*ir.Value{x})
		return s
	}
	n := 1
	op := s.Node().Op().(ReduceOp)
	for a := range x.Rank() {
		if op.Has(a) {
			n *= x.Dim(a)
		}
	}
	return Mul(s, Scalar(x, 1/float64(n)))
}

// KeepDims gives a reduced value the rank of x again, with extent 1 along the
// axes that were reduced.
func KeepDims(reduced, x *ir.Value, axes ...int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(reduced)
	}
	s := x.Shape()
	if len(axes) == 0 {
		axes = allAxes(x.Rank())
	}
	for _, a := range axes {
		if _, err := s.Axis(a); err != nil {
			return fail("keep_dims", err, x)
		}
		s = s.With(a, 1)
	}
	return Reshape(reduced, s.Dims()...)
}

func allAxes(rank int) []int {
	axes := make([]int, rank)
	for i := range axes {
		axes[i] = i
	}
	return axes
}

func applyReduce(f ReduceFunc, x *ir.Value, axes []int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	op := ReduceOp{F: f}
	var err error
	if op.Axes, err = axisSet(x, axes); err != nil {
		return fail(op.Name(), err, x)
	}
	if op.Axes == 0 && f != SumFunc { // rank 0: nothing to do, but the type is checked
		if x.DType() == boolType && f != ProdFunc {
			return x
		}
		op.F = SumFunc
	}
	return ir.Apply1(op, x)
}

// axisSet returns axes of x, all of them if none is named, as a set of bits.
func axisSet(x *ir.Value, axes []int) (set uint8, err error) {
	if len(axes) == 0 {
		axes = allAxes(x.Rank())
	}
	for _, a := range axes {
		i, err := x.Shape().Axis(a)
		if err == nil && set>>i&1 == 1 {
			err = fmt.Errorf("axis %d is named twice", a)
		}
		if err != nil {
			return 0, err
		}
		set |= 1 << i
	}
	return set, nil
}

// Has reports whether the op reduces an axis.
func (op ReduceOp) Has(axis int) bool { return op.Axes>>axis&1 == 1 }

// List returns the axes in order.
func (op ReduceOp) List() (axes []int) {
	for a := range shape.MaxRank {
		if op.Has(a) {
			axes = append(axes, a)
		}
	}
	return axes
}

// Name is the reduction's name.
func (op ReduceOp) Name() string { return reduce[op.F].name }

func (op ReduceOp) String() string { return fmt.Sprint(op.List()) }

// Infer drops the reduced axes.
func (op ReduceOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	t := in[0]
	if t.DType == boolType && (op.F == SumFunc || op.F == ProdFunc) {
		return nil, errors.New("is not defined for bool; cast first")
	}
	var dims []int
	for a := range t.Shape.Rank() {
		if !op.Has(a) {
			dims = append(dims, t.Shape.Dim(a))
		} else if t.Shape.Dim(a) == 0 && (op.F == AmaxFunc || op.F == AminFunc) && t.DType.IsInt() {
			return nil, fmt.Errorf("axis %d has no element to choose from", a)
		}
	}
	if op.Axes>>t.Shape.Rank() != 0 {
		return nil, fmt.Errorf("axes %v are not all inside a tensor of rank %d", op.List(), t.Shape.Rank())
	}
	return one(t.DType, shape.Of(dims...))
}

// Flops is one operation an element of the operand.
func (op ReduceOp) Flops(in, _ []ir.Type) int64 { return int64(in[0].Shape.Size()) }

// Eval accumulates in row-major order of the operand.
func (op ReduceOp) Eval(in, out []*tensor.Tensor) {
	x, y := in[0], out[0]
	into := op.target(x.Shape())
	if !x.DType().IsFloat() {
		evalIntReduce(op.F, x, y, into)
		return
	}
	acc := make([]float64, y.Size())
	for i := range acc {
		acc[i] = reduce[op.F].start
	}
	for i := range x.Size() {
		j := into(i)
		acc[j] = reduce[op.F].f(acc[j], x.Float(i))
	}
	for i, v := range acc {
		y.SetFloat(i, v)
	}
}

// target maps a position in the operand to one in the result.
func (op ReduceOp) target(s shape.Shape) func(i int) int {
	strides, n := make([]int, s.Rank()), 1
	for a := s.Rank() - 1; a >= 0; a-- {
		if !op.Has(a) {
			strides[a] = n
			n *= s.Dim(a)
		}
	}
	return func(i int) (j int) {
		for a := s.Rank() - 1; a >= 0; a-- {
			j += i % s.Dim(a) * strides[a]
			i /= s.Dim(a)
		}
		return j
	}
}

// Transposed reduces the same axes where they have moved to, if the kept axes
// keep their order.
func (op ReduceOp) Transposed(perm []int, _ []ir.Type) (ir.Op, bool) {
	to, last := ReduceOp{F: op.F}, -1
	for i, p := range perm {
		if op.Has(p) {
			to.Axes |= 1 << i
			continue
		}
		if p < last {
			return nil, false
		}
		last = p
	}
	return to, true
}

// Grad spreads the gradient: over all for a sum, to the winners for amax and
// amin, times the product of the others for prod.
func (op ReduceOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	x := in[0]
	if !x.DType().IsFloat() {
		return []*ir.Value{nil}
	}
	spread := func(v *ir.Value) *ir.Value {
		return Broadcast(KeepDims(v, x, op.List()...), x.Shape())
	}
	if op.Axes == 0 {
		return gout
	}
	switch op.F {
	case SumFunc:
		return []*ir.Value{spread(gout[0])}
	case ProdFunc:
		return []*ir.Value{Mul(spread(gout[0]), productOfOthers(x, op.List()))}
	}
	won := Cast(Eq(x, spread(out[0])), x.DType())
	each := Div(gout[0], Sum(won, op.List()...))
	return []*ir.Value{Mul(won, spread(each))}
}

// productOfOthers gives, for each element, the product of the others along
// axes. Zeros are counted rather than divided by: with one zero only its own
// entry is not 0, with two all are 0. It is made of ops that have gradients,
// which are exact where no element is zero.
func productOfOthers(x *ir.Value, axes []int) *ir.Value {
	all := func(v *ir.Value) *ir.Value { return Broadcast(KeepDims(v, x, axes...), x.Shape()) }
	zero := Eq(x, Scalar(x, 0))
	safe := Select(zero, OnesLike(x), x)
	zeros := all(Sum(Cast(zero, x.DType()), axes...))
	rest := all(Prod(safe, axes...))
	none := Div(rest, safe)
	alone := And(zero, Eq(zeros, Scalar(x, 1)))
	return Select(Eq(zeros, Scalar(x, 0)), none, Select(alone, rest, ZerosLike(x)))
}
