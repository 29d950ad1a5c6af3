package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// ScatterOp combines single elements with those of a tensor along an axis.
// Operands: x; idx as for [GatherOp]; src of the shape of idx. The result is x,
// with
//
//	y[a, idx[a, i, b], b] = f(y[a, idx[a, i, b], b], src[a, i, b])
//
// for all positions of idx in row-major order, where f is sum, product, the
// larger or the smaller; one index may come several times, and NaN wins over
// numbers. An index outside 0..n-1 changes nothing, and the gradient by its
// element of src is NaN.
//
// Gradients of the larger and the smaller are shared by all elements, those of
// x among them, that equal the result; those of the product are right where
// elements are 0.
//
// Source: torch.Tensor.scatter_add and scatter_reduce, which also take a src
// larger than idx.
type ScatterOp struct {
	F    ReduceFunc
	Axis int
}

// ScatterAdd adds elements src into x along an axis; a negative axis counts
// from the end.
func ScatterAdd(x, idx, src *ir.Value, axis int) *ir.Value {
	return ir.Apply1(ScatterOp{SumFunc, fromStart(x, axis)}, x, idx, src)
}

// Name is "scatter_add", "scatter_prod", "scatter_amax" or "scatter_amin".
func (op ScatterOp) Name() string {
	switch op.F {
	case ProdFunc:
		return "scatter_prod"
	case AmaxFunc:
		return "scatter_amax"
	case AminFunc:
		return "scatter_amin"
	}
	return "scatter_add"
}

func (op ScatterOp) String() string { return fmt.Sprintf("axis %d", op.Axis) }

// Infer wants x, idx and src.
func (op ScatterOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := scattered(in, op.Axis); err != nil {
		return nil, err
	}
	if op.F > AminFunc {
		return nil, errors.New("combines by sum, product, the larger or the smaller only")
	}
	if in[0].DType == boolType {
		return nil, errors.New("is not defined for bool")
	}
	return in[:1], nil
}

// scattered checks x, idx and src.
func scattered(in []ir.Type, axis int) error {
	if err := operands(in, 3); err != nil {
		return err
	}
	if err := gathered(in[0], in[1], axis); err != nil {
		return err
	}
	if want := (ir.Type{DType: in[0].DType, Shape: in[1].Shape}); in[2] != want {
		return fmt.Errorf("wants a source %v", want)
	}
	return nil
}

// Flops is an operation for each element of src.
func (ScatterOp) Flops(in, _ []ir.Type) int64 { return int64(in[2].Shape.Size()) }

// Eval combines in float64, or exactly.
func (op ScatterOp) Eval(in, out []*tensor.Tensor) {
	x, idx, src := in[0], in[1], in[2]
	if op.F == SumFunc {
		addInto(x, src, out[0], func(f func(si, yi int)) { eachGathered(x.Shape(), idx, op.Axis, f) })
		return
	}
	y := out[0]
	copy(y.Bytes(), x.Bytes())
	products := make([]float64, x.Size())
	for i := range products {
		products[i] = x.Float(i)
	}
	beats := ArgReduceOp{F: op.F}
	eachGathered(x.Shape(), idx, op.Axis, func(si, yi int) {
		switch {
		case yi < 0:
		case op.F == ProdFunc && y.DType().IsFloat():
			products[yi] *= src.Float(si)
			y.SetFloat(yi, products[yi])
		case op.F == ProdFunc:
			y.SetInt(yi, y.Int(yi)*src.Int(si))
		case beatsIn(beats, src, si, y, yi):
			copyElement(y, yi, src, si)
		}
	})
}

// beatsIn is beats for elements of two tensors of one type.
func beatsIn(op ArgReduceOp, x *tensor.Tensor, i int, y *tensor.Tensor, j int) bool {
	both := tensor.New(x.DType(), shape.Of(2))
	copyElement(both, 0, x, i)
	copyElement(both, 1, y, j)
	return op.beats(both, 0, 1)
}

// Grad passes on to x, and gathers for src.
func (op ScatterOp) Grad(in, out, gout []*ir.Value) []*ir.Value {
	x, idx, src, y, g := in[0], in[1], in[2], out[0], gout[0]
	if !x.DType().IsFloat() {
		return []*ir.Value{nil, nil, nil}
	}
	gather := func(v *ir.Value) *ir.Value { return ir.Apply1(GatherOp{op.Axis}, v, idx) }
	into := func(f ReduceFunc, x, src *ir.Value) *ir.Value { return ir.Apply1(ScatterOp{f, op.Axis}, x, idx, src) }
	switch op.F {
	case SumFunc:
		return []*ir.Value{g, nil, gather(g)}
	case ProdFunc:
		// An element that is not 0 divides out of the product. Of one zero the
		// product of the others counts, of two zeros and more nothing.
		zero := Eq(src, Scalar(src, 0))
		zeros := gather(into(SumFunc, ZerosLike(x), Cast(zero, x.DType())))
		safe := Select(zero, Scalar(src, 1), src)
		rest := gather(into(ProdFunc, x, safe))
		others := Select(Eq(zeros, Scalar(src, 0)), Div(rest, safe), Select(And(zero, Eq(zeros, Scalar(src, 1))), rest, Scalar(src, 0)))
		return []*ir.Value{Mul(g, into(ProdFunc, OnesLike(x), src)), nil, Mul(gather(g), others)}
	}
	mine, its := Cast(Eq(x, y), x.DType()), Cast(Eq(src, gather(y)), x.DType())
	each := Div(g, into(SumFunc, mine, its))
	return []*ir.Value{Mul(mine, each), nil, Mul(its, gather(each))}
}

// ScatterReduce combines elements src with those of x along an axis, or, unless
// includeSelf is set, with nothing where any come; f is a sum, product, the
// larger or the smaller. A negative axis counts from the end.
//
// Source: torch.Tensor.scatter_reduce.
func ScatterReduce(f ReduceFunc, x, idx, src *ir.Value, axis int, includeSelf bool) *ir.Value {
	op := ScatterOp{f, fromStart(x, axis)}
	if !includeSelf && x.Graph().Err() == nil {
		if _, err := op.Infer([]ir.Type{x.Type(), idx.Type(), src.Type()}); err != nil {
			return fail(op.Name(), err, x, idx, src)
		}
		if !x.DType().IsFloat() && f != SumFunc && f != ProdFunc {
			return fail(op.Name(), errors.New("has no start for integers without those of x"), x, idx, src)
		}
		x = ScatterSet(x, idx, Full(x.Graph(), x.DType(), src.Shape(), reduce[f].start), axis)
	}
	return ir.Apply1(op, x, idx, src)
}

// ScatterMean is the mean of the elements src that come to each place along an
// axis, with that of x or, unless includeSelf is set, without it; where none
// come, x stays. A negative axis counts from the end.
//
// Source: torch.Tensor.scatter_reduce with "mean".
func ScatterMean(x, idx, src *ir.Value, axis int, includeSelf bool) *ir.Value {
	sum := ScatterReduce(SumFunc, x, idx, src, axis, includeSelf)
	if x.Graph().Err() != nil {
		return sum
	}
	if err := floating(x.Type()); err != nil {
		return fail("scatter_mean", err, x)
	}
	start := 0.0
	if includeSelf {
		start = 1
	}
	n := ScatterAdd(Full(x.Graph(), x.DType(), x.Shape(), start), idx, OnesLike(src), axis)
	return Div(sum, Maximum(n, Scalar(n, 1)))
}

// ScatterSetOp replaces single elements of a tensor along an axis. Operands and
// indices are those of [ScatterOp], of any type. Where one index comes several
// times, the last in row-major order wins, and it alone has a gradient. An
// index outside changes nothing, and the gradient by its element of src is 0.
//
// Source: torch.Tensor.scatter, which leaves open which of several wins, and
// gives all of them the gradient.
type ScatterSetOp struct{ Axis int }

// ScatterSet replaces elements of x by src along an axis; a negative axis
// counts from the end.
func ScatterSet(x, idx, src *ir.Value, axis int) *ir.Value {
	return ir.Apply1(ScatterSetOp{fromStart(x, axis)}, x, idx, src)
}

// Name is "scatter_set".
func (ScatterSetOp) Name() string { return "scatter_set" }

func (op ScatterSetOp) String() string { return fmt.Sprintf("axis %d", op.Axis) }

// Infer wants x, idx and src.
func (op ScatterSetOp) Infer(in []ir.Type) ([]ir.Type, error) {
	return in[:min(1, len(in))], scattered(in, op.Axis)
}

// Flops is 0: elements are copied.
func (ScatterSetOp) Flops(_, _ []ir.Type) int64 { return 0 }

// Eval copies.
func (op ScatterSetOp) Eval(in, out []*tensor.Tensor) {
	x, idx, src, y := in[0], in[1], in[2], out[0]
	copy(y.Bytes(), x.Bytes())
	eachGathered(x.Shape(), idx, op.Axis, func(si, yi int) {
		if yi >= 0 {
			copyElement(y, yi, src, si)
		}
	})
}

// Grad goes to src where it won, else to x.
func (op ScatterSetOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	x, idx, src, g := in[0], in[1], in[2], gout[0]
	if !x.DType().IsFloat() {
		return []*ir.Value{nil, nil, nil}
	}
	won := winners(src, func(number *ir.Value) *ir.Value {
		nobody := FullInt(x.Graph(), dtype.Int64, x.Shape(), 0)
		return ir.Apply1(GatherOp(op), ir.Apply1(op, nobody, idx, number), idx)
	})
	return []*ir.Value{ir.Apply1(op, g, idx, ZerosLike(src)), nil, Select(won, ir.Apply1(GatherOp(op), g, idx), ZerosLike(src))}
}

// winners tells which elements of src stand in the end where they were put:
// they are numbered from 1, and there finds for each the number that stands at
// its place.
func winners(src *ir.Value, there func(number *ir.Value) *ir.Value) *ir.Value {
	i := Iota(src.Graph(), dtype.Int64, shape.Of(src.Shape().Size()), 0)
	number := Reshape(Add(i, Scalar(i, 1)), src.Shape().Dims()...)
	return Eq(there(number), number)
}
