package optest

import (
	"fmt"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func einsums() Table {
	sum := func(equation string) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value { return ops.Einsum(equation, in...) })
	}
	cases := of("einsum", "einsum", func(a Attrs, in []*ir.Value) []*ir.Value { return only(ops.Einsum(a.Text("equation"), in...)) })
	gen := NewGen("einsum")
	for _, c := range []struct {
		equation string
		dims     [][]int
	}{
		{"bij,bjk->bik", [][]int{{2, 3, 4}, {2, 4, 5}}}, {"ij,jk,kl->il", [][]int{{2, 3}, {3, 4}, {4, 2}}}, {"ii,ij->j", [][]int{{3, 3}, {3, 2}}},
		{"...i,oij,...j->...o", [][]int{{2, 3, 2}, {4, 2, 3}, {2, 3, 3}}}, {"i,i,i->i", [][]int{{3}, {3}, {3}}}, {"ij,ij->i", [][]int{{2, 3}, {1, 3}}},
	} {
		var in, whole []*tensor.Tensor
		for _, d := range c.dims {
			in, whole = append(in, gen.Normal(d...)), append(whole, gen.Ints(dtype.Int64, -5, 5, d...))
		}
		cases = append(cases, Case{Name: c.equation, In: in, Build: sum(c.equation), Smooth: true},
			Case{Name: c.equation + "_of_i64", In: whole, Build: sum(c.equation), NoGrad: true})
	}
	x, y := typ(dtype.Float32, 4, 3), typ(dtype.Float32, 3, 5)
	var mistakes []Mistake
	for i, m := range []struct {
		equation string
		in       []ir.Type
		want     string
	}{
		{"ij,jk->iq", []ir.Type{x, y}, `einsum: no operand has the axis q, in "ij,jk->i[q]": in0 f32[4 3], in1 f32[3 5]`},
		{"ij,kj->ik", []ir.Type{x, y}, `einsum: an axis of operand 1 has 5 elements, before it had 3, in "ij,k[j]->ik"`},
		{"ij,jk->ikk", []ir.Type{x, y}, `einsum: the result has the axis k twice, in "ij,jk->ik[k]"`},
		{"ij,jkl->il", []ir.Type{x, y}, `einsum: operand 1 has 2 axes, the equation names 3, in "ij,[jkl]->il"`},
		{"ij,j->i", []ir.Type{x, y}, `einsum: operand 1 has 2 axes, the equation names 1, in "ij,[j]->i"`},
		{"ij->i", []ir.Type{x, y}, `einsum: names 1 operands, there are 2, in "[ij]->i"`},
		{"ij,jk,kl->il", []ir.Type{x, y}, `einsum: names more operands than the 2 that there are, in "ij,jk,[kl]->il"`},
		{"ii", []ir.Type{x}, `einsum: a diagonal of operand 0 has axes of 4 and 3 elements, in "i[i]"`},
		{"i1", []ir.Type{x}, `einsum: wants letters and at most one ... an operand, in "i[1]"`},
		{"...i...", []ir.Type{x}, `einsum: wants letters and at most one ... an operand, in "...i[.].."`},
		{"i..", []ir.Type{x}, `einsum: wants letters and at most one ... an operand, in "i[.]."`},
		{"ij->i->j", []ir.Type{x}, `einsum: wants letters and at most one ... an operand, in "ij->i[-]>j"`},
		{"...,...", []ir.Type{x, y}, `einsum: an axis of operand 1 has 3 elements, before it had 4, in "...,[...]"`},
		{"abcde,fghij", []ir.Type{typ(dtype.Float32, 1, 1, 1, 1, 1), typ(dtype.Float32, 1, 1, 1, 1, 1)}, `einsum: the result has 10 axes, at most 8 are supported`},
		{"ij,jk->ik", []ir.Type{x, typ(dtype.Float64, 3, 5)}, `dot: element types differ`},
	} {
		mistakes = append(mistakes, Mistake{fmt.Sprint(i), m.in, func(in []*ir.Value) { ops.Einsum(m.equation, in...) }, m.want})
	}
	return Table{cases, mistakes}
}
