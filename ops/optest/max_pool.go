package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

var nanValue, minusInf = math.NaN(), math.Inf(-1)

func maxPool() Table {
	pool := func(w ops.Window) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			y, index := ops.MaxPool(in[0], w)
			return []*ir.Value{y, index}
		}
	}
	cases := Golden("max_pool", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		w := imageWindow(a.Ints("kernel"), a.Ints("stride"), a.Ints("padding"), a.Ints("dilation"))
		return func(in []*ir.Value) []*ir.Value { return pool(w)(in)[:1] } // the reference's index counts in the image
	})
	dilated := imageWindow([]int{2, 2}, []int{1, 2}, []int{1, 0}, []int{2, 3})
	add := func(name string, x, y []int, w ops.Window) {
		gen := NewGen("max_pool" + name)
		taps := 1
		for a := range x {
			taps *= w.Size[a]
		}
		index := gen.Ints(dtype.Int32, 0, taps, y...)
		cases = append(cases,
			Case{Name: name, In: []*tensor.Tensor{gen.Apart(x...)}, Build: pool(w), Smooth: true, NoGrad: name == "all_padding"}, // -Inf has no difference
			Case{Name: name + "_ties", In: []*tensor.Tensor{gen.Levels(2, x...)}, Build: pool(w), NoGrad: true},
			Case{Name: name + "_grad", In: []*tensor.Tensor{gen.Normal(y...), index}, Smooth: true,
				Build: func(in []*ir.Value) []*ir.Value {
					return ir.Apply(ops.MaxPoolGradOp{Window: w, Shape: shapeOf(x)}, in...)
				}},
			Case{Name: name + "_gather", In: []*tensor.Tensor{gen.Normal(x...), index}, Smooth: true,
				Build: func(in []*ir.Value) []*ir.Value { return ir.Apply(ops.MaxPoolGatherOp{Window: w}, in...) }},
		)
	}
	for name, c := range windows {
		add(name, c.x, c.y, c.w)
	}
	add("dilated", []int{1, 2, 5, 7}, []int{1, 2, 5, 2}, dilated)
	nan := NewGen("nan").Normal(1, 1, 9)
	nan.SetFloat(3, nanValue)
	nan.SetFloat(4, nanValue)
	line := imageWindow([]int{3}, []int{3}, []int{0}, nil)
	cases = append(cases,
		Case{Name: "index", In: []*tensor.Tensor{tensor.Must(Floats(1, 5, 5, 3, 2, 1, nanValue, 1, nanValue).Reshape(1, 1, 9))}, Build: pool(line), NoGrad: true,
			Want: []*tensor.Tensor{tensor.Must(Floats(5, 3, nanValue).Reshape(1, 1, 3)), tensor.Must(tensor.Must(tensor.Of([]int32{1, 0, 2})).Reshape(1, 1, 3))}},
		// Padding is tap 0 of the first window; it must not win over -Inf.
		Case{Name: "minus_inf", In: []*tensor.Tensor{tensor.Must(Floats(minusInf, minusInf, minusInf, minusInf).Reshape(1, 1, 4))}, Build: pool(imageWindow([]int{3}, []int{2}, []int{1}, nil)), NoGrad: true,
			Want: []*tensor.Tensor{tensor.Must(Floats(minusInf, minusInf).Reshape(1, 1, 2)), tensor.Must(tensor.Must(tensor.Of([]int32{1, 0})).Reshape(1, 1, 2))}},
		Case{Name: "nan", In: []*tensor.Tensor{nan}, Build: pool(imageWindow([]int{3}, []int{1}, []int{1}, nil)), NoGrad: true},
		Case{Name: "wrong_index_grad", In: []*tensor.Tensor{tensor.Must(Floats(1, 2, 3).Reshape(1, 1, 3)), tensor.Must(tensor.Must(tensor.Of([]int32{-1, 3, 2})).Reshape(1, 1, 3))}, NoGrad: true,
			Build: func(in []*ir.Value) []*ir.Value {
				return ir.Apply(ops.MaxPoolGradOp{Window: line, Shape: shape.Of(1, 1, 9)}, in...)
			},
			Want: []*tensor.Tensor{tensor.Must(Floats(0, 0, 0, 0, 0, 0, 0, 0, 3).Reshape(1, 1, 9))}},
		Case{Name: "wrong_index_gather", In: []*tensor.Tensor{tensor.Must(Floats(1, 2, 3, 4, 5, 6, 7, 8, 9).Reshape(1, 1, 9)), tensor.Must(tensor.Must(tensor.Of([]int32{-1, 3, 2})).Reshape(1, 1, 3))}, NoGrad: true,
			Build: func(in []*ir.Value) []*ir.Value { return ir.Apply(ops.MaxPoolGatherOp{Window: line}, in...) },
			Want:  []*tensor.Tensor{tensor.Must(Floats(0, 0, 9).Reshape(1, 1, 3))}},
	)
	wrong := func(name, want string, x ir.Type, w ops.Window) Mistake {
		return Mistake{name, []ir.Type{x}, func(in []*ir.Value) { ops.MaxPool(in[0], w) }, want}
	}
	x := typ(dtype.Float32, 1, 2, 5)
	bad := func(f func(w *ops.Window)) ops.Window {
		w := flat(3)
		f(&w)
		return w
	}
	index := typ(dtype.Int32, 1, 2, 5)
	return Table{Cases: cases, Mistakes: []Mistake{
		wrong("ints", "max_pool: wants a floating-point type, got i32", index, flat(3)),
		wrong("rank", "max_pool: a window on axis 3 is outside a tensor of rank 3", x, flat(4)),
		wrong("no_axis", "max_pool: axis 2: wants size, stride and dilation of at least 1", x, flat(2)),
		wrong("size", "max_pool: axis 2: a window over 6 positions does not fit into 5", x, bad(func(w *ops.Window) { w.Size[2] = 6 })),
		wrong("dilation", "max_pool: axis 2: a window over 7 positions does not fit into 5", x, bad(func(w *ops.Window) { w.Size[2], w.Dilation[2] = 3, 3 })),
		wrong("stride", "no negative padding, got size 1, stride 0", x, bad(func(w *ops.Window) { w.Stride[2] = 0 })),
		wrong("padding", "no negative padding", x, bad(func(w *ops.Window) { w.PadLo[2] = -1 })),
		{"grad_index", []ir.Type{x, x}, func(in []*ir.Value) { ir.Apply(ops.MaxPoolGradOp{Window: flat(3), Shape: shape.Of(1, 2, 5)}, in...) }, "max_pool_grad: wants an i32 index"},
		{"grad_shape", []ir.Type{x, index}, func(in []*ir.Value) { ir.Apply(ops.MaxPoolGradOp{Window: flat(3), Shape: shape.Of(1, 2, 6)}, in...) }, "max_pool_grad: windows over [1 2 6] give [1 2 6], not [1 2 5]"},
		{"gather_shape", []ir.Type{typ(dtype.Float32, 1, 2, 6), index}, func(in []*ir.Value) { ir.Apply(ops.MaxPoolGatherOp{Window: flat(3)}, in...) }, "max_pool_gather: windows over [1 2 6] give [1 2 6], not [1 2 5]"},
	}}
}
