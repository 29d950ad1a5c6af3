package optest

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func groupNorm() Table {
	nan, inf := math.NaN(), math.Inf(1)
	gen := NewGen("group_norm")
	norm := func(groups int, eps float64) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			in = append(in[:len(in):len(in)], nil, nil) // absent operands
			y, mean, variance := ops.GroupNorm(in[0], in[1], in[2], groups, eps)
			return []*ir.Value{y, mean, variance}
		}
	}
	// onAxis has the channels anywhere.
	onAxis := func(groups, axis int) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			return ir.Apply(ops.GroupNormOp{Groups: groups, Axis: axis, Eps: 1e-2}, in...)
		}
	}
	grad := func(groups, axis int) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			return ir.Apply(ops.GroupNormGradOp{Groups: groups, Axis: axis, Eps: 1e-2}, in...)
		}
	}
	matrix := func(cols int, v ...float64) *tensor.Tensor { return tensor.Must(tensor.Of(v, len(v)/cols, cols)) }

	cases := Golden("group_norm", func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value {
		return norm(a.Int("groups"), a.Float("eps"))
	})
	for _, c := range Golden("group_norm", func(_ string, a Attrs) func(in []*ir.Value) []*ir.Value {
		return func(in []*ir.Value) []*ir.Value {
			rank := in[0].Rank()
			if rank == 2 || len(in) < 3 {
				return norm(a.Int("groups"), a.Float("eps"))(in)
			}
			last := ops.GroupNormOp{Groups: a.Int("groups"), Axis: rank - 1, Eps: a.Float("eps")}
			out := ir.Apply(last, ops.Transpose(in[0], lastAxes(rank)...), in[1], in[2])
			return []*ir.Value{ops.Transpose(out[0], firstAxes(rank)...), out[1], out[2]}
		}
	}) {
		c.Name += "_last"
		cases = append(cases, c)
	}
	for _, c := range []struct {
		groups, axis int
		x            []int
	}{{2, 1, []int{2, 4, 3}}, {4, 1, []int{2, 4, 3}}, {1, 1, []int{2, 2, 3}}, {2, 2, []int{2, 3, 4}}, {3, 2, []int{2, 2, 3}}, {2, 2, []int{2, 2, 4, 2}}, {2, 3, []int{1, 2, 2, 4}}, {3, 1, []int{3, 6}}} {
		channels := c.x[c.axis]
		name := fmt.Sprintf("%d groups on axis %d of %v", c.groups, c.axis, c.x)
		cases = append(cases,
			Case{Name: name, In: []*tensor.Tensor{gen.Normal(c.x...), gen.Normal(channels), gen.Normal(channels)}, Build: onAxis(c.groups, c.axis), Smooth: true},
			Case{Name: "grad, " + name, Build: grad(c.groups, c.axis), Smooth: true, In: []*tensor.Tensor{gen.Normal(c.x...), gen.Normal(channels),
				gen.Normal(c.x[0], c.groups), gen.Uniform(0.5, 2, c.x[0], c.groups), gen.Normal(c.x...)}},
		)
	}
	for i, name := range []string{"y alone", "mean alone", "variance alone"} {
		cases = append(cases, Case{
			Name: name, In: []*tensor.Tensor{gen.Normal(2, 4, 3), gen.Normal(4), gen.Normal(4)}, Smooth: true,
			Build: func(in []*ir.Value) []*ir.Value { return norm(2, 1e-2)(in)[i : i+1] },
		})
	}
	large := func(last bool, groups int, x ...int) Case {
		axis := 1
		if last {
			axis = len(x) - 1
		}
		c := x[axis]
		return Case{Name: fmt.Sprintf("large, %d groups of %v", groups, x), NoGrad: true,
			In: []*tensor.Tensor{gen.Normal(x...), gen.Normal(c), gen.Normal(c), gen.Normal(x...)},
			Build: func(in []*ir.Value) []*ir.Value {
				out := onAxis(groups, axis)(in[:3])
				return append(out, grad(groups, axis)([]*ir.Value{in[0], in[1], out[1], out[2], in[3]})...)
			}}
	}
	cases = append(cases,
		large(false, 4, 2, 12, 9, 31), large(true, 4, 2, 9, 31, 12), large(true, 8, 3, 40, 64), large(false, 8, 1, 64, 130),
		large(true, 3, 2, 700, 33), large(true, 1, 1, 5, 1100), large(false, 1, 2, 2, 3000), large(true, 9, 2, 3000, 9),
		Case{Name: "plain", In: []*tensor.Tensor{gen.Normal(2, 4, 3), nil, nil}, Build: norm(2, 1e-2), Smooth: true},
		Case{Name: "no bias", In: []*tensor.Tensor{gen.Normal(2, 4, 3), gen.Normal(4), nil}, Build: norm(2, 1e-2), Smooth: true},
		Case{Name: "no eps", In: []*tensor.Tensor{gen.Normal(2, 4, 3), gen.Normal(4), gen.Normal(4)}, Build: norm(2, 0)},
		Case{Name: "no channel", In: []*tensor.Tensor{gen.Normal(2, 0, 3), gen.Normal(0), gen.Normal(0)}, Build: norm(1, 1e-2), NoGrad: true},
		Case{Name: "empty batch", In: []*tensor.Tensor{gen.Normal(0, 2, 3), gen.Normal(2), gen.Normal(2)}, Build: norm(2, 1e-2)},
		Case{
			Name: "one element a group", Build: norm(2, 1e-2), NoGrad: true,
			In:   []*tensor.Tensor{matrix(2, 5, -7), Floats(2, 3), Floats(0.5, -1)},
			Want: []*tensor.Tensor{matrix(2, 0.5, -1), matrix(2, 5, -7), matrix(2, 0, 0)},
			Gout: []*tensor.Tensor{matrix(2, 4, 6), nil, nil}, WantGrad: []*tensor.Tensor{matrix(2, 0, 0), Floats(0, 0), Floats(4, 6)},
		},
		Case{ // one group's NaN is nobody else's; 0/0 in the second: no eps
			Name: "edges", Build: norm(3, 0), NoGrad: true,
			In:   []*tensor.Tensor{matrix(6, nan, 1, 4, 4, 1, 3), Floats(1, 1, 1, 1, 1, 2), Floats(0, 0, 0, 0, 0, 1)},
			Want: []*tensor.Tensor{matrix(6, nan, nan, nan, nan, -1, 3), matrix(3, nan, 4, 2), matrix(3, nan, 0, 1)},
		},
		Case{ // without the mean, which may be Inf or NaN
			Name: "infinite", Build: one(func(in []*ir.Value) *ir.Value { return norm(2, 0)(in)[0] }), NoGrad: true,
			In:   []*tensor.Tensor{matrix(4, inf, 1, 1, 3), Floats(1, 1, 1, 2), Floats(0, 0, 0, 1)},
			Want: []*tensor.Tensor{matrix(4, nan, nan, -1, 3)},
		},
	)

	x, c := typ(dtype.Float32, 4, 6, 2), typ(dtype.Float32, 6)
	g := typ(dtype.Float32, 4, 3)
	return Table{cases, []Mistake{
		{"groups", []ir.Type{x, c, c}, func(in []*ir.Value) { norm(4, 0)(in) }, "group_norm: 6 channels do not divide in 4 groups: in0 f32[4 6 2]"},
		{"no groups", []ir.Type{x, c, c}, func(in []*ir.Value) { norm(0, 0)(in) }, "group_norm: 6 channels do not divide in 0 groups"},
		{"rank", []ir.Type{c}, func(in []*ir.Value) { ops.GroupNorm(in[0], nil, nil, 1, 0) }, "group_norm: wants an operand [B C ...]"},
		{"axis", []ir.Type{x, c, c}, func(in []*ir.Value) { onAxis(1, 0)(in) }, "group_norm: axis 0 can't hold the channels of a tensor of rank 3"},
		{"channels", []ir.Type{x, c, typ(dtype.Float32, 2)}, func(in []*ir.Value) { norm(3, 0)(in) }, "group_norm: wants f32[6] for the 6 channels on axis 1, got f32[2]"},
		{"integers", []ir.Type{typ(dtype.Int32, 4, 3)}, func(in []*ir.Value) { ops.GroupNorm(in[0], nil, nil, 1, 0) }, "wants a floating-point type, got i32"},
		{"eps", []ir.Type{x, c, c}, func(in []*ir.Value) { norm(3, -1)(in) }, "group_norm: eps -1 is negative"},
		{"operands", []ir.Type{x, c}, func(in []*ir.Value) { onAxis(3, 1)(in) }, "wants 3 operands, got 2"},
		{"grad shape", []ir.Type{x, c, g, g, c}, func(in []*ir.Value) { grad(3, 1)(in) }, "group_norm_grad: wants a gradient of the operand's type f32[4 6 2]"},
		{"grad mean", []ir.Type{x, c, c, g, x}, func(in []*ir.Value) { grad(3, 1)(in) }, "group_norm_grad: wants mean and variance f32[4 3], one element for each sample and group"},
		{"grad operands", []ir.Type{x, c, g, g}, func(in []*ir.Value) { grad(3, 1)(in) }, "wants 5 operands, got 4"},
	}}
}
