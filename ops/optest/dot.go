package optest

import (
	"strings"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// einsum writes a product by an equation such as "bmk,bkn->bmn": letters in
// both operands and the result are batch axes, letters in both operands alone
// are summed over.
func einsum(equation string, x, y *ir.Value) *ir.Value {
	operands, result, _ := strings.Cut(equation, "->")
	a, b, _ := strings.Cut(operands, ",")
	var s ops.DotSpec
	var got string // the letters of what DotGeneral gives
	for i, c := range a {
		j := strings.IndexRune(b, c)
		switch {
		case j < 0:
		case strings.ContainsRune(result, c):
			s.XBatch, s.YBatch = append(s.XBatch, i), append(s.YBatch, j)
			got += string(c)
		default:
			s.XContract, s.YContract = append(s.XContract, i), append(s.YContract, j)
		}
	}
	for _, free := range [][2]string{{a, b}, {b, a}} {
		for _, c := range free[0] {
			if !strings.ContainsRune(free[1], c) {
				got += string(c)
			}
		}
	}
	perm := make([]int, len(result))
	for i, c := range result {
		perm[i] = strings.IndexRune(got, c)
	}
	return ops.Transpose(ops.DotGeneral(x, y, s), perm...)
}

func dot() Table {
	cases := Golden("dot_general", func(_ string, a Attrs) func([]*ir.Value) []*ir.Value {
		return both(func(x, y *ir.Value) *ir.Value { return einsum(a.Text("equation"), x, y) })
	})
	gen := NewGen("dot")
	for _, c := range []struct {
		equation string
		x, y     []int
	}{
		{"mk,kn->mn", []int{3, 4}, []int{4, 5}}, {"mk,nk->mn", []int{3, 4}, []int{5, 4}}, {"km,kn->mn", []int{4, 3}, []int{4, 5}}, {"km,nk->mn", []int{4, 3}, []int{5, 4}},
		{"bmk,bkn->bmn", []int{2, 3, 4}, []int{2, 4, 5}}, {"mbk,nbk->bmn", []int{3, 2, 4}, []int{5, 2, 4}}, {"btk,nk->btn", []int{2, 3, 4}, []int{5, 4}},
		{"klm,lnk->mn", []int{2, 3, 4}, []int{3, 5, 2}}, {"abm,nba->mn", []int{2, 3, 4}, []int{5, 3, 2}}, {"m,n->mn", []int{3}, []int{4}}, {"k,k->", []int{5}, []int{5}},
		{"b,b->b", []int{5}, []int{5}}, {"bqhd,bkhd->bhqk", []int{2, 3, 2, 4}, []int{2, 5, 2, 4}}, {"pabq,arb->pqr", []int{2, 2, 3, 2}, []int{2, 4, 3}},
		{"mk,kn->mn", []int{3, 0}, []int{0, 5}}, {"mk,kn->mn", []int{0, 3}, []int{3, 5}}, {"mk,kn->mn", []int{1, 1}, []int{1, 1}},
	} {
		cases = append(cases, Case{Name: c.equation + "_" + shapeOf(c.x).String(), In: []*tensor.Tensor{gen.Normal(c.x...), gen.Normal(c.y...)}, Smooth: true,
			Build: both(func(x, y *ir.Value) *ir.Value { return einsum(c.equation, x, y) })})
	}
	for _, c := range []struct{ x, y []int }{{[]int{67, 129}, []int{129, 33}}, {[]int{1, 300}, []int{300, 17}}, {[]int{130, 7}, []int{7, 1}}} {
		cases = append(cases,
			Case{Name: "large_" + shapeOf(c.x).String(), In: []*tensor.Tensor{gen.Normal(c.x...), gen.Normal(c.y...)}, Build: both(ops.MatMul), NoGrad: true})
	}
	for name, c := range map[string]struct{ x, y, out []int }{
		"vectors": {[]int{4}, []int{4}, []int{}}, "matrix_vector": {[]int{3, 4}, []int{4}, []int{3}}, "vector_matrix": {[]int{4}, []int{4, 5}, []int{5}},
		"matrices": {[]int{3, 4}, []int{4, 5}, []int{3, 5}}, "batched": {[]int{2, 3, 4}, []int{2, 4, 5}, []int{2, 3, 5}}, "tensor_matrix": {[]int{2, 2, 3, 4}, []int{4, 5}, []int{2, 2, 3, 5}},
		"matrix_tensor": {[]int{3, 4}, []int{2, 4, 5}, []int{2, 3, 5}}, "broadcast": {[]int{2, 1, 3, 4}, []int{3, 4, 2}, []int{2, 3, 3, 2}}, "vector_tensor": {[]int{4}, []int{2, 3, 4, 5}, []int{2, 3, 5}},
		"tensor_vector": {[]int{2, 3, 4}, []int{4}, []int{2, 3}},
	} {
		x, y := gen.Normal(c.x...), gen.Normal(c.y...)
		cases = append(cases, Case{Name: "matmul_" + name, In: []*tensor.Tensor{x, y}, Build: both(ops.MatMul), Want: []*tensor.Tensor{matmul(x, y, c.out)}, Smooth: true})
	}
	linear := one(func(in []*ir.Value) *ir.Value { return ops.Linear(in[0], in[1], in[2]) })
	cases = append(cases,
		Case{Name: "linear", In: []*tensor.Tensor{gen.Normal(3, 4), gen.Normal(5, 4), gen.Normal(5)}, Build: linear, Smooth: true},
		Case{Name: "linear_no_bias", In: []*tensor.Tensor{gen.Normal(3, 4), gen.Normal(5, 4), nil}, Build: linear, Smooth: true},
		Case{Name: "linear_vector", In: []*tensor.Tensor{gen.Normal(4), gen.Normal(5, 4), gen.Normal(5)}, Build: linear, Smooth: true},
		Case{Name: "linear_rank3", In: []*tensor.Tensor{gen.Normal(2, 3, 4), gen.Normal(5, 4), gen.Normal(5)}, Build: linear, Smooth: true},
		Case{Name: "ints", In: []*tensor.Tensor{gen.Ints(dtype.Int64, -9, 9, 3, 4), gen.Ints(dtype.Int64, -9, 9, 4, 2)}, Build: both(ops.MatMul), NoGrad: true},
		Case{Name: "ints_wrap", In: []*tensor.Tensor{tensor.Must(tensor.Of([]int32{1 << 30, 1})), tensor.Must(tensor.Of([]int32{4, 3}))}, Build: both(ops.MatMul), Want: []*tensor.Tensor{tensor.Scalar(int32(3))}, NoGrad: true},
	)
	f := func(dims ...int) ir.Type { return typ(dtype.Float32, dims...) }
	matmulOf := func(in []*ir.Value) { ops.MatMul(in[0], in[1]) }
	general := func(s ops.DotSpec) func(in []*ir.Value) {
		return func(in []*ir.Value) { ops.DotGeneral(in[0], in[1], s) }
	}
	return Table{Cases: cases, Mistakes: []Mistake{
		{"inner", []ir.Type{f(3, 4), f(3, 4)}, matmulOf, "matmul: inner sizes differ: 4 and 3: in0 f32[3 4], in1 f32[3 4]"},
		{"scalar", []ir.Type{f(), f(3, 4)}, matmulOf, "matmul: wants operands of rank 1 and up"},
		{"batch", []ir.Type{f(2, 3, 4), f(3, 4, 5)}, matmulOf, "matmul: shapes [2] and [3] do not broadcast"},
		{"types", []ir.Type{f(3, 4), typ(dtype.Float64, 4, 5)}, matmulOf, "dot: element types differ"},
		{"bools", []ir.Type{typ(dtype.Bool, 3, 4), typ(dtype.Bool, 4, 5)}, matmulOf, "dot: is not defined for bool"},
		{"weight", []ir.Type{f(3, 4), f(4, 5)}, func(in []*ir.Value) { ops.Linear(in[0], in[1], nil) }, "linear: wants x [... I] and weight [O I]"},
		{"bias", []ir.Type{f(3, 4), f(5, 4), f(4)}, func(in []*ir.Value) { ops.Linear(in[0], in[1], in[2]) }, "linear: wants a bias of 5 elements"},
		{"pairs", []ir.Type{f(3, 4), f(4, 5)}, general(ops.DotSpec{XContract: []int{1}}), "dot: wants as many axes of x as of y"},
		{"outside", []ir.Type{f(3, 4), f(4, 5)}, general(ops.DotSpec{XContract: []int{2}, YContract: []int{0}}), "dot: axis 2 of operand 0"},
		{"twice", []ir.Type{f(4, 4), f(4, 4)}, general(ops.DotSpec{XBatch: []int{0}, YBatch: []int{0}, XContract: []int{1}, YContract: []int{0}}), "dot: axis 0 of operand 1"},
		{"rank", []ir.Type{f(1, 1, 1, 1, 1), f(1, 1, 1, 1, 1)}, general(ops.DotSpec{}), "at most 8"},
	}}
}

// matmul is the product of matrices or vectors, batched over leading axes, by
// torch.matmul's rule: the definition, without a graph.
func matmul(x, y *tensor.Tensor, out []int) *tensor.Tensor {
	xd, yd := x.Shape().Dims(), y.Shape().Dims()
	if len(xd) == 1 {
		xd = []int{1, xd[0]}
	}
	if len(yd) == 1 {
		yd = append(yd, 1)
	}
	m, k, n := xd[len(xd)-2], xd[len(xd)-1], yd[len(yd)-1]
	batch := out // of the result, before its matrix
	if x.Shape().Rank() > 1 {
		batch = batch[:len(batch)-1]
	}
	if y.Shape().Rank() > 1 {
		batch = batch[:len(batch)-1]
	}
	z := tensor.New(dtype.Float64, shapeOf(out))
	for i := range z.Size() {
		b, row, col := i/(m*n), i/n%m, i%n
		xb, yb := stretched(b, batch, xd[:len(xd)-2]), stretched(b, batch, yd[:len(yd)-2])
		sum := 0.0
		for j := range k {
			sum += x.Float((xb*m+row)*k+j) * y.Float((yb*k+j)*n+col)
		}
		z.SetFloat(i, sum)
	}
	return z
}

// stretched turns a position in a shape into the one in a shape that broadcasts to it.
func stretched(at int, to, from []int) (pos int) {
	stride := 1
	for a := 1; a <= len(to); a++ {
		d := to[len(to)-a]
		if a <= len(from) && from[len(from)-a] != 1 {
			pos += at % d * stride
			stride *= d
		}
		at /= d
	}
	return pos
}
