package optest

import (
	"math"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

func embeddingBag() Table {
	modes := map[string]ops.BagFunc{"sum": ops.SumBag, "mean": ops.MeanBag, "max": ops.MaxBag}
	bag := func(f ops.BagFunc, padding *int) func(in []*ir.Value) []*ir.Value {
		return one(func(in []*ir.Value) *ir.Value {
			in = append(in[:len(in):len(in)], nil, nil)
			return ops.EmbeddingBag(in[0], in[1], in[2], in[3], f, padding)
		})
	}
	cases := of("scatter", "embedding_bag", func(a Attrs, in []*ir.Value) []*ir.Value {
		var padding *int
		if a.Has("padding_idx") {
			padding = new(a.Int("padding_idx"))
		}
		return bag(modes[a.Text("mode")], padding)(in)
	})
	gen := NewGen("embedding_bag")
	words, offsets := gen.Ints(dtype.Int32, 0, 5, 9), tensor.Must(tensor.Of([]int32{0, 3, 3, 7}))
	for name, f := range modes {
		cases = append(cases,
			Case{Name: name, In: []*tensor.Tensor{gen.Apart(5, 3), words, offsets}, Build: bag(f, new(2)), NoGrad: f == ops.MaxBag, Smooth: f != ops.MaxBag},
			Case{Name: name + " outside", In: []*tensor.Tensor{tensor.Must(Floats(1, 2).Reshape(2, 1)), tensor.Must(tensor.Of([]int64{0, 5, 1, 1}, 2, 2))}, Build: bag(f, nil), NoGrad: true,
				Want: []*tensor.Tensor{tensor.Must(Floats(math.NaN(), map[ops.BagFunc]float64{ops.SumBag: 4, ops.MeanBag: 2, ops.MaxBag: 2}[f]).Reshape(2, 1))}})
	}
	cases = append(cases, Case{Name: "scaled", In: []*tensor.Tensor{gen.Normal(5, 3), words, offsets, gen.Normal(9)}, Build: bag(ops.SumBag, nil), Smooth: true})
	w, m, i, s := typ(dtype.Float32, 4, 3), typ(dtype.Int64, 2, 5), typ(dtype.Int64, 5), typ(dtype.Float32, 2, 5)
	return Table{cases, []Mistake{
		{"weight", []ir.Type{i, m}, func(in []*ir.Value) { bag(0, nil)(in) }, "embedding_bag: wants weight [V D] of a floating-point type: in0 i64[5]"},
		{"index", []ir.Type{w, s}, func(in []*ir.Value) { bag(0, nil)(in) }, "embedding_bag: wants an index of an integer type, got f32"},
		{"no offsets", []ir.Type{w, i}, func(in []*ir.Value) { bag(0, nil)(in) }, "embedding_bag: wants an index [B L], or offsets"},
		{"offsets", []ir.Type{w, m, i}, func(in []*ir.Value) { bag(0, nil)(in) }, "embedding_bag: wants an index [N] and whole offsets [B]"},
		{"scale", []ir.Type{w, i, i, s}, func(in []*ir.Value) { bag(0, nil)(in) }, "embedding_bag: wants one scale a word, of the weight's type"},
		{"scaled mean", []ir.Type{w, i, i, s}, func(in []*ir.Value) { bag(ops.MeanBag, nil)(in) }, "embedding_bag: scales the rows of sums alone"},
		{"mode", []ir.Type{w, m}, func(in []*ir.Value) { bag(9, nil)(in) }, "embedding_bag: combines by sum, mean or max only"},
	}}
}
