package optest

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/tensor"
)

func dropout() Table {
	nan := math.NaN()
	gen := NewGen("dropout")
	const seed, step, stream = 1<<63 + 5, 1<<40 + 3, 1<<50 + 9
	drop := func(p float64) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.Dropout(in[0], in[1], in[2], p, stream) })
	}
	with := func(x *tensor.Tensor) []*tensor.Tensor {
		return []*tensor.Tensor{x, tensor.Scalar[uint64](seed), tensor.Scalar[uint64](step)}
	}
	// masked does by the definition what the op does, to value or gradient.
	masked := func(p float64, x *tensor.Tensor) *tensor.Tensor {
		bits := make([]uint32, x.Size())
		rng.Bits(bits, rng.Mix(seed, stream), step, 0)
		y := tensor.New(dtype.Float64, x.Shape())
		for i, b := range bits {
			if float64(b) >= p*(1<<32) && p < 1 {
				y.SetFloat(i, x.Float(i)/(1-p))
			}
		}
		return y
	}
	var cases []Case
	for _, p := range []float64{0.1, 0.5, 0.75, 1 - 0x1p-20, 1} {
		x, g := gen.Normal(3, 2, 5), gen.Normal(3, 2, 5)
		cases = append(cases,
			Case{Name: fmt.Sprint("p ", p), In: with(x), Build: drop(p), Want: []*tensor.Tensor{masked(p, x)}, Smooth: true},
			Case{ // the gradient has the mask of the value
				Name: fmt.Sprint("gradient p ", p), In: with(x), Build: drop(p), NoGrad: true,
				Gout: []*tensor.Tensor{g}, WantGrad: []*tensor.Tensor{masked(p, g), nil, nil},
			},
		)
	}
	x := gen.Normal(2, 7)
	cases = append(cases,
		Case{Name: "p 0", In: with(x), Build: drop(0), Want: []*tensor.Tensor{x}, Smooth: true},
		Case{
			Name: "op with p 0", In: with(x), Want: []*tensor.Tensor{x}, Smooth: true,
			Build: func(in []*ir.Value) []*ir.Value { return ir.Apply(ops.DropoutOp{Stream: stream}, in...) },
		},
		Case{Name: "p next to 1", In: with(x), Build: drop(1 - 0x1p-40), Want: []*tensor.Tensor{tensor.New(dtype.Float64, x.Shape())}},
		Case{Name: "nan", In: with(Floats(nan, nan, nan)), Build: drop(1), Want: []*tensor.Tensor{Floats(0, 0, 0)}, NoGrad: true},
		Case{Name: "rank0", In: with(gen.Normal()), Build: drop(0.5), Smooth: true},
		Case{Name: "empty", In: with(gen.Normal(0, 3)), Build: drop(0.5)},
		Case{Name: "long", In: with(gen.Normal(1031)), Build: drop(0.3), NoGrad: true},
	)

	f, u := typ(dtype.Float32, 3), typ(dtype.Uint64)
	return Table{byElement(cases), []Mistake{
		{"probability above 1", []ir.Type{f, u, u}, func(in []*ir.Value) { drop(1.5)(in) }, "dropout: probability 1.5 is outside 0..1: in0 f32[3]"},
		{"negative probability", []ir.Type{f, u, u}, func(in []*ir.Value) { drop(-0.1)(in) }, "dropout: probability -0.1 is outside 0..1"},
		{"probability nan", []ir.Type{f, u, u}, func(in []*ir.Value) { drop(nan)(in) }, "dropout: probability NaN is outside 0..1"},
		{"integers", []ir.Type{typ(dtype.Int64, 3), u, u}, func(in []*ir.Value) { drop(0.5)(in) }, "dropout: wants a floating-point type, got i64"},
		{"seed", []ir.Type{f, typ(dtype.Uint32), u}, func(in []*ir.Value) { drop(0.5)(in) }, "dropout: wants seed and step u64[]"},
		{"step", []ir.Type{f, u, typ(dtype.Uint64, 1)}, func(in []*ir.Value) { drop(0.5)(in) }, "dropout: wants seed and step u64[]"},
		{"operands", []ir.Type{f}, func(in []*ir.Value) { ir.Apply(ops.DropoutOp{P: 0.5}, in...) }, "wants 3 operands, got 1"},
	}}
}
