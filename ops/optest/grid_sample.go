package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func gridSample() Table {
	sample := func(o ops.GridSampleOptions) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.GridSample(in[0], in[1], o) })
	}
	cases := Golden("grid_sample", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		if a.Op() == "affine_grid" {
			size := a.Ints("size")
			return one(func(in []*ir.Value) *ir.Value {
				return ops.AffineGrid(in[0], size[0], size[1], a.Bool("align_corners"))
			})
		}
		return sample(ops.GridSampleOptions{Nearest: a.Bool("nearest"), Border: a.Bool("border"), AlignCorners: a.Bool("align_corners")})
	})
	nan, inf := math.NaN(), math.Inf(1)
	row := tensor.Must(tensor.Of([]float64{1, 2, 4}, 1, 1, 1, 3))
	at := func(u ...float64) *tensor.Tensor {
		var places []float64
		for _, u := range u {
			places = append(places, u, 0)
		}
		return tensor.Must(tensor.Of(places, 1, 1, len(u), 2))
	}
	want := func(v ...float64) []*tensor.Tensor {
		return []*tensor.Tensor{tensor.Must(tensor.Of(v, 1, 1, 1, len(v)))}
	}
	cases = append(cases,
		Case{Name: "edges", In: []*tensor.Tensor{row, at(-1, 0, 1, -5, 5, 1e30)}, NoGrad: true, Build: sample(ops.GridSampleOptions{AlignCorners: true}), Want: want(1, 2, 4, 0, 0, 0)},
		Case{Name: "border", In: []*tensor.Tensor{row, at(-1, 0.5, -5, 1e30)}, NoGrad: true, Build: sample(ops.GridSampleOptions{AlignCorners: true, Border: true}), Want: want(1, 3, 1, 4)},
		Case{Name: "no numbers", In: []*tensor.Tensor{row, at(nan, inf, -inf)}, NoGrad: true, Build: sample(ops.GridSampleOptions{AlignCorners: true}), Want: want(1, 1, 1)},
	)
	x, grid := typ(dtype.Float32, 2, 3, 4, 5), typ(dtype.Float32, 2, 2, 2, 2)
	return Table{cases, []Mistake{
		{"grid", []ir.Type{x, typ(dtype.Float32, 2, 2, 2, 3)}, func(in []*ir.Value) { ops.GridSample(in[0], in[1], ops.GridSampleOptions{}) }, "grid_sample: wants images [B C Y X] and a grid [B Y' X' 2]"},
		{"batch", []ir.Type{x, typ(dtype.Float32, 1, 2, 2, 2)}, func(in []*ir.Value) { ops.GridSample(in[0], in[1], ops.GridSampleOptions{}) }, "grid_sample: wants images [B C Y X] and a grid [B Y' X' 2]"},
		{"types", []ir.Type{x, typ(dtype.Float64, 2, 2, 2, 2)}, func(in []*ir.Value) { ops.GridSample(in[0], in[1], ops.GridSampleOptions{}) }, "grid_sample: wants images and a grid of one floating-point type"},
		{"empty", []ir.Type{typ(dtype.Float32, 2, 3, 0, 5), grid}, func(in []*ir.Value) { ops.GridSample(in[0], in[1], ops.GridSampleOptions{}) }, "grid_sample: wants images with pixels"},
		{"theta", []ir.Type{x}, func(in []*ir.Value) { ops.AffineGrid(in[0], 2, 2, false) }, "affine_grid: wants matrices [B 2 3]"},
	}}
}
