package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
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
