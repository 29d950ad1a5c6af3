package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// RandomBitsOp makes 32 random bits an element, u32, from the operands seed
// and step, u64 of rank 0. Element i, in row-major order, is element i of the
// stream with key rng.Mix(seed, Stream) and number step, as package rng defines
// it: it depends on nothing else, neither threads nor other ops.
type RandomBitsOp struct {
	Stream uint64 // rng.Hash of the place in the model
	Shape  shape.Shape
}

// RandomBits makes random bits of a shape.
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

// Flops counts the ten rounds of the generator as ten operations an element.
func (RandomBitsOp) Flops(_, out []ir.Type) int64 { return 10 * int64(out[0].Shape.Size()) }

// Eval reads the stream.
func (op RandomBitsOp) Eval(in, out []*tensor.Tensor) {
	seed, step := tensor.Data[uint64](in[0])[0], tensor.Data[uint64](in[1])[0]
	rng.Bits(tensor.Data[uint32](out[0]), rng.Mix(seed, op.Stream), step, 0)
}

// Grad has nothing to return.
func (RandomBitsOp) Grad(_, _, _ []*ir.Value) []*ir.Value { return []*ir.Value{nil, nil} }
