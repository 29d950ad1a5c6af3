package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// recurrentInputs makes x [b t gates*d], a weight [gates*d d], a bias
// [biases*d], states [b d], and lengths, unless there are none.
func recurrentInputs(gen *Gen, b, t, d, gates, biases, states int, lengths ...int64) []*tensor.Tensor {
	in := []*tensor.Tensor{gen.Normal(b, t, gates*d), gen.Uniform(-0.8, 0.8, gates*d, d), gen.Normal(biases * d)}
	for range states {
		in = append(in, gen.Normal(b, d))
	}
	if lengths != nil {
		in = append(in, tensor.Must(tensor.Of(lengths)))
	}
	return in
}

// sequences makes one of b rows, t steps and each width.
func sequences(gen *Gen, b, t int, widths ...int) (list []*tensor.Tensor) {
	for _, w := range widths {
		list = append(list, gen.Normal(b, t, w))
	}
	return list
}

// alone leaves one result of a build.
func alone(i int, build func(in []*ir.Value) []*ir.Value) func(in []*ir.Value) []*ir.Value {
	return func(in []*ir.Value) []*ir.Value { return build(in)[i : i+1] }
}

func lstm() Table {
	nan, inf := math.NaN(), math.Inf(1)
	gen := NewGen("lstm")
	op := func(reverse bool) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value { return ir.Apply(ops.LSTMOp{Reverse: reverse}, in...) }
	}
	layer := func(reverse bool) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			in = append(in[:len(in):len(in)], nil) // absent lengths
			y, h, c := ops.LSTM(in[0], in[1], in[2], in[3], in[4], in[5], ops.LSTMOp{Reverse: reverse})
			return []*ir.Value{y, h, c}
		}
	}
	grad := func(reverse, tape bool) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			return ir.Apply(ops.LSTMGradOp{Reverse: reverse, Tape: tape}, in...)
		}
	}
	inputs := func(b, t, d int, lengths ...int64) []*tensor.Tensor {
		return recurrentInputs(gen, b, t, d, 4, 4, 2, lengths...)
	}
	gradInputs := func(b, t, d int, tape bool, lengths ...int64) []*tensor.Tensor {
		in := []*tensor.Tensor{gen.Uniform(-0.8, 0.8, 4*d, d), gen.Uniform(0.1, 0.9, b, t, 4*d)}
		in = append(append(in, sequences(gen, b, t, d, d)...), gen.Normal(b, d), gen.Normal(b, d))
		if tape {
			in = append(in, sequences(gen, b, t, d, 4*d, d)...)
		}
		if lengths != nil {
			in = append(in, tensor.Must(tensor.Of(lengths)))
		}
		return in
	}

	cases := Golden("lstm", func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value { return layer(a.Bool("reverse")) })
	cases = append(cases,
		// All six results.
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
					nan, 0, 0, 0, 0, 0, 0, 0,
					inf, -inf, inf, inf, nan, nan, nan, nan,
					-inf, inf, -inf, -inf, 0, 0, 0, 0,
				}, 3, 2, 4)),
				tensor.New(dtype.Float64, shapeOf([]int{4, 1})), Floats(0, 0, 0, 0),
				tensor.Must(tensor.Of([]float64{0, 0, 0}, 3, 1)), tensor.Must(tensor.Of([]float64{1, 5, 3}, 3, 1)),
				tensor.Must(tensor.Of([]int64{2, 1, 1})),
			},
			Want: []*tensor.Tensor{
				tensor.Must(tensor.Of([]float64{nan, nan, math.Tanh(1), 0, 0, 0}, 3, 2, 1)),
				tensor.Must(tensor.Of([]float64{nan, math.Tanh(1), 0}, 3, 1)),
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
	for i, name := range []string{"y", "h", "c", "prev", "gates", "cells"} {
		cases = append(cases, Case{Name: name + " alone", In: inputs(2, 2, 2), Build: alone(i, op(i%2 == 1)), Smooth: true})
	}

	const f32 = dtype.Float32
	x, w, b, h, y := typ(f32, 2, 3, 8), typ(f32, 8, 2), typ(f32, 8), typ(f32, 2, 2), typ(f32, 2, 3, 2)
	return Table{cases, []Mistake{
		{"weight", []ir.Type{x, typ(f32, 6, 2), b, h, h}, func(in []*ir.Value) { op(false)(in) }, "lstm: wants a weight [4*D D], got f32[6 2]: in0 f32[2 3 8]"},
		{"weight type", []ir.Type{x, typ(dtype.Float64, 8, 2), b, h, h}, func(in []*ir.Value) { op(false)(in) }, "lstm: wants a weight of type f32, got f64"},
		{"x", []ir.Type{typ(f32, 2, 3, 6), w, b, h, h}, func(in []*ir.Value) { op(false)(in) }, "lstm: wants x f32[2 3 8] for a weight f32[8 2], got f32[2 3 6]"},
		{"rank", []ir.Type{typ(f32, 2, 8), w, b, h, h}, func(in []*ir.Value) { op(false)(in) }, "lstm: wants a sequence of rank 3, batch first, got f32[2 8]"},
		{"integers", []ir.Type{typ(dtype.Int32, 2, 3, 8), w, b, h, h}, func(in []*ir.Value) { op(false)(in) }, "wants a floating-point type, got i32"},
		{"bias", []ir.Type{x, w, h, h, h}, func(in []*ir.Value) { op(false)(in) }, "lstm: wants a bias f32[8], got f32[2 2]"},
		{"state", []ir.Type{x, w, b, h, typ(f32, 3, 2)}, func(in []*ir.Value) { op(false)(in) }, "lstm: wants a state f32[2 2], got f32[3 2]"},
		{"lengths", []ir.Type{x, w, b, h, h, typ(dtype.Int32, 2)}, func(in []*ir.Value) { op(false)(in) }, "lstm: wants lengths i64[2], got i32[2]"},
		{"operands", []ir.Type{x, w, b, h}, func(in []*ir.Value) { op(false)(in) }, "lstm: wants 5 operands, and perhaps lengths, got 4"},
		{"grad operand", []ir.Type{w, x, y, y, h, y}, func(in []*ir.Value) { grad(false, false)(in) }, "lstm_grad: wants operand 5 to be f32[2 2], got f32[2 3 2]"},
		{"grad tape", []ir.Type{w, x, y, y, h, h, y, y, y}, func(in []*ir.Value) { grad(false, true)(in) }, "lstm_grad: wants operand 7 to be f32[2 3 8], got f32[2 3 2]"},
		{"grad operands", []ir.Type{w, x, y, y, h}, func(in []*ir.Value) { grad(false, false)(in) }, "lstm_grad: wants 6 operands, and perhaps lengths, got 5"},
		{"grad lengths", []ir.Type{w, x, y, y, h, h, typ(dtype.Int64, 3)}, func(in []*ir.Value) { grad(false, false)(in) }, "lstm_grad: wants lengths i64[2], got i64[3]"},
	}}
}
