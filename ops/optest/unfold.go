package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// unfold has what nn/testdata/shapes.safetensors lacks: gradients by differences,
// and mistakes.
func unfold() Table {
	odd := ops.Patches{Kernel: [2]int{2, 3}, Stride: [2]int{1, 2}, Padding: [2]int{1, 2}, Dilation: [2]int{2, 1}}
	plain := ops.Patches{Kernel: [2]int{2, 2}, Stride: [2]int{2, 2}, Dilation: [2]int{1, 1}}
	patches := func(p ops.Patches) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.Unfold(in[0], p) })
	}
	images := func(p ops.Patches, y, x int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.Fold(in[0], [2]int{y, x}, p) })
	}
	gen := NewGen("unfold")
	row := func(v ...float64) *tensor.Tensor { return tensor.Must(tensor.Of(v, 1, 1, 2, 4)) }
	cases := []Case{
		{Name: "unfold", In: []*tensor.Tensor{gen.Normal(2, 2, 4, 5)}, Build: patches(odd), Smooth: true},
		{Name: "fold", In: []*tensor.Tensor{gen.Normal(2, 12, 16)}, Build: images(odd, 4, 5), Smooth: true},
		{Name: "side by side", In: []*tensor.Tensor{row(1, 2, 3, 4, 5, 6, 7, 8)}, Build: patches(plain),
			Want: []*tensor.Tensor{tensor.Must(tensor.Of([]float64{1, 3, 2, 4, 5, 7, 6, 8}, 1, 4, 2))}, NoGrad: true},
		{Name: "and back", In: []*tensor.Tensor{tensor.Must(tensor.Of([]float64{1, 3, 2, 4, 5, 7, 6, 8}, 1, 4, 2))}, Build: images(plain, 2, 4),
			Want: []*tensor.Tensor{row(1, 2, 3, 4, 5, 6, 7, 8)}, NoGrad: true},
	}
	x := typ(dtype.Float32, 2, 3, 5, 5)
	return Table{cases, []Mistake{
		{"rank", []ir.Type{typ(dtype.Float32, 2, 3, 5)}, func(in []*ir.Value) { ops.Unfold(in[0], plain) }, "unfold: wants images [B C Y X]: in0 f32[2 3 5]"},
		{"patch", []ir.Type{typ(dtype.Float32, 2, 3, 1, 5)}, func(in []*ir.Value) { ops.Unfold(in[0], plain) }, "unfold: a patch over 2 positions does not fit into 1 and padding of 0"},
		{"settings", []ir.Type{x}, func(in []*ir.Value) { ops.Unfold(in[0], ops.Patches{}) }, "unfold: wants kernel, stride and dilation of at least 1"},
		{"columns", []ir.Type{typ(dtype.Float32, 2, 12, 5)}, func(in []*ir.Value) { ops.Fold(in[0], [2]int{4, 4}, plain) }, "fold: wants [B C*4 4] for images of 4 by 4: in0 f32[2 12 5]"},
	}}
}
