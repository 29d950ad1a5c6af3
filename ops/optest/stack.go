package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

func stack() Table {
	cases := moves("stack", func(a Attrs, in []*ir.Value) []*ir.Value { return only(ops.Stack(a.Int("axis"), in...)) })
	cases = append(cases, moves("split", func(a Attrs, in []*ir.Value) []*ir.Value {
		return ops.Split(in[0], a.Int("axis"), a.Ints("lengths")...)
	})...)
	cases = append(cases, moves("chunk", func(a Attrs, in []*ir.Value) []*ir.Value { return ops.Chunk(in[0], a.Int("n"), a.Int("axis")) })...)
	cases = append(cases, moves("unbind", func(a Attrs, in []*ir.Value) []*ir.Value { return ops.Unbind(in[0], a.Int("axis")) })...)
	cases = append(cases, copies("there and back", []int{3, 4}, func(x *ir.Value) *ir.Value { return ops.Stack(-1, ops.Unbind(x, 1)...) })...)
	cases = append(cases, copies("chunk of nothing", []int{0, 4}, func(x *ir.Value) *ir.Value { return ops.Chunk(x, 3, 0)[0] })...)
	x, y := typ(dtype.Float32, 4, 3), typ(dtype.Float32, 3)
	return Table{cases, []Mistake{
		{"stack", []ir.Type{x, y}, func(in []*ir.Value) { ops.Stack(0, in...) }, "stack: wants operands of one type: in0 f32[4 3], in1 f32[3]"},
		{"stack axis", []ir.Type{y, y}, func(in []*ir.Value) { ops.Stack(2, in...) }, "axis 2 is outside a tensor of rank 1"},
		{"split", []ir.Type{x}, func(in []*ir.Value) { ops.Split(in[0], 0, 1, 2) }, "split: lengths [1 2] add up to 3, axis 0 has 4 elements: in0 f32[4 3]"},
		{"split axis", []ir.Type{x}, func(in []*ir.Value) { ops.Split(in[0], 2, 4) }, "split: axis 2 is outside a tensor of rank 2"},
		{"split length", []ir.Type{x}, func(in []*ir.Value) { ops.Split(in[0], 0, 5, -1) }, "slice: axis 0 of 4 elements has no slice 0:5:1"},
		{"chunk", []ir.Type{x}, func(in []*ir.Value) { ops.Chunk(in[0], 0, 0) }, "chunk: can't make 0 parts"},
		{"chunk axis", []ir.Type{x}, func(in []*ir.Value) { ops.Chunk(in[0], 2, 2) }, "axis 2 is outside a tensor of rank 2"},
		{"unbind axis", []ir.Type{x}, func(in []*ir.Value) { ops.Unbind(in[0], 2) }, "axis 2 is outside a tensor of rank 2"},
	}}
}
