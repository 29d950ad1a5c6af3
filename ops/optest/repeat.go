package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

func repeat() Table {
	cases := moves("tile", func(a Attrs, in []*ir.Value) []*ir.Value { return only(ops.Tile(in[0], a.Ints("repeats")...)) })
	cases = append(cases, moves("repeat_interleave", func(a Attrs, in []*ir.Value) []*ir.Value {
		return only(ops.RepeatInterleave(in[0], a.Int("n"), a.Int("axis")))
	})...)
	cases = append(cases, moves("roll", func(a Attrs, in []*ir.Value) []*ir.Value {
		return only(ops.Roll(in[0], a.Ints("shifts"), a.Ints("axes")))
	})...)
	cases = append(cases, copies("tiled", []int{2, 3}, func(x *ir.Value) *ir.Value { return ops.Tile(x, 2, 1, 3) })...)
	cases = append(cases, copies("repeated", []int{2, 3, 2}, func(x *ir.Value) *ir.Value { return ops.RepeatInterleave(x, 3, -2) })...)
	cases = append(cases, copies("rank8", []int{1, 2, 1, 2, 1, 2, 1, 2}, func(x *ir.Value) *ir.Value { return ops.RepeatInterleave(ops.Tile(x, 2, 2), 3, 0) })...)
	cases = append(cases, copies("rolled", []int{3, 5}, func(x *ir.Value) *ir.Value { return ops.Roll(x, []int{-1, 7}, []int{0, 1}) })...)
	x := []ir.Type{typ(dtype.Float32, 4, 3)}
	return Table{cases, []Mistake{
		{"tile", x, func(in []*ir.Value) { ops.Tile(in[0], 2, -1) }, "tile: can't repeat [4 3] by [2 -1]: in0 f32[4 3]"},
		{"tile rank", x, func(in []*ir.Value) { ops.Tile(in[0], 1, 1, 1, 1, 1, 1, 1, 1, 1) }, "tile: can't repeat [4 3] by [1 1 1 1 1 1 1 1 1]"},
		{"repeat", x, func(in []*ir.Value) { ops.RepeatInterleave(in[0], -1, 0) }, "repeat_interleave: can't repeat -1 times"},
		{"repeat axis", x, func(in []*ir.Value) { ops.RepeatInterleave(in[0], 2, -3) }, "repeat_interleave: axis -3 is outside a tensor of rank 2"},
		{"roll", x, func(in []*ir.Value) { ops.Roll(in[0], []int{1}, []int{0, 1}) }, "roll: wants one shift for each axis"},
		{"roll axis", x, func(in []*ir.Value) { ops.Roll(in[0], []int{1}, []int{2}) }, "roll: axis 2 is outside a tensor of rank 2"},
	}}
}
