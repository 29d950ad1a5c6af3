package optest

import (
	"math"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func eigh() Table {
	cases := linear("eigh", func(_ Attrs, in []*ir.Value) []*ir.Value { return pair(ops.Eigh(in[0])) })
	gen, nan := NewGen("eigh"), math.NaN()
	decompose := func(in []*ir.Value) []*ir.Value { return pair(ops.Eigh(gram(in[0]))) }
	for name, dims := range map[string][]int{"one": {1, 1}, "three": {3, 3}, "batch": {2, 3, 4}, "none": {0, 2, 2}} {
		cases = append(cases, Case{Name: name, In: []*tensor.Tensor{gen.Normal(dims...)}, Build: decompose, Smooth: true})
	}
	for i, name := range []string{"values alone", "vectors alone"} {
		cases = append(cases, Case{Name: name, In: []*tensor.Tensor{gen.Normal(3, 3)}, Smooth: true, Build: func(in []*ir.Value) []*ir.Value { return decompose(in)[i : i+1] }})
	}
	direct := func(in []*ir.Value) []*ir.Value { return pair(ops.Eigh(in[0])) }
	h := math.Sqrt(0.5)
	cases = append(cases,
		Case{Name: "of nothing", In: []*tensor.Tensor{gen.Normal(2, 0, 0)}, Build: direct},
		Case{Name: "the upper triangle is not read", In: []*tensor.Tensor{square(2, nan, 1, 2)}, Build: direct, NoGrad: true, Want: []*tensor.Tensor{Floats(1, 3), square(h, h, -h, h)}},
		Case{Name: "zero diagonal", In: []*tensor.Tensor{square(0, 1, 1, 0)}, Build: direct, NoGrad: true, Want: []*tensor.Tensor{Floats(-1, 1), square(h, h, -h, h)}},
		Case{Name: "diagonal", In: []*tensor.Tensor{square(3, 0, 0, -1)}, Build: direct, NoGrad: true, Want: []*tensor.Tensor{Floats(-1, 3), square(0, 1, 1, 0)}},
		Case{Name: "nan", In: []*tensor.Tensor{square(3, 0, nan, -1)}, Build: direct, NoGrad: true, Want: []*tensor.Tensor{Floats(nan, nan), square(nan, nan, nan, nan)}},
	)
	return Table{cases, squareMistakes("eigh", func(a *ir.Value) *ir.Value {
		w, _ := ops.Eigh(a)
		return w
	})}
}
