package optest

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// attentionGolden builds a case of reference values, whose inputs are q, k, v,
// position, lengths, query and key segments, mask, bias, slopes and sinks.
func attentionGolden(_ string, a Attrs) func(in []*ir.Value) []*ir.Value {
	o := ops.AttentionOptions{Causal: a.Bool("causal")}
	if a.Has("scale") {
		o.Scale = new(a.Float("scale"))
	}
	if a.Has("soft_cap") {
		o.SoftCap = new(a.Float("soft_cap"))
	}
	if w := a.Ints("window"); w != nil {
		o.Window = &ops.AttentionWindow{Left: w[0], Right: w[1]}
	}
	return one(func(in []*ir.Value) *ir.Value {
		in = append(in[:len(in):len(in)], make([]*ir.Value, 11-len(in))...)
		o.Position, o.Lengths, o.QuerySegments, o.KeySegments = in[3], in[4], in[5], in[6]
		o.Mask, o.Bias, o.Slopes, o.Sinks = in[7], in[8], in[9], in[10]
		return ops.Attention(in[0], in[1], in[2], o)
	})
}

func attention() Table {
	nan, inf := math.NaN(), math.Inf(1)
	gen := NewGen("attention")
	ints := func(v ...int64) *tensor.Tensor { return tensor.Must(tensor.Of(v)) }
	// op builds all results of an op; its optional operands are those of with.
	op := func(op ops.AttentionOp) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value { return ir.Apply(op, in...) }
	}
	gradient := func(op ops.AttentionOp) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value { return ir.Apply(ops.AttentionGradOp(op), in...) }
	}
	qkv := func(b, t, s, h, g, k, v int) []*tensor.Tensor {
		return []*tensor.Tensor{gen.Normal(b, t, h, k), gen.Normal(b, s, g, k), gen.Normal(b, s, g, v)}
	}
	with := func(qkv []*tensor.Tensor, more ...*tensor.Tensor) []*tensor.Tensor { return append(qkv, more...) }
	type has = ops.AttentionOperands
	seed, step := tensor.Scalar[uint64](1<<63+5), tensor.Scalar[uint64](3)
	segments := tensor.Must(tensor.Of([]int64{0, 0, 1, 1, 1, 7}, 2, 3))

	// All options but causal and position at once, by operands.
	all := ops.AttentionOp{
		Scale: 0.6, Windowed: true, Left: 2, Right: 1, Capped: true, SoftCap: 1.5, Dropout: 0.3, Stream: 11,
		With: has{Lengths: true, Segments: true, Mask: true, Bias: true, Sinks: true, Dropout: true},
	}
	allIn := func() []*tensor.Tensor {
		return with(qkv(2, 3, 3, 4, 2, 2, 3), ints(3, 2), segments, segments, gen.Bools(1, 4, 1, 3), gen.Normal(2, 1, 3, 3), gen.Normal(4), seed, step)
	}

	cases := append(Golden("attention", attentionGolden), Golden("attention_pairs", attentionGolden)...)
	cases = append(cases,
		Case{Name: "plain", In: qkv(2, 3, 4, 2, 2, 2, 3), Build: op(ops.AttentionOp{Scale: 0.7}), Smooth: true},
		Case{Name: "causal", In: qkv(1, 4, 3, 4, 2, 2, 2), Build: op(ops.AttentionOp{Scale: -0.7, Causal: true}), Smooth: true},
		Case{Name: "cap", In: qkv(1, 2, 3, 2, 1, 2, 2), Build: op(ops.AttentionOp{Scale: 2, Capped: true, SoftCap: 0.5}), Smooth: true},
		Case{
			Name: "position and window", Smooth: true, In: with(qkv(2, 2, 5, 2, 1, 2, 2), ints(3, 1)),
			Build: op(ops.AttentionOp{Scale: 1, Causal: true, Windowed: true, Left: 1, Right: ops.Unbounded, With: has{Position: true}}),
		},
		Case{
			Name: "bias and sinks", Smooth: true, In: with(qkv(2, 3, 2, 2, 2, 2, 1), gen.Normal(1, 2, 3, 2), gen.Normal(2)),
			Build: op(ops.AttentionOp{Scale: 1, With: has{Bias: true, Sinks: true}}),
		},
		Case{
			Name: "dropout", Smooth: true, In: with(qkv(2, 3, 5, 2, 1, 2, 2), seed, step),
			Build: op(ops.AttentionOp{Scale: 1, Dropout: 0.4, Stream: 1 << 50, With: has{Dropout: true}}),
		},
		Case{ // everything is dropped
			Name: "dropout 1", In: with(qkv(1, 2, 2, 1, 1, 1, 1), seed, step), NoGrad: true,
			Build: func(in []*ir.Value) []*ir.Value {
				return op(ops.AttentionOp{Scale: 1, Dropout: 1, With: has{Dropout: true}})(in)[:1]
			},
			Want: []*tensor.Tensor{tensor.New(dtype.Float64, shapeOf([]int{1, 2, 1, 1}))},
		},
		Case{Name: "all options", In: allIn(), Build: op(all), Smooth: true},
		Case{
			Name: "packed", Smooth: true, In: []*tensor.Tensor{gen.Normal(2, 3, 8, 2)},
			Build: op(ops.AttentionOp{Scale: 0.7, Causal: true, Packed: true, Groups: 2}),
		},
		Case{
			Name: "packed by the builder", Smooth: true, In: []*tensor.Tensor{gen.Normal(2, 3, 6, 2), gen.Normal(2, 3, 3)},
			Build: one(func(in []*ir.Value) *ir.Value {
				return ops.AttentionPacked(in[0], 2, ops.AttentionOptions{Bias: in[1]})
			}),
		},
		Case{ // what Attention makes of packed operands when they are cut first
			Name: "packed against cut", In: []*tensor.Tensor{gen.Normal(2, 5, 8, 3)},
			Build: one(func(in []*ir.Value) *ir.Value {
				o := ops.AttentionOptions{Causal: true}
				x := in[0]
				cut := ops.Attention(ops.Narrow(x, 2, 0, 4), ops.Narrow(x, 2, 4, 2), ops.Narrow(x, 2, 6, 2), o)
				return ops.Sub(ops.AttentionPacked(x, 2, o), cut)
			}),
			Want: []*tensor.Tensor{tensor.New(dtype.Float64, shapeOf([]int{2, 5, 4, 3}))},
		},
	)
	for i, name := range []string{"out alone", "lse alone"} {
		cases = append(cases, Case{
			Name: name, In: with(qkv(1, 3, 2, 2, 1, 2, 2), gen.Normal(2)), Smooth: true,
			Build: func(in []*ir.Value) []*ir.Value {
				return op(ops.AttentionOp{Scale: 1, Causal: true, With: has{Sinks: true}})(in)[i : i+1]
			},
		})
	}

	// The gradient op by itself: of all its results, by all its operands.
	rows := func(b, t, h, v int) []*tensor.Tensor {
		return []*tensor.Tensor{gen.Uniform(2, 3, b, t, h), gen.Normal(b, t, h), gen.Normal(b, t, h, v)}
	}
	cases = append(cases,
		Case{Name: "grad", In: with(qkv(2, 3, 2, 4, 2, 2, 3), rows(2, 3, 4, 3)...), Build: gradient(ops.AttentionOp{Scale: 0.7, Causal: true}), Smooth: true},
		Case{Name: "grad, all options", In: with(allIn(), rows(2, 3, 4, 3)...), Build: gradient(all)},
		Case{
			Name: "grad, packed", In: with([]*tensor.Tensor{gen.Normal(1, 3, 4, 2), gen.Normal(1, 1, 1, 3)}, rows(1, 3, 2, 2)...),
			Build: gradient(ops.AttentionOp{Scale: 0.7, Packed: true, Groups: 1, With: has{Bias: true}}), Smooth: true,
		},
	)

	// Value and gradient together, longer than rows of a micro-kernel. The last
	// input is the gradient by out.
	trained := func(o ops.AttentionOp) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			args, dout := in[:len(in)-1], in[len(in)-1]
			out := ir.Apply(o, args...)
			delta := ops.Sum(ops.Mul(dout, out[0]), 3)
			return append(out, gradient(o)(append(args[:len(args):len(args)], out[1], delta, dout))...)
		}
	}
	for i, o := range []ops.AttentionOp{
		{Scale: 0.5},
		{Scale: 0.5, Causal: true},
		{Scale: 0.5, Windowed: true, Left: 9, Right: 3, Capped: true, SoftCap: 2},
	} {
		for _, n := range []int{1, 13, 67} {
			cases = append(cases, Case{
				Name: fmt.Sprint("long ", n, " ", i), NoGrad: true, Build: trained(o),
				In: with(qkv(2, n, n+5, 2, 1, 5, 3), gen.Normal(2, n, 2, 3)),
			})
		}
	}

	zeros := func(dims ...int) *tensor.Tensor { return tensor.New(dtype.Float64, shapeOf(dims)) }
	column := func(v ...float64) *tensor.Tensor { return tensor.Must(tensor.Of(v, 1, len(v), 1, 1)) }
	bias := func(v ...float64) *tensor.Tensor { return tensor.Must(tensor.Of(v, 1, 1, len(v)/2, 2)) }
	rowOf := func(v ...float64) *tensor.Tensor { return tensor.Must(tensor.Of(v, 1, len(v), 1)) }
	biased := ops.AttentionOp{Scale: 1, With: has{Bias: true}}
	cases = append(cases,
		Case{ // no key: results and gradients are 0
			Name: "nothing to see", In: with(qkv(2, 2, 3, 2, 1, 2, 2), ints(0, 0)), NoGrad: true,
			Build: func(in []*ir.Value) []*ir.Value {
				return op(ops.AttentionOp{Scale: 1, With: has{Lengths: true}})(in)
			},
			Want:     []*tensor.Tensor{zeros(2, 2, 2, 2), fill(dtype.Float64, []int{2, 2, 2}, func(int) float64 { return -inf })},
			Gout:     []*tensor.Tensor{gen.Normal(2, 2, 2, 2), gen.Normal(2, 2, 2)},
			WantGrad: []*tensor.Tensor{zeros(2, 2, 2, 2), zeros(2, 3, 1, 2), zeros(2, 3, 1, 2), nil},
		},
		Case{ // the sink takes all
			Name: "nothing to see but a sink", In: with(qkv(1, 2, 3, 2, 1, 2, 2), ints(-4), Floats(0.5, -3)), NoGrad: true,
			Build:    op(ops.AttentionOp{Scale: 1, Causal: true, With: has{Position: true, Sinks: true}}),
			Want:     []*tensor.Tensor{zeros(1, 2, 2, 2), tensor.Must(tensor.Of([]float64{0.5, -3, 0.5, -3}, 1, 2, 2))},
			Gout:     []*tensor.Tensor{gen.Normal(1, 2, 2, 2), tensor.Must(tensor.Of([]float64{1, 2, 3, 4}, 1, 2, 2))},
			WantGrad: []*tensor.Tensor{zeros(1, 2, 2, 2), zeros(1, 3, 1, 2), zeros(1, 3, 1, 2), nil, Floats(4, 6)},
		},
		Case{
			Name: "infinite bias", Build: op(biased), NoGrad: true,
			In:   []*tensor.Tensor{column(0, 0, 0, 0), column(1, 2), column(3, 4), bias(-inf, 0, -inf, -inf, inf, 0, nan, 0)},
			Want: []*tensor.Tensor{column(4, 0, nan, nan), rowOf(0, -inf, nan, nan)},
		},
		Case{ // one key has all the weight, however large the products
			Name: "large products", Build: op(biased), NoGrad: true,
			In:   []*tensor.Tensor{column(1e4, -1e4), column(3e4, -3e4), column(3, 4), bias(0, 0, 0, 0)},
			Want: []*tensor.Tensor{column(3, 4), rowOf(3e8, 3e8)},
		},
		Case{
			Name: "ties", Build: op(biased), NoGrad: true,
			In:   []*tensor.Tensor{column(0, 0), column(1, 2), column(3, 5), bias(7, 7, -1, -1)},
			Want: []*tensor.Tensor{column(4, 4), rowOf(7+math.Ln2, -1+math.Ln2)},
		},
		Case{ // of a key that nobody sees nothing matters but that it is finite
			Name: "hidden key", Build: op(ops.AttentionOp{Scale: 1, With: has{Lengths: true}}), NoGrad: true,
			In:   with([]*tensor.Tensor{column(0, 1), column(1, 6e4), column(3, -6e4)}, ints(1)),
			Want: []*tensor.Tensor{column(3, 3), rowOf(0, 1)},
		},
		Case{Name: "no keys", In: qkv(2, 3, 0, 2, 1, 2, 2), Build: op(ops.AttentionOp{Scale: 1}), NoGrad: true, Want: []*tensor.Tensor{zeros(2, 3, 2, 2)}},
		Case{Name: "no queries", In: qkv(2, 0, 3, 2, 1, 2, 2), Build: op(ops.AttentionOp{Scale: 1})},
		Case{Name: "no samples", In: qkv(0, 2, 3, 2, 1, 2, 2), Build: op(ops.AttentionOp{Scale: 1})},
		Case{
			Name: "integers of other types", In: with(qkv(1, 2, 2, 1, 1, 2, 2), gen.Ints(dtype.Int32, 0, 2, 1, 2), gen.Ints(dtype.Uint8, 0, 2, 1), tensor.Scalar[int32](1)),
			Build: one(func(in []*ir.Value) *ir.Value {
				return ops.Attention(in[0], in[1], in[2], ops.AttentionOptions{Causal: true, QuerySegments: in[3], Lengths: in[4], Position: in[5]})
			}),
		},
	)

	f := func(dims ...int) ir.Type { return typ(dtype.Float32, dims...) }
	good := []ir.Type{f(2, 3, 4, 5), f(2, 6, 2, 5), f(2, 6, 2, 7)}
	and := func(more ...ir.Type) []ir.Type { return append(good[:3:3], more...) }
	build := func(o func(x []*ir.Value) ops.AttentionOptions) func(in []*ir.Value) {
		return func(in []*ir.Value) { ops.Attention(in[0], in[1], in[2], o(in[3:])) }
	}
	plain := build(func([]*ir.Value) ops.AttentionOptions { return ops.AttentionOptions{} })
	opt := func(o ops.AttentionOptions) func(in []*ir.Value) {
		return build(func([]*ir.Value) ops.AttentionOptions { return o })
	}
	i64 := func(dims ...int) ir.Type { return typ(dtype.Int64, dims...) }
	return Table{cases, []Mistake{
		{"rank", []ir.Type{f(2, 3, 4), good[1], good[2]}, plain, "attention: wants operands of rank 4: in0 f32[2 3 4]"},
		{"rank of v", []ir.Type{good[0], good[1], f(2, 6, 2)}, plain, "attention: wants operands of rank 4 and one type"},
		{"types", []ir.Type{good[0], good[1], typ(dtype.Float64, 2, 6, 2, 7)}, plain, "wants operands of rank 4 and one type"},
		{"integers", []ir.Type{i64(2, 3, 4, 5), good[1], good[2]}, plain, "wants a floating-point type, got i64"},
		{"samples", []ir.Type{good[0], f(3, 6, 2, 5), good[2]}, plain, "wants q [B T H K], k [B S G K] and v [B S G V]"},
		{"keys and values", []ir.Type{good[0], good[1], f(2, 5, 2, 7)}, plain, "wants q [B T H K], k [B S G K] and v [B S G V]"},
		{"width", []ir.Type{good[0], f(2, 6, 2, 4), good[2]}, plain, "wants q [B T H K], k [B S G K] and v [B S G V]"},
		{"groups", []ir.Type{good[0], f(2, 6, 3, 5), f(2, 6, 3, 7)}, plain, "4 heads of queries can't share 3 of keys"},
		{"packed", []ir.Type{f(2, 3, 4, 5)}, func(in []*ir.Value) { ops.AttentionPacked(in[0], 2, ops.AttentionOptions{}) }, "4 heads hold no queries beside 2 groups of keys and values"},
		{"probability", append(and(), typ(dtype.Uint64), typ(dtype.Uint64)), build(func(x []*ir.Value) ops.AttentionOptions {
			return ops.AttentionOptions{Dropout: &ops.AttentionDropout{P: 1.5, Seed: x[0], Step: x[1]}}
		}), "probability 1.5 is outside 0..1"},
		{"seed", append(and(), typ(dtype.Uint32), typ(dtype.Uint64)), build(func(x []*ir.Value) ops.AttentionOptions {
			return ops.AttentionOptions{Dropout: &ops.AttentionDropout{P: 0.5, Seed: x[0], Step: x[1]}}
		}), "wants seed u64[], got u32[]"},
		{"window", good, opt(ops.AttentionOptions{Window: &ops.AttentionWindow{Left: -1}}), "a window has 0 to Unbounded keys on each side, got -1 and 0"},
		{"cap", good, opt(ops.AttentionOptions{SoftCap: new(0.0)}), "soft cap 0 is not positive"},
		{"scale", good, opt(ops.AttentionOptions{Scale: &nan}), "scale is NaN"},
		{"position", and(f()), build(func(x []*ir.Value) ops.AttentionOptions { return ops.AttentionOptions{Position: x[0]} }), "wants the position of the first query i64[2], got f32[2]"},
		{"lengths", and(i64(3)), build(func(x []*ir.Value) ops.AttentionOptions { return ops.AttentionOptions{Lengths: x[0]} }), "wants key lengths i64[2], got i64[3]"},
		{"segments", and(i64(2, 3)), build(func(x []*ir.Value) ops.AttentionOptions { return ops.AttentionOptions{QuerySegments: x[0]} }), "wants key segments i64[2 6], got i64[2 3]"},
		{"mask", and(f(3, 6)), build(func(x []*ir.Value) ops.AttentionOptions { return ops.AttentionOptions{Mask: x[0]} }), "wants a mask bool[2 4 3 6] or 1 on axes but the last, got f32[1 1 3 6]"},
		{"bias", and(f(2, 3, 6)), build(func(x []*ir.Value) ops.AttentionOptions { return ops.AttentionOptions{Bias: x[0]} }), "wants a bias f32[2 4 3 6] or 1 on axes but the last, got f32[1 2 3 6]"},
		{"slopes", and(f(2)), build(func(x []*ir.Value) ops.AttentionOptions { return ops.AttentionOptions{Slopes: x[0]} }), "wants slopes f32[4], got f32[2]"},
		{"sinks", and(f()), build(func(x []*ir.Value) ops.AttentionOptions { return ops.AttentionOptions{Sinks: x[0]} }), "wants sinks f32[4], got f32[]"},
		{"operands", good[:2], func(in []*ir.Value) { op(ops.AttentionOp{})(in) }, "wants 3 operands, got 2"},
		{"grad rows", and(f(2, 4, 3), f(2, 3, 4), f(2, 3, 4, 7)), func(in []*ir.Value) { gradient(ops.AttentionOp{})(in) }, "attention_grad: wants lse and delta of type f32[2 3 4]"},
		{"grad", and(f(2, 3, 4), f(2, 3, 4), f(2, 3, 4, 5)), func(in []*ir.Value) { gradient(ops.AttentionOp{})(in) }, "attention_grad: wants a gradient of type f32[2 3 4 7], got f32[2 3 4 5]"},
		{"grad operands", good, func(in []*ir.Value) { gradient(ops.AttentionOp{})(in) }, "attention_grad: wants 6 operands, got 3"},
	}}
}
