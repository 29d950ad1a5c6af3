package ops

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// CastOp converts to another element type. Floats to integers truncate; what
// does not fit becomes the nearest integer that does, and NaN 0. Integers wrap
// around among themselves, floats round to nearest even. To Bool it is x != 0,
// from Bool it is 0 and 1. The result is the same on every platform.
type CastOp struct{ To dtype.DType }

// Cast converts x; x itself is returned when it has the type already.
func Cast(x *ir.Value, to dtype.DType) *ir.Value {
	if x.DType() == to {
		return x
	}
	return ir.Apply1(CastOp{to}, x)
}

// Name is "cast".
func (CastOp) Name() string { return "cast" }

func (op CastOp) String() string { return op.To.String() }

// Infer changes the element type.
func (op CastOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 1); err != nil {
		return nil, err
	}
	if op.To == dtype.Invalid || op.To > dtype.Bool {
		return nil, fmt.Errorf("there is no element type %v", op.To)
	}
	return one(op.To, in[0].Shape)
}

// Elementwise marks the op.
func (CastOp) Elementwise() {}

// Eval converts; between integers exactly.
func (op CastOp) Eval(in, out []*tensor.Tensor) {
	x, y := in[0], out[0]
	for i := range x.Size() {
		switch {
		case x.DType() == dtype.Uint64 && y.DType().IsInt():
			y.SetInt(i, int64(tensor.Data[uint64](x)[i]))
		case x.DType().IsInt() && y.DType().IsInt():
			y.SetInt(i, x.Int(i))
		case x.DType().IsFloat() && y.DType().IsInt():
			y.SetInt(i, saturate(x.Float(i), y.DType()))
		default:
			y.SetFloat(i, x.Float(i))
		}
	}
}

// saturate truncates v to an integer that dt can hold; a Uint64 is returned
// wrapped around.
func saturate(v float64, dt dtype.DType) int64 {
	bits := 8 * dt.Size()
	low, high := -math.Ldexp(1, bits-1), math.Ldexp(1, bits-1) // high is one above the largest
	if dt.IsUnsigned() {
		low, high = 0, math.Ldexp(1, bits)
	}
	switch {
	case v != v:
		return 0
	case v <= low:
		return int64(low)
	case v < high && dt == dtype.Uint64:
		return int64(uint64(v))
	case v < high:
		return int64(v)
	case dt == dtype.Uint64:
		return -1
	case dt == dtype.Int64:
		return math.MaxInt64
	}
	return int64(high) - 1
}

// Grad casts back between floats; nothing flows through other types.
func (op CastOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	if !in[0].DType().IsFloat() || !op.To.IsFloat() {
		return []*ir.Value{nil}
	}
	return []*ir.Value{Cast(gout[0], in[0].DType())}
}
