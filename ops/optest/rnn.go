package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func rnn() Table {
	nan, inf := math.NaN(), math.Inf(1)
	gen := NewGen("rnn")
	op := func(relu, reverse bool) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value { return ir.Apply(ops.RNNOp{ReLU: relu, Reverse: reverse}, in...) }
	}
	layer := func(relu, reverse bool) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			in = append(in[:len(in):len(in)], nil) // absent lengths
			y, h := ops.RNN(in[0], in[1], in[2], in[3], in[4], ops.RNNOp{ReLU: relu, Reverse: reverse})
			return []*ir.Value{y, h}
		}
	}
	grad := func(relu, reverse, tape bool) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			return ir.Apply(ops.RNNGradOp{ReLU: relu, Reverse: reverse, Tape: tape}, in...)
		}
	}
	inputs := func(b, t, d int, lengths ...int64) []*tensor.Tensor {
		return recurrentInputs(gen, b, t, d, 1, 1, 1, lengths...)
	}
	gradInputs := func(b, t, d int, tape bool, lengths ...int64) []*tensor.Tensor {
		in := []*tensor.Tensor{gen.Uniform(-0.8, 0.8, d, d), gen.Uniform(-0.9, 0.9, b, t, d), gen.Normal(b, t, d), gen.Normal(b, d)}
		if tape {
			in = append(in, gen.Normal(b, t, d))
		}
		if lengths != nil {
			in = append(in, tensor.Must(tensor.Of(lengths)))
		}
		return in
	}
	column := func(v ...float64) *tensor.Tensor { return tensor.Must(tensor.Of(v, len(v), 1)) }

	cases := Golden("rnn", func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value {
		return layer(a.Bool("relu"), a.Bool("reverse"))
	})
	cases = append(cases,
		// All three results.
		Case{Name: "all", In: inputs(2, 3, 2), Build: op(false, false), Smooth: true},
		Case{Name: "all reverse", In: inputs(2, 2, 3), Build: op(false, true), Smooth: true},
		Case{Name: "all lengths", In: inputs(3, 3, 2, 2, 3, 0), Build: op(false, false), Smooth: true},
		Case{Name: "all lengths reverse", In: inputs(3, 3, 2, 2, 3, 1), Build: op(false, true), Smooth: true},
		Case{Name: "relu", In: inputs(2, 3, 2), Build: op(true, false)},
		Case{Name: "relu lengths reverse", In: inputs(3, 3, 2, 2, 3, 1), Build: op(true, true)},
		Case{Name: "lengths beyond", In: inputs(2, 2, 2, -1, 9), Build: op(false, false)},
		// For kernels; many units are too many for differences.
		Case{Name: "many rows", In: inputs(37, 3, 5), Build: op(false, false)},
		Case{Name: "many units", In: inputs(3, 3, 67), Build: op(true, false), NoGrad: true},
		Case{Name: "many units reverse", In: inputs(13, 4, 35, 4, 1, 2, 3, 4, 4, 4, 3, 2, 1, 0, 4, 2), Build: op(false, true), NoGrad: true},
		Case{Name: "empty batch", In: inputs(0, 3, 2), Build: op(false, false)},
		Case{Name: "no steps", In: inputs(2, 0, 3), Build: op(false, false)},
		Case{Name: "no units", In: inputs(2, 3, 0), Build: op(false, false)},
		Case{ // a NaN stays in its row, and beyond the length it is nothing
			Name: "edges", Build: layer(false, false), NoGrad: true,
			In: []*tensor.Tensor{
				tensor.Must(tensor.Of([]float64{nan, 0, inf, nan, -inf, 0}, 3, 2, 1)), column(0), Floats(0), column(1, 5, 3),
				tensor.Must(tensor.Of([]int64{2, 1, 1})),
			},
			Want: []*tensor.Tensor{tensor.Must(tensor.Of([]float64{nan, nan, 1, 0, -1, 0}, 3, 2, 1)), column(nan, 1, -1)},
		},
		Case{ // at 0 the slope is 0
			Name: "relu edges", Build: layer(true, false), NoGrad: true,
			In:       []*tensor.Tensor{tensor.Must(tensor.Of([]float64{0, nan, inf, -inf}, 4, 1, 1)), column(0), Floats(0), column(1, 1, 1, 1)},
			Want:     []*tensor.Tensor{tensor.Must(tensor.Of([]float64{0, nan, inf, 0}, 4, 1, 1)), column(0, nan, inf, 0)},
			Gout:     []*tensor.Tensor{nil, column(1, 1, 2, 3)},
			WantGrad: []*tensor.Tensor{tensor.Must(tensor.Of([]float64{0, 0, 2, 0}, 4, 1, 1)), column(2), Floats(2), column(0, 0, 0, 0)},
		},
		Case{Name: "grad", In: gradInputs(2, 3, 2, false), Build: grad(false, false, false), Smooth: true},
		Case{Name: "grad reverse", In: gradInputs(2, 2, 3, false), Build: grad(false, true, false), Smooth: true},
		Case{Name: "grad lengths", In: gradInputs(3, 3, 2, false, 2, 3, 0), Build: grad(false, false, false), Smooth: true},
		Case{Name: "grad lengths reverse", In: gradInputs(3, 3, 2, false, 1, 3, 2), Build: grad(false, true, false), Smooth: true},
		Case{Name: "grad tape", In: gradInputs(2, 2, 2, true), Build: grad(false, false, true), Smooth: true},
		Case{Name: "grad tape lengths reverse", In: gradInputs(3, 3, 2, true, 1, 3, 2), Build: grad(false, true, true), Smooth: true},
		Case{Name: "grad relu", In: gradInputs(2, 3, 2, false), Build: grad(true, false, false)},
		Case{Name: "grad relu tape", In: gradInputs(2, 3, 2, true), Build: grad(true, true, true)},
		Case{Name: "grad many rows", In: gradInputs(37, 3, 5, false), Build: grad(true, false, false)},
		Case{Name: "grad many units", In: gradInputs(13, 4, 35, false, 4, 1, 2, 3, 4, 4, 4, 3, 2, 1, 0, 4, 2), Build: grad(false, true, false), NoGrad: true},
		Case{Name: "grad empty batch", In: gradInputs(0, 3, 2, false), Build: grad(false, false, false)},
		Case{Name: "grad no steps", In: gradInputs(2, 0, 3, false), Build: grad(false, false, false)},
		Case{Name: "grad no units", In: gradInputs(2, 3, 0, false), Build: grad(false, false, false)},
	)
	for i, name := range []string{"y", "h", "prev"} {
		cases = append(cases, Case{Name: name + " alone", In: inputs(2, 2, 2), Build: alone(i, op(false, i%2 == 1)), Smooth: true})
	}

	const f32 = dtype.Float32
	x, w, b, h := typ(f32, 2, 3, 2), typ(f32, 2, 2), typ(f32, 2), typ(f32, 2, 2)
	return Table{cases, []Mistake{
		{"weight", []ir.Type{x, typ(f32, 3, 2), b, h}, func(in []*ir.Value) { op(false, false)(in) }, "rnn: wants a weight [D D], got f32[3 2]: in0 f32[2 3 2]"},
		{"x", []ir.Type{typ(f32, 2, 3, 3), w, b, h}, func(in []*ir.Value) { op(false, false)(in) }, "rnn: wants x f32[2 3 2] for a weight f32[2 2], got f32[2 3 3]"},
		{"bias", []ir.Type{x, w, typ(f32, 3), h}, func(in []*ir.Value) { op(false, false)(in) }, "rnn: wants a bias f32[2], got f32[3]"},
		{"state", []ir.Type{x, w, b, x}, func(in []*ir.Value) { op(false, false)(in) }, "rnn: wants a state f32[2 2], got f32[2 3 2]"},
		{"lengths", []ir.Type{x, w, b, h, typ(dtype.Int64, 3)}, func(in []*ir.Value) { op(false, false)(in) }, "rnn: wants lengths i64[2], got i64[3]"},
		{"operands", []ir.Type{x, w, b}, func(in []*ir.Value) { op(false, false)(in) }, "rnn: wants 4 operands, and perhaps lengths, got 3"},
		{"grad operand", []ir.Type{w, x, x, x}, func(in []*ir.Value) { grad(false, false, false)(in) }, "rnn_grad: wants operand 3 to be f32[2 2], got f32[2 3 2]"},
		{"grad operands", []ir.Type{w, x, x}, func(in []*ir.Value) { grad(false, false, false)(in) }, "rnn_grad: wants 4 operands, and perhaps lengths, got 3"},
	}}
}
