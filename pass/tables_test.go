package pass_test

import (
	"fmt"
	"math"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/ops/optest"
	"github.com/gradus-ml/gradus/pass"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// The most rows of any product of a layer above an embedding, and of its
// gradients, are those of a small table; the results are the same.
func TestTables(t *testing.T) {
	for _, tc := range []struct {
		name               string
		vocabulary, width  int
		idx                shape.Shape
		axis               int
		weightFirst, other bool // the weight is the first operand; the rows have another reader
		rows               int  // most of a product
	}{
		{"small table", 5, 64, shape.Of(2, 7), 0, false, false, 5},
		{"one sequence", 5, 64, shape.Of(12), 0, false, false, 5},
		{"rows read elsewhere", 5, 64, shape.Of(2, 7), 0, false, true, 14},
		{"weight first", 5, 64, shape.Of(12), 0, true, false, 12},
		{"large table", 20, 64, shape.Of(2, 7), 0, false, false, 14},
		{"narrow table", 5, 63, shape.Of(2, 7), 0, false, false, 14},
		{"columns", 64, 64, shape.Of(130), 1, false, false, 64},
	} {
		t.Run(tc.name, func(t *testing.T) {
			gen, g := optest.NewGen("tables"), ir.NewGraph()
			var args []*tensor.Tensor
			arg := func(v *tensor.Tensor) *ir.Value {
				args = append(args, v)
				return g.Input(ir.Arg, fmt.Sprint("in", len(args)), ir.Type{DType: v.DType(), Shape: v.Shape()})
			}
			table, idx := arg(gen.Normal(tc.vocabulary, tc.width)), arg(gen.Ints(dtype.Int64, 0, tc.vocabulary, tc.idx.Dims()...))
			x := ops.Take(table, idx, tc.axis)
			w := arg(gen.Normal(3, x.Dim(-1)))
			y := ops.Linear(x, w, nil)
			if tc.weightFirst {
				y = ops.MatMul(w, ops.Transpose(x, 1, 0))
			}
			seeds := []*ir.Value{arg(gen.Normal(y.Shape().Dims()...))}
			out := []*ir.Value{y}
			if tc.other {
				out, seeds = append(out, ops.Neg(x)), append(seeds, arg(gen.Normal(x.Shape().Dims()...)))
			}
			g.SetOutputs(append(grad.VJP(out, seeds, table, w), out...)...)
			g, err := pass.Simplify(g)
			if err != nil {
				t.Fatal(err)
			}
			to, err := pass.Tables(g)
			if err != nil {
				t.Fatal(err)
			}
			if to, err = pass.Simplify(to); err != nil {
				t.Fatal(err)
			}
			if err := to.Verify(); err != nil {
				t.Fatal(err)
			}
			most := 0
			for _, n := range to.Nodes() {
				if op, ok := n.Op().(ops.DotOp); ok {
					flops := op.Flops([]ir.Type{n.In()[0].Type(), n.In()[1].Type()}, []ir.Type{n.Out(0).Type()})
					most = max(most, int(flops)/2/3/w.Dim(1))
				}
			}
			if most != tc.rows {
				t.Errorf("a product has %d rows, want %d:\n%v", most, tc.rows, to)
			}
			want, err := interp.Run(g, args...)
			if err != nil {
				t.Fatal(err)
			}
			got, err := interp.Run(to, args...)
			if err != nil {
				t.Fatal(err)
			}
			for i := range want.Outputs {
				for k := range want.Outputs[i].Size() {
					if a, b := got.Outputs[i].Float(k), want.Outputs[i].Float(k); !(math.Abs(a-b) <= 1e-12*(1+math.Abs(b))) {
						t.Fatalf("output %d: element %d is %g, was %g", i, k, a, b)
					}
				}
			}
		})
	}
}
