package optest

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func rfft() Table {
	cases := of("fft", "rfft", func(a Attrs, in []*ir.Value) []*ir.Value { return only(ops.RFFT(in[0], a.Int("axis"))) })
	cases = append(cases, of("fft", "irfft", func(a Attrs, in []*ir.Value) []*ir.Value { return only(ops.IRFFT(in[0], a.Int("n"), a.Int("axis"))) })...)
	gen := NewGen("rfft")
	for _, n := range []int{1, 2, 3, 4, 5, 6, 9, 17, 34} {
		x := gen.Normal(2, n)
		cases = append(cases,
			Case{Name: fmt.Sprint("forward ", n), In: []*tensor.Tensor{x}, Smooth: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.RFFT(in[0], 1) })},
			Case{Name: fmt.Sprint("back ", n), In: []*tensor.Tensor{gen.Normal(2, n/2+1, 2)}, Smooth: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.IRFFT(in[0], n, -1) })},
			Case{Name: fmt.Sprint("there and back ", n), In: []*tensor.Tensor{x}, Smooth: true, Want: []*tensor.Tensor{x}, Build: one(func(in []*ir.Value) *ir.Value { return ops.IRFFT(ops.RFFT(in[0], 1), n, 1) })})
	}
	for _, n := range []int{128, 360, 509, 1000} {
		cases = append(cases, Case{Name: fmt.Sprint("long ", n), In: []*tensor.Tensor{gen.Normal(3, n)}, NoGrad: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.RFFT(in[0], 1) })})
	}
	nan := math.NaN()
	cases = append(cases,
		Case{Name: "one wave", In: []*tensor.Tensor{Floats(1, 0, -1, 0)}, NoGrad: true, Want: []*tensor.Tensor{tensor.Must(Floats(0, 0, 2, 0, 0, 0).Reshape(3, 2))}, Build: one(func(in []*ir.Value) *ir.Value { return ops.RFFT(in[0], 0) })},
		Case{Name: "nan", In: []*tensor.Tensor{Floats(1, nan)}, NoGrad: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.Sum(ops.RFFT(in[0], 0)) }), Want: []*tensor.Tensor{tensor.Scalar(nan)}},
		Case{Name: "imaginary parts that have no place", In: []*tensor.Tensor{tensor.Must(Floats(2, nan, 0, 0, 2, nan).Reshape(3, 2))}, NoGrad: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.IRFFT(in[0], 4, 0) }),
			Want: []*tensor.Tensor{Floats(1, 0, 1, 0)}},
	)
	x, y := typ(dtype.Float32, 4), typ(dtype.Float32, 3, 2)
	return Table{cases, []Mistake{
		{"axis", []ir.Type{x}, func(in []*ir.Value) { ops.RFFT(in[0], 1) }, "rfft: axis 1 is outside a tensor of rank 1: in0 f32[4]"},
		{"integers", []ir.Type{typ(dtype.Int32, 4)}, func(in []*ir.Value) { ops.RFFT(in[0], 0) }, "rfft: wants a floating-point type, got i32"},
		{"empty", []ir.Type{typ(dtype.Float32, 0)}, func(in []*ir.Value) { ops.RFFT(in[0], 0) }, "rfft: wants lines of at least one element"},
		{"count", []ir.Type{y}, func(in []*ir.Value) { ops.IRFFT(in[0], 6, 0) }, "irfft: wants frequencies [... 4 2] for lines of 6 elements"},
		{"no elements", []ir.Type{y}, func(in []*ir.Value) { ops.IRFFT(in[0], 0, 0) }, "irfft: wants frequencies [... 1 2] for lines of 0 elements"},
		{"pairs", []ir.Type{typ(dtype.Float32, 3, 3)}, func(in []*ir.Value) { ops.IRFFT(in[0], 4, 0) }, "irfft: wants frequencies [... 3 2] for lines of 4 elements"},
		{"back axis", []ir.Type{y}, func(in []*ir.Value) { ops.IRFFT(in[0], 4, 1) }, "irfft: axis 1 is outside a tensor of rank 1 with pairs"},
		{"back rank", []ir.Type{typ(dtype.Float32)}, func(in []*ir.Value) { ops.IRFFT(in[0], 4, 0) }, "irfft: axis 0 is outside a tensor of rank -1 with pairs"},
	}}
}
