package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func bce() Table {
	gen := NewGen("bce")
	build := one(func(in []*ir.Value) *ir.Value { return ops.BCE(in[0], in[1]) })
	inside := func(dims ...int) *tensor.Tensor { return gen.Uniform(0.1, 0.9, dims...) }
	nan := math.NaN()
	most := 1 / float64(float32(1e-12))
	return Table{byElement([]Case{
		{Name: "rank0", In: []*tensor.Tensor{inside(), inside()}, Build: build, Smooth: true},
		{Name: "rank1", In: []*tensor.Tensor{inside(7), inside(7)}, Build: build, Smooth: true},
		{Name: "rank4", In: []*tensor.Tensor{inside(2, 3, 1, 5), inside(2, 3, 1, 5)}, Build: build, Smooth: true},
		{Name: "long", In: []*tensor.Tensor{inside(2, 1025), inside(2, 1025)}, Build: build, NoGrad: true},
		{Name: "empty", In: []*tensor.Tensor{inside(0, 3), inside(0, 3)}, Build: build},
		{
			Name: "edges", Build: build, NoGrad: true,
			In:   []*tensor.Tensor{Floats(0, 0, 1, 1, 0, 0.5, -0.25, 1.25, nan), Floats(0, 1, 0, 1, 0.25, 0.5, 0, 1, 0)},
			Want: []*tensor.Tensor{Floats(0, 100, 100, 0, 25, math.Ln2, nan, nan, nan)},
			Gout: []*tensor.Tensor{Floats(1, 2, 1, 3, 1, 1, 1, 1, 1)},
			WantGrad: []*tensor.Tensor{
				Floats(0, -2*most, most, 0, -0.25*most, 0, -0.25*most, 0.25*most, nan),
				Floats(100, 200, -100, -300, 100, 0, nan, nan, nan),
			},
		},
	}), []Mistake{
		{"of two shapes", []ir.Type{typ(dtype.Float32, 3), typ(dtype.Float32, 1)}, func(in []*ir.Value) { ops.BCE(in[0], in[1]) }, "bce: shapes differ: in0 f32[3], in1 f32[1]"},
		{"integers", []ir.Type{typ(dtype.Int32, 3), typ(dtype.Int32, 3)}, func(in []*ir.Value) { ops.BCE(in[0], in[1]) }, "bce: wants a floating-point type, got i32"},
	}}
}
