package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// RandomBitsOp draws uniform u32 numbers. Operands: seed and step, u64
// scalars. Element i is element i of the stream with key rng.Mix(seed, Stream)
// and step number step (package rng): a function of position alone.
type RandomBitsOp struct {
	Stream uint64
	Shape  shape.Shape
}

// RandomBits draws a tensor of uniform u32 numbers.
func RandomBits(seed, step *ir.Value, stream uint64, s shape.Shape) *ir.Value {
	return ir.Apply1(RandomBitsOp{stream, s}, seed, step)
}

// Name is "random_bits".
func (RandomBitsOp) Name() string { return "random_bits" }

// Infer wants seed and step.
func (op RandomBitsOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 2); err != nil {
		return nil, err
	}
	if scalar := (ir.Type{DType: dtype.Uint64}); in[0] != scalar || in[1] != scalar {
		return nil, fmt.Errorf("wants seed and step %v", scalar)
	}
	return one(dtype.Uint32, op.Shape)
}

// Eval draws.
func (op RandomBitsOp) Eval(in, out []*tensor.Tensor) {
	seed, step := tensor.Data[uint64](in[0])[0], tensor.Data[uint64](in[1])[0]
	rng.Bits(tensor.Data[uint32](out[0]), rng.Mix(seed, op.Stream), step, 0)
}

// Grad has nothing to return.
func (RandomBitsOp) Grad(in, _, _ []*ir.Value) []*ir.Value { return make([]*ir.Value, len(in)) }
