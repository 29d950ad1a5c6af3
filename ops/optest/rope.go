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
	plain := func(base float64, dims int) ops.RoPEOp {
		return ops.RoPEOp{Frequencies: ops.MakeFrequencies(ops.RoPEFrequencies(base, dims)), Scale: 1}
	}
	pairs := func(o ops.RoPEOp) ops.RoPEOp { o.Interleaved = true; return o }
	reverse := func(o ops.RoPEOp) ops.RoPEOp { o.Reverse = true; return o }
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
		if o.Frequencies = get[[]float64](a, "frequencies"); o.Frequencies != nil {
			o.Scale = new(a.Float("scale"))
		}
		return with(o)
	})
	ints := func(v ...int64) *tensor.Tensor { return tensor.Must(tensor.Of(v)) }
	inf, nan := math.Inf(1), math.NaN()
	head := func(v ...float64) *tensor.Tensor { return tensor.Must(tensor.Of(v, 1, 1, 1, len(v))) }
	x := gen.Normal(2, 3, 2, 6)
	cases = append(cases,
		Case{Name: "halves", In: []*tensor.Tensor{gen.Normal(2, 3, 2, 6), ints(4, 0, 9)}, Build: op(plain(10, 4)), Smooth: true},
		Case{Name: "pairs", In: []*tensor.Tensor{gen.Normal(2, 3, 1, 4), gen.Ints(dtype.Int64, 0, 9, 2, 3)}, Build: op(pairs(plain(10, 4))), Smooth: true},
		Case{Name: "reverse", In: []*tensor.Tensor{gen.Normal(1, 3, 1, 4), ints(4, 1, 9)}, Build: op(reverse(plain(10, 4))), Smooth: true},
		Case{Name: "i32 positions", In: []*tensor.Tensor{gen.Normal(1, 3, 1, 4), gen.Ints(dtype.Int32, 0, 9, 3)}, Build: with(ops.RoPEOptions{Base: 10})},
		Case{Name: "scaled", In: []*tensor.Tensor{gen.Normal(2, 3, 1, 6), ints(4, 0, 9)}, Build: with(ops.RoPEOptions{Frequencies: []float64{0.5, -2}, Scale: new(1.5)}), Smooth: true},
		Case{ // there and back again
			Name: "inverse", In: []*tensor.Tensor{x, ints(70000, 3, 12)}, Want: []*tensor.Tensor{x}, Smooth: true,
			Build: one(func(in []*ir.Value) *ir.Value {
				o := plain(10000, 6)
				return ir.Apply1(reverse(o), ir.Apply1(o, in...), in[1])
			}),
		},
		Case{Name: "position 0", In: []*tensor.Tensor{x, ints(0, 0, 0)}, Build: op(plain(10000, 6)), Want: []*tensor.Tensor{x}},
		Case{Name: "nothing is turned", In: []*tensor.Tensor{x, ints(7, 8, 9)}, Build: op(plain(10000, 0)), Want: []*tensor.Tensor{x}},
		Case{
			Name: "infinities", Build: op(plain(1, 4)), NoGrad: true,
			In: []*tensor.Tensor{head(nan, inf, 0, 1, nan, inf), ints(1)}, Want: []*tensor.Tensor{head(nan, inf, nan, inf, nan, inf)},
		},
		Case{Name: "empty", In: []*tensor.Tensor{gen.Normal(0, 3, 2, 4), ints(1, 2, 3)}, Build: op(plain(10, 4))},
		Case{Name: "no heads", In: []*tensor.Tensor{gen.Normal(2, 3, 0, 4), ints(1, 2, 3)}, Build: op(plain(10, 4))},
		Case{Name: "wide", In: []*tensor.Tensor{gen.Normal(1, 2, 3, 133), gen.Ints(dtype.Int64, 0, 100, 2)}, Build: op(pairs(plain(500, 130)))},
		Case{Name: "many", In: []*tensor.Tensor{gen.Normal(3, 70, 2, 4)}, Build: with(ops.RoPEOptions{Base: 500}), NoGrad: true},
	)
	f, p := typ(dtype.Float32, 2, 3, 1, 4), typ(dtype.Int64, 3)
	return Table{cases, []Mistake{
		{"rank", []ir.Type{typ(dtype.Float32, 3, 4)}, func(in []*ir.Value) { ops.RoPE(in[0], ops.RoPEOptions{Base: 10}) }, "rope: wants an operand [B T H K]: in0 f32[3 4]"},
		{"rank in the op", []ir.Type{typ(dtype.Float32, 3, 4), p}, func(in []*ir.Value) { op(plain(10, 0))(in) }, "wants an operand [B T H K]"},
		{"integers", []ir.Type{typ(dtype.Int64, 2, 3, 1, 4)}, func(in []*ir.Value) { ops.RoPE(in[0], ops.RoPEOptions{Base: 10}) }, "wants a floating-point type, got i64"},
		{"positions", []ir.Type{f, typ(dtype.Int64, 2)}, func(in []*ir.Value) { with(ops.RoPEOptions{Base: 10})(in) }, "wants positions i64[3] or i64[2 3], got i64[2]"},
		{"float positions", []ir.Type{f, typ(dtype.Float32, 3)}, func(in []*ir.Value) { with(ops.RoPEOptions{Base: 10})(in) }, "wants positions i64[3] or i64[2 3], got f32[3]"},
		{"odd", []ir.Type{f}, func(in []*ir.Value) { ops.RoPE(in[0], ops.RoPEOptions{Base: 10, Dims: new(3)}) }, "can't turn pairs of 3 out of 4 numbers"},
		{"too many", []ir.Type{f}, func(in []*ir.Value) { ops.RoPE(in[0], ops.RoPEOptions{Base: 10, Dims: new(6)}) }, "can't turn pairs of 6 out of 4 numbers"},
		{"too many in the op", []ir.Type{f, p}, func(in []*ir.Value) { op(plain(10, 6))(in) }, "can't turn 3 pairs out of 4 numbers"},
		{"base", []ir.Type{f}, func(in []*ir.Value) { ops.RoPE(in[0], ops.RoPEOptions{}) }, "base 0 is not positive"},
		{"infinite", []ir.Type{f, p}, func(in []*ir.Value) { with(ops.RoPEOptions{Frequencies: []float64{inf}})(in) }, "wants finite frequencies and a finite scale, got +Inf"},
		{"operands", []ir.Type{f}, func(in []*ir.Value) { op(plain(10, 0))(in) }, "wants 2 operands, got 1"},
	}}
}
