package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func argReduce() Table {
	named := map[string]func(x *ir.Value, axis int) *ir.Value{"argmax": ops.ArgMax, "argmin": ops.ArgMin}
	cases := Golden("reductions", func(name string, a Attrs) func([]*ir.Value) []*ir.Value {
		f := named[a.Op()]
		if f == nil {
			return nil
		}
		return one(func(in []*ir.Value) *ir.Value {
			x := in[0]
			if !a.Has("axis") {
				return f(ops.Flatten(x, 0), 0)
			}
			y := f(x, a.Int("axis"))
			if a.Bool("keepdim") {
				y = ops.KeepDims(y, x, a.Int("axis"))
			}
			return y
		})
	})
	for name, f := range named {
		gen := NewGen(name)
		along := func(axis int) func(in []*ir.Value) []*ir.Value {
			return one(func(in []*ir.Value) *ir.Value { return f(in[0], axis) })
		}
		cases = append(cases,
			Case{Name: name + "_last", In: []*tensor.Tensor{gen.Normal(3, 37)}, Build: along(-1), NoGrad: true},
			Case{Name: name + "_first", In: []*tensor.Tensor{gen.Normal(37, 3)}, Build: along(0), NoGrad: true},
			Case{Name: name + "_ties", In: []*tensor.Tensor{gen.Levels(2, 5, 7, 2)}, Build: along(1), NoGrad: true},
			Case{Name: name + "_empty", In: []*tensor.Tensor{gen.Normal(0, 3)}, Build: along(1), NoGrad: true},
			Case{Name: name + "_long", In: []*tensor.Tensor{gen.Normal(2, 3001)}, Build: along(1), NoGrad: true},
			Case{Name: name + "_tall", In: []*tensor.Tensor{gen.Levels(9, 3, 5, 1100)}, Build: along(1), NoGrad: true},
			Case{Name: name + "_special_columns", In: []*tensor.Tensor{func() *tensor.Tensor { _, y := grid(special()); return y }()}, Build: along(0), NoGrad: true},
			Case{Name: name + "_all_inf", In: []*tensor.Tensor{Floats(math.Inf(-1), math.Inf(-1), math.Inf(1), math.Inf(1))}, Build: along(0), NoGrad: true},
			Case{Name: name + "_nan", In: []*tensor.Tensor{Floats(3, math.NaN(), 9, math.NaN(), -9)}, Build: along(0), NoGrad: true, Want: []*tensor.Tensor{tensor.Scalar(int64(1))}},
		)
		for _, dt := range dtype.All() {
			if dt != dtype.Bool {
				cases = append(cases,
					Case{Name: name + "_" + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 0, 9, 4, 11)}, Build: along(1), NoGrad: true},
					Case{Name: name + "_columns_" + dt.String(), In: []*tensor.Tensor{gen.Ints(dt, 0, 9, 2, 11, 5)}, Build: along(1), NoGrad: true})
			}
		}
	}
	u64 := tensor.Must(tensor.Of([]uint64{5, math.MaxUint64, 1}))
	cases = append(cases,
		Case{Name: "argmax_u64_no_sign", In: []*tensor.Tensor{u64}, NoGrad: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.ArgMax(in[0], 0) }), Want: []*tensor.Tensor{tensor.Scalar(int64(1))}},
		Case{Name: "argmin_u64_no_sign", In: []*tensor.Tensor{u64}, NoGrad: true, Build: one(func(in []*ir.Value) *ir.Value { return ops.ArgMin(in[0], 0) }), Want: []*tensor.Tensor{tensor.Scalar(int64(2))}},
	)
	return Table{Cases: cases, Mistakes: []Mistake{
		{"outside", []ir.Type{typ(dtype.Float32, 2)}, func(in []*ir.Value) { ops.ArgMax(in[0], 1) }, "argmax: axis 1 is outside a tensor of rank 1"},
		{"nothing", []ir.Type{typ(dtype.Float32, 2, 0)}, func(in []*ir.Value) { ops.ArgMin(in[0], 1) }, "argmin: axis 1 has no element to choose from"},
		{"bool", []ir.Type{typ(dtype.Bool, 2)}, func(in []*ir.Value) { ops.ArgMax(in[0], 0) }, "argmax: is not defined for bool; cast first"},
	}}
}
