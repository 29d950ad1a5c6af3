package ops

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// FoldInOp makes a new seed of the operands seed and n, u64 scalars: the number
// that rng.Mix(seed, n) makes. Random ops that draw by it draw other numbers
// for each n, such as the iteration of a loop.
//
// Source: jax.random.fold_in, with another mixing function.
type FoldInOp struct{}

// FoldIn makes a seed for the n-th of several draws from one seed.
func FoldIn(seed, n *ir.Value) *ir.Value { return ir.Apply1(FoldInOp{}, seed, n) }

// Name is "fold_in".
func (FoldInOp) Name() string { return "fold_in" }

// Infer wants two scalars.
func (FoldInOp) Infer(in []ir.Type) ([]ir.Type, error) {
	if err := operands(in, 2); err != nil {
		return nil, err
	}
	if scalar := (ir.Type{DType: dtype.Uint64}); in[0] != scalar || in[1] != scalar {
		return nil, fmt.Errorf("wants seed and number %v", scalar)
	}
	return one(dtype.Uint64, shape.Shape{})
}

// Flops is 0.
func (FoldInOp) Flops(_, _ []ir.Type) int64 { return 0 }

// Eval mixes.
func (FoldInOp) Eval(in, out []*tensor.Tensor) {
	key := rng.Mix(tensor.Data[uint64](in[0])[0], tensor.Data[uint64](in[1])[0])
	tensor.Data[uint64](out[0])[0] = uint64(key[0]) | uint64(key[1])<<32
}

// Grad has nothing to return.
func (FoldInOp) Grad(_, _, _ []*ir.Value) []*ir.Value { return []*ir.Value{nil, nil} }
