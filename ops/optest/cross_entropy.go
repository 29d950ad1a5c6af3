package optest

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func crossEntropy() Table {
	inf, nan := math.Inf(1), math.NaN()
	gen := NewGen("cross_entropy")
	// Both results, loss and lse.
	op := func(ignore int64, smoothing float64) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			return ir.Apply(ops.CrossEntropyOp{IgnoreIndex: ignore, Smoothing: smoothing}, in...)
		}
	}
	rows := func(ignore int64, smoothing float64) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.CrossEntropyRows(in[0], in[1], ignore, smoothing) })
	}
	grad := func(ignore int64, smoothing float64) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			return ir.Apply(ops.CrossEntropyGradOp{IgnoreIndex: ignore, Smoothing: smoothing}, in...)
		}
	}
	labels := func(v ...int64) *tensor.Tensor { return tensor.Must(tensor.Of(v)) }
	matrix := func(cols int, v ...float64) *tensor.Tensor { return tensor.Must(tensor.Of(v, len(v)/cols, cols)) }

	cases := Golden("cross_entropy", func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value { return reducedCrossEntropy(a, in) }
	})
	for _, smoothing := range []float64{0, 0.1, 1} {
		cases = append(cases,
			Case{
				Name: fmt.Sprint("smoothing ", smoothing), Build: op(-100, smoothing), Smooth: true,
				In: []*tensor.Tensor{gen.Normal(5, 4), gen.Ints(dtype.Int64, 0, 4, 5)},
			},
			Case{
				Name: fmt.Sprint("ignored, smoothing ", smoothing), Build: op(2, smoothing), Smooth: true,
				In: []*tensor.Tensor{gen.Normal(5, 4), labels(2, 0, 3, 2, 1)},
			},
			Case{
				Name: fmt.Sprint("grad, smoothing ", smoothing), Build: grad(-1, smoothing), Smooth: true,
				In: []*tensor.Tensor{gen.Normal(4, 3), labels(1, -1, 2, 0), gen.Uniform(1, 2, 4), gen.Normal(4)},
			},
		)
	}
	z := ops.CrossEntropyOp{IgnoreIndex: 2, Smoothing: 0.1, ZLoss: 0.3}
	cases = append(cases,
		Case{Name: "z-loss", In: []*tensor.Tensor{gen.Normal(5, 4), labels(2, 0, 3, 2, 1)}, Smooth: true,
			Build: func(in []*ir.Value) []*ir.Value { return ir.Apply(z, in...) }},
		Case{Name: "grad, z-loss", In: []*tensor.Tensor{gen.Normal(4, 3), labels(1, 2, 0, 0), gen.Uniform(1, 2, 4), gen.Normal(4)}, Smooth: true,
			Build: func(in []*ir.Value) []*ir.Value { return ir.Apply(ops.CrossEntropyGradOp(z), in...) }},
		Case{Name: "z-loss edges", NoGrad: true, In: []*tensor.Tensor{matrix(2, 0, 0, nan, 0, 0, 0), labels(1, 2, 7)},
			Build: func(in []*ir.Value) []*ir.Value { return ir.Apply(z, in...)[:1] },
			Want:  []*tensor.Tensor{Floats(math.Ln2+0.3*math.Ln2*math.Ln2, 0, nan)}},
		Case{Name: "several blocks", In: []*tensor.Tensor{gen.Uniform(-9, 9, 2, 3001), labels(3000, 7)}, NoGrad: true,
			Build: func(in []*ir.Value) []*ir.Value {
				out := ir.Apply(z, in...)
				return append(out, ir.Apply(ops.CrossEntropyGradOp(z), in[0], in[1], out[1], ops.OnesLike(out[0]))...)
			}},
		Case{Name: "loss alone", In: []*tensor.Tensor{gen.Normal(3, 7), labels(6, 0, 3)}, Build: rows(-100, 0), Smooth: true},
		Case{Name: "lse alone", In: []*tensor.Tensor{gen.Normal(3, 7), labels(6, -100, 3)}, Build: func(in []*ir.Value) []*ir.Value { return op(-100, 0)(in)[1:] }, Smooth: true},
		Case{Name: "u8 labels", In: []*tensor.Tensor{gen.Normal(3, 7), gen.Ints(dtype.Uint8, 0, 7, 3)}, Build: rows(-100, 0)},
		Case{Name: "i32 labels", In: []*tensor.Tensor{gen.Normal(3, 7), tensor.Must(tensor.Of([]int32{-100, 6, 0}))}, Build: rows(-100, 0.1)},
		Case{Name: "one class", In: []*tensor.Tensor{gen.Normal(3, 1), labels(0, 0, -100)}, Build: op(-100, 0.1), Smooth: true},
		Case{Name: "one row", In: []*tensor.Tensor{gen.Normal(1, 5), labels(4)}, Build: op(-100, 0), Smooth: true},
		Case{Name: "empty batch", In: []*tensor.Tensor{gen.Normal(0, 5), labels()}, Build: op(-100, 0.1)},
		Case{Name: "wide", In: []*tensor.Tensor{gen.Uniform(-9, 9, 3, 133), labels(132, 0, 50)}, Build: op(-100, 0.1)},
		Case{
			Name: "all ignored", Build: rows(-100, 0.1), NoGrad: true,
			In: []*tensor.Tensor{gen.Normal(2, 3), labels(-100, -100)}, Want: []*tensor.Tensor{Floats(0, 0)},
			Gout: []*tensor.Tensor{Floats(1, nan)}, WantGrad: []*tensor.Tensor{matrix(3, 0, 0, 0, 0, 0, 0)},
		},
		Case{ // what an ignored row holds does not matter
			Name: "ignored row of nan", Build: rows(-100, 0.1), NoGrad: true,
			In: []*tensor.Tensor{matrix(2, nan, 0, inf, 1), labels(-100, -100)}, Want: []*tensor.Tensor{Floats(0, 0)},
			Gout: []*tensor.Tensor{Floats(1, 1)}, WantGrad: []*tensor.Tensor{matrix(2, 0, 0, 0, 0)},
		},
		Case{
			Name: "labels out of range", Build: op(-100, 0), NoGrad: true,
			In:   []*tensor.Tensor{matrix(2, 0, 0, 0, 0, 0, 0, 0, 0), labels(2, -1, 1<<40, 1)},
			Want: []*tensor.Tensor{Floats(nan, nan, nan, math.Ln2), Floats(math.Ln2, math.Ln2, math.Ln2, math.Ln2)},
			Gout: []*tensor.Tensor{Floats(1, 1, 1, 1), nil}, WantGrad: []*tensor.Tensor{matrix(2, nan, nan, nan, nan, nan, nan, 0.5, -0.5)},
		},
		Case{
			Name: "infinite logits", Build: op(-100, 0), NoGrad: true,
			In:   []*tensor.Tensor{matrix(2, 0, -inf, 0, -inf, -inf, -inf, inf, 0, nan, 0), labels(0, 1, 0, 0, 1)},
			Want: []*tensor.Tensor{Floats(0, inf, nan, nan, nan), Floats(0, 0, nan, nan, nan)},
			Gout: []*tensor.Tensor{Floats(1, 1, 1, 1, 1), nil}, WantGrad: []*tensor.Tensor{matrix(2, 0, 0, 1, -1, nan, nan, nan, nan, nan, nan)},
		},
		Case{
			Name: "infinite logits, smoothing", Build: rows(-100, 0.5), NoGrad: true,
			In: []*tensor.Tensor{matrix(2, 0, -inf, 0, -inf), labels(0, 1)}, Want: []*tensor.Tensor{Floats(inf, inf)},
			Gout: []*tensor.Tensor{Floats(1, 1)}, WantGrad: []*tensor.Tensor{matrix(2, 0.25, -0.25, 0.75, -0.75)},
		},
		Case{
			Name: "large logits", Build: op(-100, 0), NoGrad: true,
			In:   []*tensor.Tensor{matrix(3, 3e4, 0, -3e4, 3e4, 3e4, 3e4, -3e4, -3e4, -4e4), labels(1, 2, 0)},
			Want: []*tensor.Tensor{Floats(3e4, math.Log(3), math.Ln2), Floats(3e4, 3e4+math.Log(3), -3e4+math.Ln2)},
			Gout: []*tensor.Tensor{Floats(1, 3, 1), nil}, WantGrad: []*tensor.Tensor{matrix(3, 1, -1, 0, 1, 1, -2, -0.5, 0.5, 0)},
		},
		Case{
			Name: "grad edges", Build: grad(-100, 0), NoGrad: true,
			In:   []*tensor.Tensor{matrix(2, 0, 0, nan, 0, 0, 0), labels(2, -100, 1), Floats(0, 0, math.Ln2), Floats(1, nan, 2)},
			Want: []*tensor.Tensor{matrix(2, nan, nan, 0, 0, 1, -1)},
		},
		Case{Name: "grad empty batch", In: []*tensor.Tensor{gen.Normal(0, 5), labels(), gen.Normal(0), gen.Normal(0)}, Build: grad(-100, 0.1)},
	)

	x, y, f := typ(dtype.Float32, 4, 3), typ(dtype.Int64, 4), typ(dtype.Float32, 4)
	return Table{cases, []Mistake{
		{"rank of logits", []ir.Type{typ(dtype.Float32, 4), y}, func(in []*ir.Value) { rows(-100, 0)(in) }, "cross_entropy: wants logits of shape [rows classes] with at least one class: in0 f32[4], in1 i64[4]"},
		{"no class", []ir.Type{typ(dtype.Float32, 4, 0), y}, func(in []*ir.Value) { rows(-100, 0)(in) }, "with at least one class"},
		{"number of labels", []ir.Type{x, typ(dtype.Int64, 3)}, func(in []*ir.Value) { rows(-100, 0)(in) }, "cross_entropy: wants i64 labels, one for each row of logits"},
		{"float labels", []ir.Type{x, f}, func(in []*ir.Value) { rows(-100, 0)(in) }, "wants i64 labels"},
		{"i32 labels in the op", []ir.Type{x, typ(dtype.Int32, 4)}, func(in []*ir.Value) { op(-100, 0)(in) }, "wants i64 labels"},
		{"integer logits", []ir.Type{typ(dtype.Int64, 4, 3), y}, func(in []*ir.Value) { rows(-100, 0)(in) }, "wants a floating-point type, got i64"},
		{"smoothing", []ir.Type{x, y}, func(in []*ir.Value) { rows(-100, 1.5)(in) }, "label smoothing 1.5 is outside 0..1"},
		{"smoothing nan", []ir.Type{x, y}, func(in []*ir.Value) { rows(-100, nan)(in) }, "label smoothing NaN is outside 0..1"},
		{"z-loss", []ir.Type{x, y}, func(in []*ir.Value) { ir.Apply(ops.CrossEntropyOp{ZLoss: -1}, in...) }, "cross_entropy: z-loss -1 is negative"},
		{"operands", []ir.Type{x}, func(in []*ir.Value) { op(-100, 0)(in) }, "wants 2 operands, got 1"},
		{"grad lse", []ir.Type{x, y, typ(dtype.Float32, 3), f}, func(in []*ir.Value) { grad(-100, 0)(in) }, "cross_entropy_grad: wants lse and gradient of type f32[4]"},
		{"grad operands", []ir.Type{x, y, f}, func(in []*ir.Value) { grad(-100, 0)(in) }, "wants 4 operands, got 3"},
	}}
}

// reducedCrossEntropy builds torch.nn.functional.cross_entropy of a case of
// reference values: by the op where labels have no weights, by the log-softmax
// elsewhere. Operands: logits [B V ...], labels [B ...] or probabilities
// [B V ...], weight [V] or none.
func reducedCrossEntropy(a Attrs, in []*ir.Value) []*ir.Value {
	ignore, smoothing := int64(a.Int("ignore_index")), a.Float("label_smoothing")
	x := classesLast(in[0]) // [N V]
	n, classes := x.Dim(0), x.Dim(1)
	var loss, count *ir.Value // [N]
	if a.Text("target") == "indices" {
		labels := ops.Reshape(in[1], n)
		skip := ops.Eq(labels, ops.FullInt(x.Graph(), dtype.Int64, labels.Shape(), ignore))
		hit := ops.Eq(ops.Iota(x.Graph(), dtype.Int64, x.Shape(), 1), ops.Reshape(labels, n, 1))
		count = ops.Select(skip, ops.Scalar(x, 0), ops.Scalar(x, 1))
		if a.Bool("weight") {
			loss = ops.Mul(count, softCrossEntropy(x, ops.Cast(hit, x.DType()), in[2], smoothing))
			count = ops.Mul(count, ops.Sum(ops.Select(hit, in[2], ops.Scalar(x, 0)), 1))
		} else {
			loss = ops.CrossEntropyRows(x, labels, ignore, smoothing)
		}
	} else {
		weight := ops.Full(x.Graph(), x.DType(), shapeOf([]int{classes}), 1)
		if a.Bool("weight") {
			weight = in[2]
		}
		loss = softCrossEntropy(x, classesLast(in[1]), weight, smoothing)
		count = ops.OnesLike(loss)
	}
	switch a.Text("reduction") {
	case "sum":
		loss = ops.Sum(loss)
	case "mean":
		loss = ops.Div(ops.Sum(loss), ops.Sum(count))
	default:
		dims := in[0].Shape().Dims()
		loss = ops.Reshape(loss, append(dims[:1], dims[2:]...)...)
	}
	return []*ir.Value{loss}
}

// softCrossEntropy is -sum w t' log softmax x of each row, with t' the
// smoothed targets. Shapes: x and t [N V], w [V].
func softCrossEntropy(x, t, w *ir.Value, smoothing float64) *ir.Value {
	even := ops.Scalar(x, smoothing/float64(x.Dim(1)))
	t = ops.Add(ops.Mul(t, ops.Scalar(x, 1-smoothing)), even)
	return ops.Neg(ops.Sum(ops.Mul(ops.Mul(t, w), ops.LogSoftmax(x, 1)), 1))
}

// classesLast turns [B V ...] into rows [N V].
func classesLast(x *ir.Value) *ir.Value {
	perm := []int{0}
	for axis := 2; axis < x.Rank(); axis++ {
		perm = append(perm, axis)
	}
	return ops.Reshape(ops.Transpose(x, append(perm, 1)...), -1, x.Dim(1)) // [B ... V], then [N V]
}
