package ops

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// DropoutOp sets each element to 0 with probability P and multiplies the others
// by 1/(1-P), so that the expected value stays. Operands: x of any shape and
// floating-point type, seed and step, u64 scalars. With b the element's random
// bits as [RandomBitsOp] defines them by seed, step, Stream and the element's
// index in row-major order,
//
//	y = x / (1-P) where b >= P * 2^32, 0 elsewhere
//
// 0 also where x is NaN. P is 0 to 1, and P = 1 gives zeros. Equal operands
// and attributes give equal masks, on any number of threads. The mask is
// never stored: the gradient makes it again.
//
// Source: Srivastava and others, "Dropout" (2014), section 4, scaled while
// training as in torch.nn.functional.dropout.
type DropoutOp struct {
	P      float64
	Stream uint64
}

// Dropout drops elements of x with probability p. With p = 0 it returns x.
func Dropout(x, seed, step *ir.Value, p float64, stream uint64) *ir.Value {
	if p == 0 {
		return x
	}
	return ir.Apply1(DropoutOp{p, stream}, x, seed, step)
}

// Name is "dropout".
func (DropoutOp) Name() string { return "dropout" }

// Infer wants x, seed and step.
func (op DropoutOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 3); err != nil {
		return nil, err
	}
	if !(op.P >= 0 && op.P <= 1) {
		return nil, fmt.Errorf("probability %v is outside 0..1", op.P)
	}
	if err := floating(in[0]); err != nil {
		return nil, err
	}
	if scalar := (ir.Type{DType: dtype.Uint64}); in[1] != scalar || in[2] != scalar {
		return nil, fmt.Errorf("wants seed and step %v", scalar)
	}
	return in[:1], nil
}

// Flops counts the ten rounds of the generator as ten operations an element,
// and the scaling.
func (DropoutOp) Flops(in, _ []ir.Type) int64 { return 11 * int64(in[0].Shape.Size()) }

// Threshold is the smallest value of random bits that keeps an element: from 0,
// all are kept, to 2^32, none is.
func (op DropoutOp) Threshold() uint64 { return uint64(math.Ceil(op.P * (1 << 32))) }

// Expand makes the mask and applies it.
func (op DropoutOp) Expand(in []*ir.Value) []*ir.Value {
	x, seed, step := in[0], in[1], in[2]
	if op.Threshold() > math.MaxUint32 {
		return []*ir.Value{ZerosLike(x)}
	}
	bits := RandomBits(seed, step, op.Stream, x.Shape())
	kept := Ge(bits, FullInt(x.Graph(), dtype.Uint32, shape.Shape{}, int64(op.Threshold())))
	return []*ir.Value{Select(kept, Mul(x, Scalar(x, 1/(1-op.P))), ZerosLike(x))}
}

// Grad is the op itself, with the same mask.
func (op DropoutOp) Grad(in, _, gout []*ir.Value) []*ir.Value {
	return []*ir.Value{ir.Apply1(op, gout[0], in[1], in[2]), nil, nil}
}
