package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func pixelShuffle() Table {
	build := func(f func(x *ir.Value, factor int) *ir.Value, factor int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return f(in[0], factor) })
	}
	cases := Golden("pixel_shuffle", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		if a.Op() == "pixel_shuffle" {
			return build(ops.PixelShuffle, a.Int("factor"))
		}
		return build(ops.PixelUnshuffle, a.Int("factor"))
	})
	gen := NewGen("pixel_shuffle")
	cases = append(cases,
		Case{Name: "shuffle", In: []*tensor.Tensor{gen.Normal(2, 4, 2, 3)}, Build: build(ops.PixelShuffle, 2), Smooth: true},
		Case{Name: "unshuffle", In: []*tensor.Tensor{gen.Normal(2, 2, 4, 2)}, Build: build(ops.PixelUnshuffle, 2), Smooth: true},
		Case{Name: "no batch", In: []*tensor.Tensor{gen.Normal(0, 4, 2, 3)}, Build: build(ops.PixelShuffle, 2), NoGrad: true},
		Case{Name: "there and back", In: []*tensor.Tensor{gen.Normal(1, 9, 2, 1)}, Smooth: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.PixelUnshuffle(ops.PixelShuffle(in[0], 3), 3) })},
	)
	x := typ(dtype.Float32, 2, 6, 4, 5)
	return Table{cases, []Mistake{
		{"channels", []ir.Type{x}, func(in []*ir.Value) { ops.PixelShuffle(in[0], 2) }, "pixel_shuffle: wants images [B C Y X] whose channels divide by the square of the factor 2: in0 f32[2 6 4 5]"},
		{"factor", []ir.Type{x}, func(in []*ir.Value) { ops.PixelShuffle(in[0], 0) }, "by the square of the factor 0"},
		{"rank", []ir.Type{typ(dtype.Float32, 4, 2, 2)}, func(in []*ir.Value) { ops.PixelShuffle(in[0], 2) }, "pixel_shuffle: wants images [B C Y X]"},
		{"extents", []ir.Type{x}, func(in []*ir.Value) { ops.PixelUnshuffle(in[0], 2) }, "pixel_unshuffle: wants images [B C Y X] whose extents divide by the factor 2"},
	}}
}
