package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func gru() Table {
	nan, inf := math.NaN(), math.Inf(1)
	gen := NewGen("gru")
	op := func(reverse bool) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value { return ir.Apply(ops.GRUOp{Reverse: reverse}, in...) }
	}
	layer := func(reverse bool) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			in = append(in[:len(in):len(in)], nil) // absent lengths
			y, h := ops.GRU(in[0], in[1], in[2], in[3], in[4], ops.GRUOp{Reverse: reverse})
			return []*ir.Value{y, h}
		}
	}
	grad := func(reverse, tape bool) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			return ir.Apply(ops.GRUGradOp{Reverse: reverse, Tape: tape}, in...)
		}
	}
	inputs := func(b, t, d int, lengths ...int64) []*tensor.Tensor {
		return recurrentInputs(gen, b, t, d, 3, 4, 1, lengths...)
	}
	gradInputs := func(b, t, d int, tape bool, lengths ...int64) []*tensor.Tensor {
		in := []*tensor.Tensor{gen.Uniform(-0.8, 0.8, 3*d, d), gen.Normal(b, t, d), gen.Uniform(0.1, 0.9, b, t, 3*d)}
		in = append(append(in, sequences(gen, b, t, d, d)...), gen.Normal(b, d))
		if tape {
			in = append(in, sequences(gen, b, t, d, 3*d, d)...)
		}
		if lengths != nil {
			in = append(in, tensor.Must(tensor.Of(lengths)))
		}
		return in
	}

	cases := Golden("gru", func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value { return layer(a.Bool("reverse")) })
	cases = append(cases,
		// All five results.
		Case{Name: "all", In: inputs(2, 3, 2), Build: op(false), Smooth: true},
		Case{Name: "all reverse", In: inputs(2, 2, 3), Build: op(true), Smooth: true},
		Case{Name: "all lengths", In: inputs(3, 3, 1, 2, 3, 0), Build: op(false), Smooth: true},
		Case{Name: "all lengths reverse", In: inputs(3, 3, 1, 2, 3, 1), Build: op(true), Smooth: true},
		Case{Name: "lengths beyond", In: inputs(2, 2, 2, -1, 9), Build: op(false)},
		// For kernels; many units are too many for differences.
		Case{Name: "many rows", In: inputs(37, 3, 5), Build: op(false)},
		Case{Name: "many units", In: inputs(3, 3, 67), Build: op(false), NoGrad: true},
		Case{Name: "many units reverse", In: inputs(13, 4, 35, 4, 1, 2, 3, 4, 4, 4, 3, 2, 1, 0, 4, 2), Build: op(true), NoGrad: true},
		Case{Name: "empty batch", In: inputs(0, 3, 2), Build: op(false)},
		Case{Name: "no steps", In: inputs(2, 0, 3), Build: op(false)},
		Case{Name: "no units", In: inputs(2, 3, 0), Build: op(false)},
		Case{ // a NaN stays in its row, and beyond the length it is nothing
			Name: "edges", Build: layer(false), NoGrad: true,
			In: []*tensor.Tensor{
				tensor.Must(tensor.Of([]float64{
					nan, 0, 0, 0, 0, 0,
					-inf, -inf, inf, nan, nan, nan,
					inf, inf, -inf, 0, 0, 0,
				}, 3, 2, 3)),
				tensor.New(dtype.Float64, shapeOf([]int{3, 1})), Floats(0, 0, 0, 0),
				tensor.Must(tensor.Of([]float64{1, 5, 3}, 3, 1)),
				tensor.Must(tensor.Of([]int64{2, 1, 1})),
			},
			Want: []*tensor.Tensor{
				tensor.Must(tensor.Of([]float64{nan, nan, 1, 0, 3, 0}, 3, 2, 1)),
				tensor.Must(tensor.Of([]float64{nan, 1, 3}, 3, 1)),
			},
		},
		Case{Name: "grad", In: gradInputs(2, 3, 2, false), Build: grad(false, false), Smooth: true},
		Case{Name: "grad reverse", In: gradInputs(2, 2, 3, false), Build: grad(true, false), Smooth: true},
		Case{Name: "grad lengths", In: gradInputs(3, 3, 1, false, 2, 3, 0), Build: grad(false, false), Smooth: true},
		Case{Name: "grad lengths reverse", In: gradInputs(3, 3, 2, false, 1, 3, 2), Build: grad(true, false), Smooth: true},
		Case{Name: "grad tape", In: gradInputs(2, 2, 2, true), Build: grad(false, true), Smooth: true},
		Case{Name: "grad tape lengths reverse", In: gradInputs(3, 3, 1, true, 1, 3, 2), Build: grad(true, true), Smooth: true},
		Case{Name: "grad many rows", In: gradInputs(37, 3, 5, false), Build: grad(false, false)},
		Case{Name: "grad many units", In: gradInputs(13, 4, 35, false, 4, 1, 2, 3, 4, 4, 4, 3, 2, 1, 0, 4, 2), Build: grad(true, false), NoGrad: true},
		Case{Name: "grad empty batch", In: gradInputs(0, 3, 2, false), Build: grad(false, false)},
		Case{Name: "grad no steps", In: gradInputs(2, 0, 3, false), Build: grad(false, false)},
		Case{Name: "grad no units", In: gradInputs(2, 3, 0, false), Build: grad(false, false)},
	)
	for i, name := range []string{"y", "h", "prev", "gates", "inner"} {
		cases = append(cases, Case{Name: name + " alone", In: inputs(2, 2, 2), Build: alone(i, op(i%2 == 1)), Smooth: true})
	}

	const f32 = dtype.Float32
	x, w, b, h, y := typ(f32, 2, 3, 6), typ(f32, 6, 2), typ(f32, 8), typ(f32, 2, 2), typ(f32, 2, 3, 2)
	return Table{cases, []Mistake{
		{"weight", []ir.Type{x, typ(f32, 8, 2), b, h}, func(in []*ir.Value) { op(false)(in) }, "gru: wants a weight [3*D D], got f32[8 2]: in0 f32[2 3 6]"},
		{"x", []ir.Type{typ(f32, 2, 3, 8), w, b, h}, func(in []*ir.Value) { op(false)(in) }, "gru: wants x f32[2 3 6] for a weight f32[6 2], got f32[2 3 8]"},
		{"bias", []ir.Type{x, w, typ(f32, 6), h}, func(in []*ir.Value) { op(false)(in) }, "gru: wants a bias f32[8], got f32[6]"},
		{"state", []ir.Type{x, w, b, y}, func(in []*ir.Value) { op(false)(in) }, "gru: wants a state f32[2 2], got f32[2 3 2]"},
		{"lengths", []ir.Type{x, w, b, h, typ(dtype.Int64, 3)}, func(in []*ir.Value) { op(false)(in) }, "gru: wants lengths i64[2], got i64[3]"},
		{"operands", []ir.Type{x, w, b}, func(in []*ir.Value) { op(false)(in) }, "gru: wants 4 operands, and perhaps lengths, got 3"},
		{"grad operand", []ir.Type{w, y, x, y, y, y}, func(in []*ir.Value) { grad(false, false)(in) }, "gru_grad: wants operand 5 to be f32[2 2], got f32[2 3 2]"},
		{"grad operands", []ir.Type{w, y, x, y, y}, func(in []*ir.Value) { grad(false, false)(in) }, "gru_grad: wants 6 operands, and perhaps lengths, got 5"},
	}}
}
