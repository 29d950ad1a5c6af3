package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// dummy is the input of cases whose ops read none: it brings the graph.
func dummy() []*tensor.Tensor { return []*tensor.Tensor{Floats(0)} }

func constant() Table {
	var cases []Case
	for _, dt := range dtype.All() {
		want := fill(dt, []int{2, 3}, func(int) float64 { return 1 })
		cases = append(cases, Case{Name: dt.String(), In: dummy(), NoGrad: true, Want: []*tensor.Tensor{want},
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Full(in[0].Graph(), dt, shape.Of(2, 3), 1) })})
	}
	scalar := func(name string, want *tensor.Tensor, f func(g *ir.Graph) *ir.Value) {
		cases = append(cases, Case{Name: name, In: dummy(), NoGrad: true, Want: []*tensor.Tensor{want},
			Build: one(func(in []*ir.Value) *ir.Value { return f(in[0].Graph()) })})
	}
	scalar("nan", tensor.Scalar(math.NaN()), func(g *ir.Graph) *ir.Value { return ops.Full(g, dtype.Float64, shape.Shape{}, math.NaN()) })
	scalar("f32_rounds", tensor.Scalar(float32(0.1)), func(g *ir.Graph) *ir.Value { return ops.Full(g, dtype.Float32, shape.Shape{}, 0.1) })
	scalar("i64_exact", tensor.Scalar(int64(1<<53+1)), func(g *ir.Graph) *ir.Value { return ops.FullInt(g, dtype.Int64, shape.Shape{}, 1<<53+1) })
	scalar("u64_exact", tensor.Scalar(uint64(math.MaxUint64)), func(g *ir.Graph) *ir.Value { return ops.FullInt(g, dtype.Uint64, shape.Shape{}, -1) })
	scalar("u32_wraps", tensor.Scalar(uint32(math.MaxUint32)), func(g *ir.Graph) *ir.Value { return ops.FullInt(g, dtype.Uint32, shape.Shape{}, -1) })
	x := NewGen("like").Normal(2, 3)
	cases = append(cases,
		Case{Name: "like", In: []*tensor.Tensor{x}, Smooth: true,
			Build: one(func(in []*ir.Value) *ir.Value {
				return ops.Add(ops.Mul(in[0], ops.Scalar(in[0], 3)), ops.Sub(ops.OnesLike(in[0]), ops.ZerosLike(in[0])))
			})},
		Case{Name: "empty", In: dummy(), NoGrad: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.Full(in[0].Graph(), dtype.Float64, shape.Of(0, 3), 1) })},
	)
	return Table{Cases: cases, Mistakes: []Mistake{
		{"no_type", []ir.Type{typ(dtype.Float32)}, func(in []*ir.Value) { ops.Full(in[0].Graph(), dtype.Invalid, shape.Shape{}, 1) }, "constant: there is no element type invalid"},
	}}
}

func iota() Table {
	var cases []Case
	for _, dt := range dtype.All() {
		if dt == dtype.Bool {
			continue
		}
		for axis := range 2 {
			want := fill(dt, []int{3, 4}, func(i int) float64 { return float64([]int{i / 4, i % 4}[axis]) })
			cases = append(cases, Case{Name: dt.String() + []string{"_rows", "_columns"}[axis], In: dummy(), NoGrad: true, Want: []*tensor.Tensor{want},
				Build: one(func(in []*ir.Value) *ir.Value { return ops.Iota(in[0].Graph(), dt, shape.Of(3, 4), axis) })})
		}
	}
	cases = append(cases,
		Case{Name: "negative", In: dummy(), NoGrad: true, Want: []*tensor.Tensor{Floats(0, 1, 2)}, Build: one(func(in []*ir.Value) *ir.Value { return ops.Iota(in[0].Graph(), dtype.Float64, shape.Of(3), -1) })},
		Case{Name: "u8_wraps", In: dummy(), NoGrad: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.Iota(in[0].Graph(), dtype.Uint8, shape.Of(600), 0) })},
		Case{Name: "empty", In: dummy(), NoGrad: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.Iota(in[0].Graph(), dtype.Int32, shape.Of(2, 0), 0) })},
	)
	return Table{Cases: cases, Mistakes: []Mistake{
		{"axis", []ir.Type{typ(dtype.Float32)}, func(in []*ir.Value) { ops.Iota(in[0].Graph(), dtype.Int32, shape.Of(2), 1) }, "iota: axis 1 is outside a tensor of rank 1"},
		{"bool", []ir.Type{typ(dtype.Float32)}, func(in []*ir.Value) { ops.Iota(in[0].Graph(), dtype.Bool, shape.Of(2), 0) }, "iota: wants a type of numbers"},
	}}
}

func stop() Table {
	x := NewGen("stop").Normal(2, 3)
	return Table{Cases: append(copiesWithoutGradient("stop", ops.StopGradient),
		Case{Name: "gradient", In: []*tensor.Tensor{Floats(2, 3)}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Mul(in[0], ops.StopGradient(in[0])) }),
			Want:  []*tensor.Tensor{Floats(4, 9)}, Gout: []*tensor.Tensor{Floats(1, 1)}, WantGrad: []*tensor.Tensor{Floats(2, 3)}},
		Case{Name: "all_stopped", In: []*tensor.Tensor{x}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.StopGradient(in[0]) }),
			Want:  []*tensor.Tensor{x}, Gout: []*tensor.Tensor{x}, WantGrad: []*tensor.Tensor{tensor.New(dtype.Float64, x.Shape())}},
	)}
}

func copiesWithoutGradient(name string, f func(x *ir.Value) *ir.Value) []Case {
	cases := copies(name, []int{3, 5}, f)
	for i := range cases {
		cases[i].NoGrad, cases[i].Smooth = true, false
	}
	return cases
}

func random() Table {
	const stream = 12345
	var cases []Case
	for name, c := range map[string]struct {
		seed, step uint64
		dims       []int
	}{
		"scalar": {1, 2, []int{}}, "one_block": {1, 2, []int{4}}, "rest": {7, 0, []int{3, 5}}, "long": {7, 1 << 40, []int{1031}}, "empty": {1, 1, []int{0}},
		"large_seed": {math.MaxUint64, 3, []int{2, 2, 2}},
	} {
		want := tensor.New(dtype.Uint32, shapeOf(c.dims))
		for i := range want.Size() { // by the definition, block by block
			n := uint64(i / 4)
			b := rng.Philox(rng.Mix(c.seed, stream), [4]uint32{uint32(n), uint32(n >> 32), uint32(c.step), uint32(c.step >> 32)})
			tensor.Data[uint32](want)[i] = b[i%4]
		}
		cases = append(cases, Case{Name: name, In: []*tensor.Tensor{tensor.Scalar(c.seed), tensor.Scalar(c.step)}, NoGrad: true, Want: []*tensor.Tensor{want},
			Build: one(func(in []*ir.Value) *ir.Value { return ops.RandomBits(in[0], in[1], stream, shapeOf(c.dims)) })})
	}
	return Table{Cases: cases, Mistakes: []Mistake{
		{"types", []ir.Type{typ(dtype.Int64), typ(dtype.Uint64)}, func(in []*ir.Value) { ops.RandomBits(in[0], in[1], 0, shape.Of(2)) }, "random_bits: wants seed and step u64[]"},
		{"shapes", []ir.Type{typ(dtype.Uint64), typ(dtype.Uint64, 1)}, func(in []*ir.Value) { ops.RandomBits(in[0], in[1], 0, shape.Of(2)) }, "random_bits: wants seed and step u64[]"},
	}}
}
