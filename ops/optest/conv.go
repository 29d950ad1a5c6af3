package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// convOp has equal padding on both sides.
func convOp(stride, padding, dilation []int, groups int) ops.ConvOp {
	op := ops.ConvOp{Groups: groups}
	copy(op.Stride[:], stride)
	copy(op.PadLo[:], padding)
	copy(op.PadHi[:], padding)
	copy(op.Dilation[:], dilation)
	return op
}

// lastAxes is the order of axes with channels last, and firstAxes the order
// that undoes it.
func lastAxes(rank int) []int {
	perm := []int{0}
	for a := 2; a < rank; a++ {
		perm = append(perm, a)
	}
	return append(perm, 1)
}

func firstAxes(rank int) []int { return ops.Inverse(lastAxes(rank)) }

// convLast is the same convolution with channels last, between transposes.
func convLast(x, w *ir.Value, op ops.ConvOp) *ir.Value {
	op.ChannelsLast = true
	y := ops.Conv(ops.Transpose(x, lastAxes(x.Rank())...), w, op)
	return ops.Transpose(y, firstAxes(x.Rank())...)
}

func conv() Table {
	golden := func(last bool) []Case {
		return Golden("conv", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
			op := convOp(a.Ints("stride"), a.Ints("padding"), a.Ints("dilation"), a.Int("groups"))
			return both(func(x, w *ir.Value) *ir.Value {
				if last {
					return convLast(x, w, op)
				}
				return ops.Conv(x, w, op)
			})
		})
	}
	cases := golden(false)
	for _, c := range golden(true) {
		c.Name += "_last"
		cases = append(cases, c)
	}
	for name, c := range map[string]struct {
		x, w, y []int
		op      ops.ConvOp
	}{
		"1d":        {[]int{2, 2, 7}, []int{3, 2, 3}, []int{2, 3, 4}, convOp([]int{2}, []int{1}, []int{1}, 1)},
		"2d":        {[]int{2, 2, 5, 4}, []int{3, 2, 3, 2}, []int{2, 3, 5, 2}, convOp([]int{1, 2}, []int{1, 0}, []int{1, 1}, 1)},
		"2d_rest":   {[]int{1, 2, 6, 6}, []int{2, 2, 3, 3}, []int{1, 2, 2, 2}, convOp([]int{2, 2}, []int{0, 0}, []int{1, 1}, 1)},
		"2d_groups": {[]int{1, 4, 4, 4}, []int{6, 2, 2, 2}, []int{1, 6, 3, 4}, ops.ConvOp{Stride: [3]int{1, 1}, PadHi: [3]int{0, 1}, Dilation: [3]int{1, 1}, Groups: 2}},
		"2d_uneven": {[]int{1, 1, 5, 5}, []int{2, 1, 2, 3}, []int{1, 2, 5, 3}, ops.ConvOp{Stride: [3]int{1, 2}, PadLo: [3]int{0, 2}, PadHi: [3]int{1, 0}, Dilation: [3]int{1, 1}, Groups: 1}},
		"2d_dilate": {[]int{1, 2, 6, 5}, []int{2, 2, 2, 2}, []int{1, 2, 4, 4}, convOp([]int{1, 1}, []int{0, 1}, []int{2, 3}, 1)},
		"3d":        {[]int{1, 2, 3, 4, 3}, []int{2, 2, 2, 3, 2}, []int{1, 2, 2, 2, 4}, convOp([]int{1, 2, 1}, []int{0, 1, 1}, []int{1, 1, 1}, 1)},
		"no_batch":  {[]int{0, 2, 5, 5}, []int{3, 2, 3, 3}, []int{0, 3, 3, 3}, convOp([]int{1, 1}, []int{0, 0}, []int{1, 1}, 1)},
	} {
		cases = append(cases, convTriple(name, c.x, c.w, c.y, c.op)...)
		last, rank := c.op, len(c.x)
		last.ChannelsLast = true
		cases = append(cases, convTriple(name+"_last", reorder(c.x, lastAxes(rank)), c.w, reorder(c.y, lastAxes(rank)), last)...)
	}
	gen := NewGen("conv large")
	large := convOp([]int{1, 1}, []int{1, 1}, []int{1, 1}, 1)
	cases = append(cases,
		Case{Name: "2d_many_channels", In: []*tensor.Tensor{gen.Normal(2, 19, 9, 11), gen.Normal(33, 19, 3, 3)}, NoGrad: true, Build: both(func(x, w *ir.Value) *ir.Value { return ops.Conv(x, w, large) })},
		Case{Name: "2d_depthwise", In: []*tensor.Tensor{gen.Normal(2, 18, 7, 7), gen.Normal(18, 1, 3, 3)}, NoGrad: true, Build: both(func(x, w *ir.Value) *ir.Value {
			return ops.Conv(x, w, convOp([]int{1, 1}, []int{1, 1}, []int{1, 1}, 18))
		})},
		Case{Name: "transposed_values", In: []*tensor.Tensor{tensor.Must(Floats(1, 2).Reshape(1, 1, 2)), tensor.Must(Floats(1, 10, 100).Reshape(1, 1, 3))}, NoGrad: true,
			Build: both(func(dy, w *ir.Value) *ir.Value {
				return ops.ConvInput(dy, w, convOp([]int{2}, []int{0}, []int{1}, 1), 6)
			}),
			Want: []*tensor.Tensor{tensor.Must(Floats(1, 10, 102, 20, 200, 0).Reshape(1, 1, 6))}},
	)
	plain := convOp([]int{1, 1}, []int{0, 0}, []int{1, 1}, 1)
	with := func(f func(op *ops.ConvOp)) ops.ConvOp {
		op := plain
		f(&op)
		return op
	}
	wrong := func(name, want string, x, w ir.Type, op ops.ConvOp) Mistake {
		return Mistake{name, []ir.Type{x, w}, func(in []*ir.Value) { ops.Conv(in[0], in[1], op) }, want}
	}
	x, w := typ(dtype.Float32, 1, 4, 5, 5), typ(dtype.Float32, 2, 4, 3, 3)
	return Table{Cases: cases, Mistakes: []Mistake{
		wrong("types", "conv: element types differ: in0 f32[1 4 5 5], in1 f64[2 4 3 3]", x, typ(dtype.Float64, 2, 4, 3, 3), plain),
		wrong("ints", "conv: wants a floating-point type, got i32", typ(dtype.Int32, 1, 4, 5, 5), typ(dtype.Int32, 2, 4, 3, 3), plain),
		wrong("rank2", "conv: a weight of rank 4 wants an operand [B C Y X], got one of rank 2: in0 f32[1 4], in1 f32[2 4 3 3]", typ(dtype.Float32, 1, 4), w, plain),
		wrong("rank2_both", "conv: wants 1 to 3 spatial axes, got 0", typ(dtype.Float32, 1, 4), typ(dtype.Float32, 2, 4), plain),
		wrong("rank6", "conv: wants 1 to 3 spatial axes, got 4", typ(dtype.Float32, 1, 1, 1, 1, 1, 1), typ(dtype.Float32, 1, 1, 1, 1, 1, 1), plain),
		wrong("weight_rank", "conv: a weight of rank 3 wants an operand [B C T], got one of rank 4", x, typ(dtype.Float32, 2, 4, 3), plain),
		wrong("weight_rank_last", "conv: a weight of rank 5 wants an operand [B Z Y X C], got one of rank 4", x, typ(dtype.Float32, 2, 4, 3, 3, 3), with(func(op *ops.ConvOp) { op.ChannelsLast = true })),
		wrong("weight_rank2", "conv: wants a weight of rank 3 to 5, for 1 to 3 spatial axes, got rank 2", x, typ(dtype.Float32, 2, 4), plain),
		wrong("channels", "conv: the input has 4 channels, the weight wants 3", x, typ(dtype.Float32, 2, 3, 3, 3), plain),
		wrong("kernel", "conv: a kernel of 7 elements does not fit: spatial axis 0 has 5 with its padding", x, typ(dtype.Float32, 2, 4, 7, 3), plain),
		wrong("empty_kernel", "conv: a kernel of 0 elements does not fit", x, typ(dtype.Float32, 2, 4, 0, 3), plain),
		wrong("groups", "conv: 4 channels in and 2 out do not divide in 3 groups", x, w, with(func(op *ops.ConvOp) { op.Groups = 3 })),
		wrong("no_groups", "conv: groups 0 is below 1", x, w, with(func(op *ops.ConvOp) { op.Groups = 0 })),
		wrong("stride", "must be at least 1", x, w, with(func(op *ops.ConvOp) { op.Stride[1] = 0 })),
		wrong("dilation", "must be at least 1", x, w, with(func(op *ops.ConvOp) { op.Dilation[0] = 0 })),
		wrong("padding", "is negative", x, w, with(func(op *ops.ConvOp) { op.PadHi[0] = -1 })),
		wrong("spatial", "there are 2 spatial axes, but attributes for axis 2", x, w, with(func(op *ops.ConvOp) { op.Stride[2] = 1 })),
		{"input_extents", []ir.Type{typ(dtype.Float32, 1, 2, 3, 3), w}, func(in []*ir.Value) { ops.ConvInput(in[0], in[1], plain, 5) }, "conv_input: wants 2 spatial extents"},
		{"input_result", []ir.Type{typ(dtype.Float32, 1, 2, 3, 3), w}, func(in []*ir.Value) { ops.ConvInput(in[0], in[1], plain, 5, 6) }, "conv_input: a convolution of f32[1 4 5 6] has the result f32[1 2 3 4]"},
		{"input_negative", []ir.Type{typ(dtype.Float32, 1, 2, 3, 3), w}, func(in []*ir.Value) { ops.ConvInput(in[0], in[1], plain, -5, 5) }, "is negative"},
		{"weight_result", []ir.Type{x, typ(dtype.Float32, 1, 2, 4, 3)}, func(in []*ir.Value) { ir.Apply(ops.ConvWeightOp{ConvOp: plain, Kernel: [3]int{3, 3}}, in...) }, "conv_weight: a convolution with weight f32[2 4 3 3] has the result f32[1 2 3 3]"},
		{"weight_negative", []ir.Type{x, typ(dtype.Float32, 1, 2, 4, 3)}, func(in []*ir.Value) { ir.Apply(ops.ConvWeightOp{ConvOp: plain, Kernel: [3]int{-3, 3}}, in...) }, "is negative"},
	}}
}

// reorder permutes extents.
func reorder(dims, perm []int) []int {
	out := make([]int, len(perm))
	for i, p := range perm {
		out[i] = dims[p]
	}
	return out
}

// convTriple checks a convolution and its two gradient ops, each in its own
// right: the gradients and second gradients of one are made of the others.
func convTriple(name string, x, w, y []int, op ops.ConvOp) []Case {
	gen := NewGen("conv" + name)
	input := ops.ConvInputOp{ConvOp: op}
	weight := ops.ConvWeightOp{ConvOp: op}
	spatial := x[2:]
	if op.ChannelsLast {
		spatial = x[1 : len(x)-1]
	}
	copy(input.In[:], spatial)
	copy(weight.Kernel[:], w[2:])
	apply := func(op ir.Op) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value { return ir.Apply(op, in...) }
	}
	return []Case{
		{Name: name, In: []*tensor.Tensor{gen.Normal(x...), gen.Normal(w...)}, Build: apply(op), Smooth: true},
		{Name: name + "_input", In: []*tensor.Tensor{gen.Normal(y...), gen.Normal(w...)}, Build: apply(input), Smooth: true},
		{Name: name + "_weight", In: []*tensor.Tensor{gen.Normal(x...), gen.Normal(y...)}, Build: apply(weight), Smooth: true},
	}
}
