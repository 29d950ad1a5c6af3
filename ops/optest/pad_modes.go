package optest

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

func padModes() Table {
	modes := map[string]func(x *ir.Value, lo, hi []int) *ir.Value{"reflect": ops.PadReflect, "replicate": ops.PadReplicate, "circular": ops.PadCircular}
	var cases []Case
	for name, pad := range modes {
		cases = append(cases, moves("pad_"+name, func(a Attrs, in []*ir.Value) []*ir.Value { return only(pad(in[0], a.Ints("low"), a.Ints("high"))) })...)
		cases = append(cases, copies(name+" every axis", []int{3, 4}, func(x *ir.Value) *ir.Value { return pad(x, []int{1, 2}, []int{2, 3}) })...)
		cases = append(cases, copies(name+" scalar", nil, func(x *ir.Value) *ir.Value { return pad(x, nil, nil) })...)
		cases = append(cases, copies(name+" no rows", []int{0, 3}, func(x *ir.Value) *ir.Value { return pad(x, []int{0, 1}, []int{0, 2}) })...)
	}
	cases = append(cases, copies("constant", []int{3, 4}, func(x *ir.Value) *ir.Value { return ops.PadConstant(x, 1, []int{1, -1}, []int{0, 2}) })...)
	x, y := []ir.Type{typ(dtype.Float32, 4, 3)}, []ir.Type{typ(dtype.Float32, 0, 3)}
	return Table{cases, []Mistake{
		{"constant", x, func(in []*ir.Value) { ops.PadConstant(in[0], 0, []int{1}, []int{1}) }, "pad: wants lo, hi and interior for 2 axes, got [1], [1] and []"},
		{"reflect", x, func(in []*ir.Value) { ops.PadReflect(in[0], []int{0, 3}, []int{0, 0}) }, "pad_reflect: axis 1 of 3 elements can't be widened by 3 and 0: in0 f32[4 3]"},
		{"circular", x, func(in []*ir.Value) { ops.PadCircular(in[0], []int{0, 0}, []int{0, 4}) }, "pad_circular: axis 1 of 3 elements can't be widened by 0 and 4"},
		{"negative", x, func(in []*ir.Value) { ops.PadReplicate(in[0], []int{-1, 0}, []int{0, 0}) }, "pad_replicate: axis 0 of 4 elements can't be widened by -1 and 0"},
		{"empty", y, func(in []*ir.Value) { ops.PadReplicate(in[0], []int{1, 0}, []int{0, 0}) }, "pad_replicate: axis 0 of 0 elements can't be widened by 1 and 0"},
		{"rank", x, func(in []*ir.Value) { ops.PadReflect(in[0], []int{1}, []int{1}) }, "pad_reflect: wants lo and hi for 2 axes, got [1] and [1]"},
	}}
}
