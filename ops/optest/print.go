package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// print1 holds cases of Print; what it prints is tested in print_test.go.
func print1() Table {
	gen := NewGen("print")
	show := one(func(in values) *ir.Value { return ops.Print(in[0], "x") })
	var cases []Case
	for name, x := range map[string]*tensor.Tensor{
		"vector": gen.Normal(5), "scalar": gen.Normal(), "empty": gen.Normal(0, 2), "matrix": gen.Normal(3, 67),
		"special": Floats(math.NaN(), math.Inf(1), math.Inf(-1), math.Copysign(0, -1)),
	} {
		cases = append(cases, Case{Name: name, In: []*tensor.Tensor{x}, Build: show, Want: []*tensor.Tensor{x}, NoGrad: name == "special", Smooth: name != "special"})
	}
	for name, x := range map[string]*tensor.Tensor{"integers": gen.Ints(dtype.Int64, -9, 9, 4), "bools": gen.Bools(3), "u32": gen.Ints(dtype.Uint32, 0, 9, 2)} {
		cases = append(cases, Case{Name: name, In: []*tensor.Tensor{x}, Build: show, Want: []*tensor.Tensor{x}, NoGrad: true})
	}
	cases = append(cases, Case{Name: "between", In: []*tensor.Tensor{gen.Normal(3), gen.Normal(3)}, Smooth: true, Build: one(func(in values) *ir.Value {
		return ops.Mul(ops.Print(ops.Sin(in[0]), "sin"), ops.Print(in[1], "y"))
	})})
	return Table{cases, []Mistake{
		{"operands", []ir.Type{typ(dtype.Float32), typ(dtype.Float32)}, func(in values) { ir.Apply(ops.PrintOp{}, in...) }, "print: wants 1 operands, got 2"},
	}}
}
