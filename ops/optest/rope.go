package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func rope() Table {
	gen := NewGen("rope")
	op := func(o ops.RoPEOp) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value { return ir.Apply(o, in...) }
	}
	with := func(o ops.RoPEOptions) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value {
			if len(in) > 1 {
				o.Positions = in[1]
			}
			return ops.RoPE(in[0], o)
		})
	}
	cases := Golden("rope", func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value {
		o := ops.RoPEOptions{Base: a.Float("base"), Dims: new(a.Int("dims")), Interleaved: a.Bool("interleaved")}
		scaling := get[Attrs](a, "scaling")
		kinds := map[string]ops.RoPEScalingKind{"linear": ops.LinearScaling, "llama3": ops.Llama3Scaling}
		o.Scaling = ops.RoPEScaling{
			Kind: kinds[scaling.Text("kind")], Factor: scaling.Float("factor"),
			LowFreq: scaling.Float("low"), HighFreq: scaling.Float("high"), Original: scaling.Int("original"),
		}
		return with(o)
	})
	ints := func(v ...int64) *tensor.Tensor { return tensor.Must(tensor.Of(v)) }
	inf, nan := math.Inf(1), math.NaN()
	head := func(v ...float64) *tensor.Tensor { return tensor.Must(tensor.Of(v, 1, 1, 1, len(v))) }
	x := gen.Normal(2, 3, 2, 6)
	cases = append(cases,
		Case{Name: "halves", In: []*tensor.Tensor{gen.Normal(2, 3, 2, 6), ints(4, 0, 9)}, Build: op(ops.RoPEOp{Base: 10, Dims: 4}), Smooth: true},
		Case{Name: "pairs", In: []*tensor.Tensor{gen.Normal(2, 3, 1, 4), gen.Ints(dtype.Int64, 0, 9, 2, 3)}, Build: op(ops.RoPEOp{Base: 10, Dims: 4, Interleaved: true}), Smooth: true},
		Case{Name: "reverse", In: []*tensor.Tensor{gen.Normal(1, 3, 1, 4), ints(4, 1, 9)}, Build: op(ops.RoPEOp{Base: 10, Dims: 4, Reverse: true}), Smooth: true},
		Case{Name: "i32 positions", In: []*tensor.Tensor{gen.Normal(1, 3, 1, 4), gen.Ints(dtype.Int32, 0, 9, 3)}, Build: with(ops.RoPEOptions{Base: 10})},
		Case{ // there and back again
			Name: "inverse", In: []*tensor.Tensor{x, ints(70000, 3, 12)}, Want: []*tensor.Tensor{x}, Smooth: true,
			Build: one(func(in []*ir.Value) *ir.Value {
				o := ops.RoPEOp{Base: 10000, Dims: 6}
				y := ir.Apply1(o, in...)
				o.Reverse = true
				return ir.Apply1(o, y, in[1])
			}),
		},
		Case{Name: "position 0", In: []*tensor.Tensor{x, ints(0, 0, 0)}, Build: op(ops.RoPEOp{Base: 10000, Dims: 6}), Want: []*tensor.Tensor{x}},
		Case{Name: "nothing is turned", In: []*tensor.Tensor{x, ints(7, 8, 9)}, Build: op(ops.RoPEOp{Base: 10000}), Want: []*tensor.Tensor{x}},
		Case{
			Name: "infinities", Build: op(ops.RoPEOp{Base: 1, Dims: 4}), NoGrad: true,
			In: []*tensor.Tensor{head(nan, inf, 0, 1, nan, inf), ints(1)}, Want: []*tensor.Tensor{head(nan, inf, nan, inf, nan, inf)},
		},
		Case{Name: "empty", In: []*tensor.Tensor{gen.Normal(0, 3, 2, 4), ints(1, 2, 3)}, Build: op(ops.RoPEOp{Base: 10, Dims: 4})},
		Case{Name: "no heads", In: []*tensor.Tensor{gen.Normal(2, 3, 0, 4), ints(1, 2, 3)}, Build: op(ops.RoPEOp{Base: 10, Dims: 4})},
		Case{Name: "wide", In: []*tensor.Tensor{gen.Normal(1, 2, 3, 133), gen.Ints(dtype.Int64, 0, 100, 2)}, Build: op(ops.RoPEOp{Base: 500, Dims: 130, Interleaved: true})},
		Case{Name: "many", In: []*tensor.Tensor{gen.Normal(3, 70, 2, 4)}, Build: with(ops.RoPEOptions{Base: 500}), NoGrad: true},
	)
	f, p := typ(dtype.Float32, 2, 3, 1, 4), typ(dtype.Int64, 3)
	scaled := func(s ops.RoPEScaling) func(in []*ir.Value) {
		return func(in []*ir.Value) { ops.RoPE(in[0], ops.RoPEOptions{Base: 10, Scaling: s}) }
	}
	return Table{cases, []Mistake{
		{"rank", []ir.Type{typ(dtype.Float32, 3, 4)}, func(in []*ir.Value) { ops.RoPE(in[0], ops.RoPEOptions{Base: 10}) }, "rope: wants an operand [B T H K]: in0 f32[3 4]"},
		{"rank in the op", []ir.Type{typ(dtype.Float32, 3, 4), p}, func(in []*ir.Value) { op(ops.RoPEOp{Base: 10})(in) }, "wants an operand [B T H K]"},
		{"integers", []ir.Type{typ(dtype.Int64, 2, 3, 1, 4)}, func(in []*ir.Value) { ops.RoPE(in[0], ops.RoPEOptions{Base: 10}) }, "wants a floating-point type, got i64"},
		{"positions", []ir.Type{f, typ(dtype.Int64, 2)}, func(in []*ir.Value) { with(ops.RoPEOptions{Base: 10})(in) }, "wants positions i64[3] or i64[2 3], got i64[2]"},
		{"float positions", []ir.Type{f, typ(dtype.Float32, 3)}, func(in []*ir.Value) { with(ops.RoPEOptions{Base: 10})(in) }, "wants positions i64[3] or i64[2 3], got f32[3]"},
		{"odd", []ir.Type{f, p}, func(in []*ir.Value) { op(ops.RoPEOp{Base: 10, Dims: 3})(in) }, "can't turn pairs of 3 out of 4 numbers"},
		{"too many", []ir.Type{f, p}, func(in []*ir.Value) { op(ops.RoPEOp{Base: 10, Dims: 6})(in) }, "can't turn pairs of 6 out of 4 numbers"},
		{"base", []ir.Type{f, p}, func(in []*ir.Value) { op(ops.RoPEOp{Dims: 4})(in) }, "base 0 is not positive"},
		{"factor", []ir.Type{f}, scaled(ops.RoPEScaling{Kind: ops.LinearScaling}), "a factor of scaling must be positive, got 0"},
		{"frequencies", []ir.Type{f}, scaled(ops.RoPEScaling{Kind: ops.Llama3Scaling, Factor: 2, LowFreq: 4, HighFreq: 1, Original: 9}), "wants a lower than a higher frequency and original positions, got 4, 1 and 9"},
		{"kind", []ir.Type{f}, scaled(ops.RoPEScaling{Kind: 9}), "there is no scaling 9"},
		{"operands", []ir.Type{f}, func(in []*ir.Value) { op(ops.RoPEOp{Base: 10})(in) }, "wants 2 operands, got 1"},
	}}
}
