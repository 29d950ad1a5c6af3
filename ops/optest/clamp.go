package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func clamp() Table {
	inf, nan := math.Inf(1), math.NaN()
	between := one(func(in []*ir.Value) *ir.Value {
		return ops.ClampBetween(in[0], in[1], append(in, nil)[2]) // a golden case leaves a last nil out
	})
	to := func(lo, hi float64) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.Clamp(in[0], lo, hi) })
	}
	cases := Golden("binary", func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value {
		switch a.Op() {
		case "clamp_between":
			return between
		case "clamp":
			lo, hi := -inf, inf
			if a.Has("low") {
				lo = a.Float("low")
			}
			if a.Has("high") {
				hi = a.Float("high")
			}
			return to(lo, hi)
		}
		return nil
	})
	for _, c := range cases {
		if c.Name == "torch/clamp_between_edges" { // where one is NaN x has the gradient, there not always
			for i := range c.In[0].Size() {
				if x, lo, hi := c.In[0].Float(i), c.In[1].Float(i), c.In[2].Float(i); x != x || lo != lo || hi != hi {
					c.WantGrad[0].SetFloat(i, c.Gout[0].Float(i))
					c.WantGrad[1].SetFloat(i, 0)
					c.WantGrad[2].SetFloat(i, 0)
				}
			}
		}
	}
	gen := NewGen("clamp")
	cases = append(cases,
		Case{Name: "rank0", In: []*tensor.Tensor{gen.Apart()}, Build: to(-0.1, 0.1), Smooth: true},
		Case{Name: "rank4", In: []*tensor.Tensor{gen.Apart(2, 3, 1, 5)}, Build: to(-2.5, 1.3), Smooth: true},
		Case{Name: "long", In: []*tensor.Tensor{gen.Normal(5003)}, Build: to(-0.5, 1), NoGrad: true},
		Case{Name: "special", In: []*tensor.Tensor{special()}, Build: to(-0.5, 1), NoGrad: true},
		Case{Name: "crossed", In: []*tensor.Tensor{special()}, Build: to(1, -0.5), NoGrad: true},
		Case{Name: "edges", In: []*tensor.Tensor{Floats(-inf, -2, -1, 0, 1, 2, inf, nan)}, Build: to(-1, 1), NoGrad: true,
			Want: []*tensor.Tensor{Floats(-1, -1, -1, 0, 1, 1, 1, nan)},
			Gout: []*tensor.Tensor{Floats(3, 3, 3, 3, 3, 3, 3, 3)}, WantGrad: []*tensor.Tensor{Floats(0, 0, 0, 3, 0, 0, 0, 0)}},
		Case{Name: "unlimited", In: []*tensor.Tensor{special()}, Build: to(-inf, inf), NoGrad: true, Want: []*tensor.Tensor{special()}},
		Case{Name: "after a product", In: []*tensor.Tensor{gen.Normal(5, 7), gen.Normal(7, 6)}, NoGrad: true,
			Build: one(func(in []*ir.Value) *ir.Value { return ops.Clamp(ops.MatMul(in[0], in[1]), -1, 0.5) })},
		Case{Name: "i32", In: []*tensor.Tensor{tensor.Must(tensor.Of([]int32{math.MinInt32, -5, 0, 5, math.MaxInt32}))}, Build: to(-3, inf), NoGrad: true,
			Want: []*tensor.Tensor{tensor.Must(tensor.Of([]int32{-3, -3, 0, 5, math.MaxInt32}))}},
		Case{Name: "u64", In: []*tensor.Tensor{tensor.Must(tensor.Of([]uint64{0, 5, math.MaxUint64}))}, Build: to(-3, inf), NoGrad: true,
			Want: []*tensor.Tensor{tensor.Must(tensor.Of([]uint64{0, 5, math.MaxUint64}))}},
		Case{Name: "between", In: []*tensor.Tensor{gen.Apart(3, 5), Floats(-1.3, -0.7, 0.1, 0.9, -0.1), gen.Uniform(1, 1.05, 3, 1)}, Build: between, Smooth: true},
		Case{Name: "between integers", In: []*tensor.Tensor{gen.Ints(dtype.Int64, -9, 9, 5, 7), gen.Ints(dtype.Int64, -9, 9, 7), gen.Ints(dtype.Int64, -9, 9, 5, 1)}, Build: between, NoGrad: true},
		Case{Name: "between nothing", In: []*tensor.Tensor{gen.Normal(3), nil, nil}, Build: between, Smooth: true},
	)
	mistake := func(name string, dt dtype.DType, lo, hi float64, want string) Mistake {
		return Mistake{name, []ir.Type{typ(dt, 3)}, func(in []*ir.Value) { ops.Clamp(in[0], lo, hi) }, want}
	}
	return Table{byElement(cases), []Mistake{
		mistake("nan", dtype.Float32, nan, 1, "clamp: NaN is no limit: in0 f32[3]"),
		mistake("fraction", dtype.Int32, 0, 1.5, "clamp: limit 1.5 is not whole, as i32 wants"),
		mistake("bool", dtype.Bool, 0, 1, "clamp: is not defined for bool"),
		{"between_shapes", []ir.Type{typ(dtype.Float32, 3), typ(dtype.Float32, 2)}, func(in []*ir.Value) { ops.ClampBetween(in[0], in[1], in[1]) }, "do not broadcast"},
		{"operands", []ir.Type{typ(dtype.Float32, 3)}, func(in []*ir.Value) { ir.Apply(ops.ClampOp{}, in[0], in[0]) }, "clamp: wants 1 operands, got 2"},
	}}
}
