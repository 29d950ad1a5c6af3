package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func convTranspose() Table {
	apply := func(op ops.ConvOp, last bool, outputPadding ...int) func(in []*ir.Value) []*ir.Value {
		return both(func(x, w *ir.Value) *ir.Value {
			if !last {
				return ops.ConvTranspose(x, w, op, outputPadding...)
			}
			op := op
			op.ChannelsLast = true
			y := ops.ConvTranspose(ops.Transpose(x, lastAxes(x.Rank())...), w, op, outputPadding...)
			return ops.Transpose(y, firstAxes(x.Rank())...)
		})
	}
	golden := func(last bool) []Case {
		return Golden("conv_transpose", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
			return apply(convOp(a.Ints("stride"), a.Ints("padding"), a.Ints("dilation"), a.Int("groups")), last, a.Ints("output_padding")...)
		})
	}
	cases := golden(false)
	for _, c := range golden(true) {
		c.Name += "_last"
		cases = append(cases, c)
	}
	gen := NewGen("conv_transpose")
	double := convOp([]int{2, 2}, []int{1, 1}, []int{1, 1}, 1)
	depthwise := convOp([]int{2}, []int{1}, []int{1}, 5)
	zeros := convOp([]int{1}, []int{0}, []int{3}, 1)
	cases = append(cases,
		Case{Name: "no_output_padding", In: []*tensor.Tensor{gen.Normal(1, 2, 3, 2), gen.Normal(2, 3, 4, 3)}, Build: apply(double, false), Smooth: true},
		Case{Name: "output_padding", In: []*tensor.Tensor{gen.Normal(1, 2, 2, 3), gen.Normal(2, 2, 3, 3)}, Build: apply(double, false, 1, 0), Smooth: true},
		Case{Name: "depthwise", In: []*tensor.Tensor{gen.Normal(2, 5, 4), gen.Normal(5, 1, 3)}, Build: apply(depthwise, false, 1), Smooth: true},
		Case{Name: "zeros", In: []*tensor.Tensor{gen.Normal(1, 2, 3), gen.Normal(2, 2, 2)}, Build: apply(zeros, true, 2), Smooth: true},
		Case{Name: "no_batch", In: []*tensor.Tensor{gen.Normal(0, 2, 3, 3), gen.Normal(2, 3, 3, 3)}, Build: apply(double, false), NoGrad: true},
		Case{Name: "values", In: []*tensor.Tensor{tensor.Must(Floats(1, 2).Reshape(1, 1, 2)), tensor.Must(Floats(1, 10, 100).Reshape(1, 1, 3))}, NoGrad: true,
			Build: apply(convOp([]int{2}, []int{0}, []int{1}, 1), false, 1),
			Want:  []*tensor.Tensor{tensor.Must(Floats(1, 10, 102, 20, 200, 0).Reshape(1, 1, 6))}},
		Case{Name: "large", In: []*tensor.Tensor{gen.Normal(2, 33, 7, 9), gen.Normal(33, 19, 4, 4)}, NoGrad: true, Build: apply(double, false)},
	)
	x, w := typ(dtype.Float32, 1, 4, 5, 5), typ(dtype.Float32, 4, 2, 3, 3)
	wrong := func(name, want string, x, w ir.Type, op ops.ConvOp, outputPadding ...int) Mistake {
		return Mistake{name, []ir.Type{x, w}, func(in []*ir.Value) { ops.ConvTranspose(in[0], in[1], op, outputPadding...) }, want}
	}
	plain := convOp([]int{1, 1}, []int{0, 0}, []int{1, 1}, 1)
	with := func(f func(op *ops.ConvOp)) ops.ConvOp {
		op := plain
		f(&op)
		return op
	}
	return Table{Cases: cases, Mistakes: []Mistake{
		wrong("types", "conv_input: element types differ", x, typ(dtype.Float64, 4, 2, 3, 3), plain),
		wrong("rank", "conv_transpose: a weight of rank 3 wants an operand [B C T], got one of rank 4: in0 f32[1 4 5 5], in1 f32[4 2 3]", x, typ(dtype.Float32, 4, 2, 3), plain),
		wrong("channels", "conv_transpose: the input has 4 channels, the weight wants 3", x, typ(dtype.Float32, 3, 2, 3, 3), plain),
		wrong("groups", "conv_input: 6 channels in and 4 out do not divide in 3 groups", x, w, with(func(op *ops.ConvOp) { op.Groups = 3 })),
		wrong("stride", "conv_transpose: stride [1 0] and dilation [1 1] must be at least 1", x, w, with(func(op *ops.ConvOp) { op.Stride[1] = 0 })),
		wrong("output padding", "conv_transpose: output padding [0 1] must be at least 0 and below stride [1 1] or dilation [1 1]", x, w, plain, 0, 1),
		wrong("negative output padding", "output padding [-1 0] must be at least 0", x, w, plain, -1, 0),
		wrong("output paddings", "conv_transpose: wants output padding for 2 spatial axes or none, got [0]", x, w, plain, 0),
		wrong("padding", "conv_transpose: spatial axis 0 of the result has 7 elements, fewer than its padding 4 and 4", x, w, with(func(op *ops.ConvOp) { op.PadLo[0], op.PadHi[0] = 4, 4 })),
	}}
}
