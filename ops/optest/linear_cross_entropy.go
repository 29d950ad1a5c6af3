package optest

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func linearCrossEntropy() Table {
	gen := NewGen("linear_cross_entropy")
	rows := ops.CrossEntropyOp{IgnoreIndex: -100}
	all := ops.CrossEntropyOp{IgnoreIndex: 1, Smoothing: 0.1, ZLoss: 0.3}
	// Operands: h, w, bias or nil, labels, scale; in 16 bits scale is float32.
	sum := func(op ops.CrossEntropyOp, chunk int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value {
			scale := in[4]
			if scale.DType().IsHalf() {
				scale = ops.Cast(scale, dtype.Float32)
			}
			return ops.LinearCrossEntropy(in[0], in[1], in[2], in[3], scale, op, chunk)
		})
	}
	labels := func(v ...int64) *tensor.Tensor { return tensor.Must(tensor.Of(v)) }

	var cases []Case
	for _, chunk := range []int{1, 2, 3, 4, 7, 100} { // 7 rows: parts that are full, filled up, one
		cases = append(cases,
			Case{Name: fmt.Sprint("chunk ", chunk), Build: sum(rows, chunk),
				In: []*tensor.Tensor{gen.Normal(7, 3), gen.Normal(5, 3), nil, gen.Ints(dtype.Int64, 0, 5, 7), gen.Uniform(0.5, 2, 7)}},
			Case{Name: fmt.Sprint("bias and options, chunk ", chunk), Build: sum(all, chunk),
				In: []*tensor.Tensor{gen.Normal(7, 3), gen.Normal(5, 3), gen.Normal(5), labels(0, 1, 4, 2, 1, 1, 3), gen.Uniform(0.5, 2, 7)}},
		)
	}
	// Labels that are ignored have no gradient by scale; those here have.
	h, w, b, y := gen.Normal(6, 4), gen.Normal(9, 4), gen.Normal(9), gen.Ints(dtype.Int32, 2, 9, 6)
	cases = append(cases,
		Case{Name: "all results", NoGrad: true, In: []*tensor.Tensor{gen.Normal(5, 2), gen.Normal(3, 2), gen.Normal(3), gen.Ints(dtype.Int64, 0, 3, 5), gen.Normal(5)},
			Build: func(in []*ir.Value) []*ir.Value {
				if in[4].DType().IsHalf() {
					in[4] = ops.Cast(in[4], dtype.Float32)
				}
				return ir.Apply(ops.LinearCrossEntropyOp{Rows: rows, Chunk: 2, Bias: true}, in...)
			}},
		Case{
			Name: "against its parts", NoGrad: true, In: []*tensor.Tensor{h, w, b, y, gen.Uniform(0.5, 2, 6)},
			Build: func(in []*ir.Value) []*ir.Value {
				for i, v := range in {
					if v.DType().IsHalf() { // which are rounded in other places
						in[i] = ops.Cast(v, dtype.Float32)
					}
				}
				chunked := sum(all, 4)(in)[0]
				losses, _ := ops.CrossEntropy(ops.Linear(in[0], in[1], in[2]), in[3], all)
				return []*ir.Value{ops.Lt(ops.Abs(ops.Sub(chunked, ops.Sum(ops.Mul(losses, in[4])))), ops.Scalar(chunked, 1e-4))}
			},
			Want: []*tensor.Tensor{tensor.Scalar(true)},
		},
		Case{Name: "several blocks", NoGrad: true, Build: sum(all, 3), In: []*tensor.Tensor{gen.Normal(8, 33), gen.Normal(301, 33), nil, gen.Ints(dtype.Int64, 0, 301, 8), gen.Uniform(0.5, 2, 8)}},
		Case{Name: "empty batch", NoGrad: true, Build: sum(rows, 3), In: []*tensor.Tensor{gen.Normal(0, 3), gen.Normal(5, 3), gen.Normal(5), labels(), gen.Normal(0)}, Want: []*tensor.Tensor{tensor.Scalar(0.0)}},
		Case{ // neither a row of scale 0 nor one that is ignored adds anything
			Name: "rows that do not count", NoGrad: true, Build: sum(rows, 2),
			In: []*tensor.Tensor{
				tensor.Must(tensor.Of([]float64{0, 0, math.NaN(), 0, math.Inf(1), 0}, 3, 2)), gen.Normal(4, 2), nil,
				labels(3, 0, -100), Floats(2, 0, 1),
			},
			Want: []*tensor.Tensor{tensor.Scalar(2 * math.Log(4))},
		},
		Case{Name: "a label outside", NoGrad: true, Build: sum(rows, 2), In: []*tensor.Tensor{gen.Normal(3, 2), gen.Normal(4, 2), nil, labels(0, 4, 1), Floats(1, 1, 1)},
			Want: []*tensor.Tensor{tensor.Scalar(math.NaN())}},
	)

	x, m, l, s := typ(dtype.Float32, 4, 3), typ(dtype.Float32, 5, 3), typ(dtype.Int64, 4), typ(dtype.Float32, 4)
	apply := func(op ops.CrossEntropyOp, chunk int) func(in []*ir.Value) {
		return func(in []*ir.Value) { ops.LinearCrossEntropy(in[0], in[1], nil, in[2], in[3], op, chunk) }
	}
	return Table{cases, []Mistake{
		{"chunk", []ir.Type{x, m, l, s}, apply(rows, 0), "linear_cross_entropy: wants chunks of at least 1 row, got 0"},
		{"inner size", []ir.Type{x, typ(dtype.Float32, 5, 4), l, s}, apply(rows, 2), "wants h [N D] and a weight [V D] of one element type"},
		{"rank", []ir.Type{typ(dtype.Float32, 2, 2, 3), m, l, s}, apply(rows, 2), "wants h [N D]"},
		{"types", []ir.Type{x, typ(dtype.Float64, 5, 3), l, s}, apply(rows, 2), "of one element type"},
		{"labels", []ir.Type{x, m, typ(dtype.Int64, 3), s}, apply(rows, 2), "wants i64 labels, one for each row of logits"},
		{"scale", []ir.Type{x, m, l, typ(dtype.Float32, 3)}, apply(rows, 2), "wants a scale f32[4]"},
		{"smoothing", []ir.Type{x, m, l, s}, apply(ops.CrossEntropyOp{Smoothing: 2}, 2), "label smoothing 2 is outside 0..1"},
		{"integers", []ir.Type{typ(dtype.Int64, 4, 3), typ(dtype.Int64, 5, 3), l, s}, apply(rows, 2), "wants a floating-point type"},
		{"bias", []ir.Type{x, m, typ(dtype.Float32, 4), l, s}, func(in []*ir.Value) {
			ops.LinearCrossEntropy(in[0], in[1], in[2], in[3], in[4], rows, 2)
		}, "wants a bias f32[5]"},
		{"operands", []ir.Type{x, m, l}, func(in []*ir.Value) { ir.Apply(ops.LinearCrossEntropyOp{Chunk: 2}, in...) }, "wants 4 operands, got 3"},
	}}
}
