package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

func axes() Table {
	cases := moves("squeeze", func(a Attrs, in []*ir.Value) []*ir.Value { return only(ops.Squeeze(in[0], a.Ints("axes")...)) })
	cases = append(cases, moves("expand", func(a Attrs, in []*ir.Value) []*ir.Value { return only(ops.Expand(in[0], a.Ints("dims")...)) })...)
	cases = append(cases, moves("move_axis", func(a Attrs, in []*ir.Value) []*ir.Value {
		return only(ops.MoveAxis(in[0], a.Int("source"), a.Int("target")))
	})...)
	cases = append(cases, copies("squeezed", []int{2, 1, 3, 1}, func(x *ir.Value) *ir.Value { return ops.Squeeze(x, 1) })...)
	cases = append(cases, copies("expanded", []int{2, 1, 3}, func(x *ir.Value) *ir.Value { return ops.Expand(x, 4, -1, 5, -1) })...)
	cases = append(cases, copies("moved", []int{2, 3, 4, 5}, func(x *ir.Value) *ir.Value { return ops.MoveAxis(x, 1, -2) })...)
	x := []ir.Type{typ(dtype.Float32, 4, 1)}
	return Table{cases, []Mistake{
		{"squeeze", x, func(in []*ir.Value) { ops.Squeeze(in[0], 0) }, "squeeze: axis 0 has 4 elements, not 1: in0 f32[4 1]"},
		{"squeeze axis", x, func(in []*ir.Value) { ops.Squeeze(in[0], 2) }, "squeeze: axis 2 is outside a tensor of rank 2"},
		{"expand", x, func(in []*ir.Value) { ops.Expand(in[0], 3, 2) }, "broadcast: axis 0 has 4 elements and can't become 3"},
		{"expand rank", x, func(in []*ir.Value) { ops.Expand(in[0], 4) }, "expand: [4] has fewer axes than [4 1]"},
		{"expand new axis", x, func(in []*ir.Value) { ops.Expand(in[0], -1, 4, 1) }, "expand: shape: axis 0 of [-1 4 1] is negative"},
		{"move", x, func(in []*ir.Value) { ops.MoveAxis(in[0], 0, 2) }, "move_axis: axes 0 and 2 are not both inside a tensor of rank 2"},
	}}
}
