package ops

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// ConstantOp is a tensor of one repeated value, known when the graph is built.
// Bits is the float64 or, for integers and bool, the int64 that it was made
// of, so that equal constants compare equal, NaN and signed zero included.
type ConstantOp struct {
	DType dtype.DType
	Shape shape.Shape
	Bits  uint64
}

// Full returns a tensor filled with v, rounded to dt. v must be exact for
// integer types: use FullInt beyond 2^53.
func Full(g *ir.Graph, dt dtype.DType, s shape.Shape, v float64) *ir.Value {
	if dt.IsFloat() {
		return g.Add(ConstantOp{dt, s, math.Float64bits(v)})[0]
	}
	return FullInt(g, dt, s, int64(v))
}

// FullInt returns a tensor of an integer type filled with v.
func FullInt(g *ir.Graph, dt dtype.DType, s shape.Shape, v int64) *ir.Value {
	return g.Add(ConstantOp{dt, s, uint64(v)})[0]
}

// Scalar returns a constant of rank 0 with the element type and graph of like.
func Scalar(like *ir.Value, v float64) *ir.Value {
	return Full(like.Graph(), like.DType(), shape.Shape{}, v)
}

// ZerosLike returns zeros of the type of x.
func ZerosLike(x *ir.Value) *ir.Value { return Full(x.Graph(), x.DType(), x.Shape(), 0) }

// OnesLike returns ones of the type of x.
func OnesLike(x *ir.Value) *ir.Value { return Full(x.Graph(), x.DType(), x.Shape(), 1) }

// Float is the value as a float64.
func (op ConstantOp) Float() float64 {
	switch {
	case op.DType.IsFloat():
		return math.Float64frombits(op.Bits)
	case op.DType == dtype.Uint64:
		return float64(op.Bits)
	}
	return float64(int64(op.Bits))
}

// Name is "constant".
func (ConstantOp) Name() string { return "constant" }

// Infer returns the constant's own type.
func (op ConstantOp) Infer([]ir.Type) ([]ir.Type, error) {
	if op.DType == dtype.Invalid || op.DType > dtype.Bool {
		return nil, fmt.Errorf("there is no element type %v", op.DType)
	}
	return one(op.DType, op.Shape)
}

// Eval fills.
func (op ConstantOp) Eval(_, out []*tensor.Tensor) {
	for i := range out[0].Size() {
		if op.DType.IsFloat() {
			out[0].SetFloat(i, op.Float())
		} else {
			out[0].SetInt(i, int64(op.Bits))
		}
	}
}

// Grad has nothing to return.
func (ConstantOp) Grad(_, _, _ []*ir.Value) []*ir.Value { return nil }
