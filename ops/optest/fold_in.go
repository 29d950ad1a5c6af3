package optest

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/tensor"
)

func foldIn() Table {
	fold := one(func(in []*ir.Value) *ir.Value { return ops.FoldIn(in[0], in[1]) })
	var cases []Case
	for _, c := range [][2]uint64{{0, 0}, {1, 0}, {0, 1}, {1, 1}, {7, 1 << 40}, {math.MaxUint64, 3}, {3, math.MaxUint64}} {
		key := rng.Mix(c[0], c[1])
		cases = append(cases, Case{
			Name: fmt.Sprint(c[0], " ", c[1]), Build: fold, NoGrad: true,
			In:   []*tensor.Tensor{tensor.Scalar(c[0]), tensor.Scalar(c[1])},
			Want: []*tensor.Tensor{tensor.Scalar(uint64(key[1])<<32 + uint64(key[0]))},
		})
	}
	u := typ(dtype.Uint64)
	return Table{cases, []Mistake{
		{"seed", []ir.Type{typ(dtype.Int64), u}, func(in []*ir.Value) { fold(in) }, "fold_in: wants seed and number u64[]"},
		{"number", []ir.Type{u, typ(dtype.Uint64, 1)}, func(in []*ir.Value) { fold(in) }, "fold_in: wants seed and number u64[]"},
		{"operands", []ir.Type{u}, func(in []*ir.Value) { ir.Apply(ops.FoldInOp{}, in...) }, "wants 2 operands, got 1"},
	}}
}
