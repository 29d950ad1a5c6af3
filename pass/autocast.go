package pass

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// Autocast lets what is traced into g from now on, until leave is called, work
// in mixed precision:
//
//	leave := pass.Autocast(c.Graph(), dtype.BFloat16)
//	l := loss.CrossEntropy(model.Forward(c.Train(), x), y)
//	leave()
//	grads := grad.Of(l, c.Params(opt)...)
//
// Matrix products and convolutions get their operands cast to to, and give
// results of that type. Sums, products of many elements, norms, softmax,
// cross-entropy, exponentials, logarithms and powers get theirs cast to float32.
// Any other op works on what it gets; where that is of several types of floats,
// all become the widest, but that constants follow the others.
//
// Weights stay what they are in the store, float32 as a rule: what is cast is
// their value in this step, once for all its uses, and gradients and updates
// are float32 again. Gradients work in the types of the forward pass; the
// region may end before or after they are built. The compositions of package
// ops compute in float32 in any case, and so do losses.
//
// to is BFloat16 or Float16; anything else is a mistake. Float16 wants its loss
// scaled up, so that small gradients do not vanish.
//
// The lists are those of torch.autocast (2.15): its 16-bit list, which is the
// same for all devices, and of the float32 list that for CUDA. Recurrent ops and
// attention are in neither: they take what the products before them give.
func Autocast(g *ir.Graph, to dtype.DType) (leave func()) {
	if !to.IsHalf() {
		g.Fail("autocast", fmt.Sprintf("wants %v or %v, got %v", dtype.BFloat16, dtype.Float16, to), nil)
		return func() {}
	}
	old := g.SetAdapter(func(op ir.Op, in []*ir.Value) []*ir.Value {
		switch {
		case lowPrecision(op):
			return castFloats(in, to)
		case fullPrecision(op):
			return castFloats(in, dtype.Float32)
		}
		return promote(op, in)
	})
	return func() { g.SetAdapter(old) }
}

// lowPrecision lists the ops that gain from 16 bits.
func lowPrecision(op ir.Op) bool {
	switch op.(type) {
	case ops.DotOp, ops.ConvOp, ops.ConvInputOp, ops.ConvWeightOp:
		return true
	}
	return false
}

// fullPrecision lists the ops that lose by 16 bits.
func fullPrecision(op ir.Op) bool {
	switch op := op.(type) {
	case ops.SoftmaxOp, ops.LogSoftmaxOp, ops.CrossEntropyOp,
		ops.LayerNormOp, ops.RMSNormOp, ops.GroupNormOp, ops.BatchNormOp,
		ops.VarOp, ops.CumulativeOp:
		return true
	case ops.ReduceOp:
		return op.F == ops.SumFunc || op.F == ops.ProdFunc
	case ops.BinaryOp:
		return op.F == ops.PowFunc
	case ops.UnaryOp:
		switch op.F {
		case ops.ExpFunc, ops.Exp2Func, ops.Expm1Func, ops.LogFunc, ops.Log2Func, ops.Log10Func, ops.Log1pFunc,
			ops.RsqrtFunc, ops.AcosFunc, ops.AsinFunc, ops.TanFunc, ops.SinhFunc, ops.CoshFunc, ops.ErfinvFunc:
			return true
		}
	}
	return false
}

// castFloats casts floats of at most 32 bits.
func castFloats(in []*ir.Value, to dtype.DType) []*ir.Value {
	for i, v := range in {
		if t := v.DType(); t == dtype.Float32 || t.IsHalf() {
			in[i] = castTo(v, to)
		}
	}
	return in
}

// promote gives all floats the widest type among those that are not constant.
func promote(op ir.Op, in []*ir.Value) []*ir.Value {
	switch op.(type) {
	case ir.Nested: // the types are those of its bodies
		return in
	case ops.LinearCrossEntropyOp: // products in the types of their operands, sums in float32
		return in
	}
	var widest, ofConstants dtype.DType
	for _, v := range in {
		if !v.DType().IsFloat() {
			continue
		}
		if constantOf(v) == nil {
			widest = wider(widest, v.DType())
		} else {
			ofConstants = wider(ofConstants, v.DType())
		}
	}
	if widest == dtype.Invalid {
		widest = ofConstants
	}
	for i, v := range in {
		if v.DType().IsFloat() {
			in[i] = castTo(v, widest)
		}
	}
	return in
}

// wider returns the type that holds the numbers of both, Invalid being none:
// for the two of 16 bits that is float32.
func wider(a, b dtype.DType) dtype.DType {
	switch {
	case a == dtype.Invalid || a == b:
		return b
	case a.IsHalf() && b.IsHalf():
		return dtype.Float32
	case a.Size() < b.Size():
		return b
	}
	return a
}

// castTo is ops.Cast, but for a constant, which is made anew: it may have lost
// bits in its type.
func castTo(v *ir.Value, to dtype.DType) *ir.Value {
	c := constantOf(v)
	if c == nil || v.DType() == to {
		return ops.Cast(v, to)
	}
	return ops.Full(v.Graph(), to, v.Shape(), c.Float())
}

// constantOf returns the constant that v is, repeated or not.
func constantOf(v *ir.Value) *ops.ConstantOp {
	for {
		switch op := v.Node().Op().(type) {
		case ops.ConstantOp:
			return &op
		case ops.BroadcastOp, ops.ReshapeOp:
			v = v.Node().In()[0]
		default:
			return nil
		}
	}
}
