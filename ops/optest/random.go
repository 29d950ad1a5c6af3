package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func random() Table {
	const stream = 12345
	var cases []Case
	for name, c := range map[string]struct {
		seed, step uint64
		dims       []int
	}{
		"scalar": {1, 2, []int{}}, "one_block": {1, 2, []int{4}}, "rest": {7, 0, []int{3, 5}}, "long": {7, 1 << 40, []int{1031}}, "empty": {1, 1, []int{0}},
		"large_seed": {math.MaxUint64, 3, []int{2, 2, 2}},
	} {
		want := tensor.New(dtype.Uint32, shapeOf(c.dims))
		for i := range want.Size() { // by the definition, block by block
			n := uint64(i / 4)
			b := rng.Philox(rng.Mix(c.seed, stream), [4]uint32{uint32(n), uint32(n >> 32), uint32(c.step), uint32(c.step >> 32)})
			tensor.Data[uint32](want)[i] = b[i%4]
		}
		cases = append(cases, Case{Name: name, In: []*tensor.Tensor{tensor.Scalar(c.seed), tensor.Scalar(c.step)}, NoGrad: true, Want: []*tensor.Tensor{want},
			Build: one(func(in []*ir.Value) *ir.Value { return ops.RandomBits(in[0], in[1], stream, shapeOf(c.dims)) })})
	}
	return Table{Cases: cases, Mistakes: []Mistake{
		{"types", []ir.Type{typ(dtype.Int64), typ(dtype.Uint64)}, func(in []*ir.Value) { ops.RandomBits(in[0], in[1], 0, shape.Of(2)) }, "random_bits: wants seed and step u64[]"},
		{"shapes", []ir.Type{typ(dtype.Uint64), typ(dtype.Uint64, 1)}, func(in []*ir.Value) { ops.RandomBits(in[0], in[1], 0, shape.Of(2)) }, "random_bits: wants seed and step u64[]"},
	}}
}
