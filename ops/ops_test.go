package ops_test

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

func f32(g *ir.Graph, name string, dims ...int) *ir.Value {
	return g.Input(ir.Arg, name, ir.Type{DType: dtype.Float32, Shape: shape.Of(dims...)})
}

// TestFlops counts the arithmetic of the ops that a forecast rests on.
func TestFlops(t *testing.T) {
	g := ir.NewGraph()
	x, w := f32(g, "x", 2, 6, 5, 5), f32(g, "w", 4, 3, 3, 3)
	op := ops.ConvOp{Stride: [3]int{1, 1}, Dilation: [3]int{1, 1}, Groups: 2}
	y := ops.Conv(x, w, op) // [2 4 3 3], of 3 channels and 9 taps each
	window := ops.Window{Size: [8]int{1, 1, 2, 2}, Stride: [8]int{1, 1, 2, 2}, Dilation: [8]int{1, 1, 1, 1}}
	pooled, _ := ops.MaxPool(x, window) // [2 6 2 2]
	for name, c := range map[string]struct {
		v    *ir.Value
		want int64
	}{
		"dot":         {ops.MatMul(f32(g, "a", 3, 4), f32(g, "b", 4, 5)), 2 * 3 * 4 * 5},
		"batched dot": {ops.MatMul(f32(g, "c", 7, 3, 4), f32(g, "d", 7, 4, 5)), 7 * 2 * 3 * 4 * 5},
		"conv":        {y, 2 * (2 * 4 * 3 * 3) * 3 * 9},
		"conv_input":  {ops.ConvInput(y, w, op, 5, 5), 2 * (2 * 4 * 3 * 3) * 3 * 9},
		"conv_weight": {ir.Apply1(ops.ConvWeightOp{ConvOp: op, Kernel: [3]int{3, 3}}, x, y), 2 * (2 * 4 * 3 * 3) * 3 * 9},
		"sum":         {ops.Sum(x, 0), 2 * 6 * 5 * 5},
		"max_pool":    {pooled, (2 * 6 * 2 * 2) * 4},
		"take":        {ops.Take(x, g.Input(ir.Arg, "i", ir.Type{DType: dtype.Int64, Shape: shape.Of(3)}), 0), 0},
	} {
		if g.Err() != nil {
			t.Fatal(g.Err())
		}
		n := c.v.Node()
		var in, out []ir.Type
		for _, v := range n.In() {
			in = append(in, v.Type())
		}
		for _, v := range n.Outs() {
			out = append(out, v.Type())
		}
		if got := n.Op().(ir.Coster).Flops(in, out); got != c.want {
			t.Errorf("%s: %d operations, want %d", name, got, c.want)
		}
	}
}

// TestMatrixGradientsNeedNoTranspose: of the layouts that layers use, the
// gradients are products that kernels read in place.
func TestMatrixGradientsNeedNoTranspose(t *testing.T) {
	g := ir.NewGraph()
	x := f32(g, "x", 2, 3, 4)
	for name, v := range map[string]*ir.Value{
		"linear":  ops.Linear(x, f32(g, "w", 5, 4), nil),
		"matmul":  ops.MatMul(x, f32(g, "m", 4, 5)),
		"batched": ops.MatMul(x, f32(g, "b", 2, 4, 5)),
	} {
		n := v.Node()
		from := len(g.Nodes())
		n.Op().(ir.Differentiable).Grad(n.In(), n.Outs(), []*ir.Value{ops.OnesLike(v)})
		for _, m := range g.Nodes()[from:] {
			if _, ok := m.Op().(ops.TransposeOp); ok {
				t.Errorf("%s: the gradient transposes %v", name, m.In()[0].Type())
			}
		}
	}
}

// TestBuildersAfterAMistake: once a mistake is kept every builder gives values
// whose extents can be read, of any rank, and keeps the first mistake.
func TestBuildersAfterAMistake(t *testing.T) {
	g := ir.NewGraph()
	x := f32(g, "x", 2, 3)
	i := g.Input(ir.Arg, "i", ir.Type{DType: dtype.Int64, Shape: shape.Of(2)})
	c := g.Input(ir.Arg, "c", ir.Type{DType: dtype.Bool, Shape: shape.Of(2)})
	s := g.Input(ir.Arg, "s", ir.Type{DType: dtype.Uint64})
	window := ops.Window{}
	first := ops.MatMul(x, x)
	if g.Err() == nil {
		t.Fatal("no mistake is kept")
	}
	pooled, index := ops.MaxPool(x, window)
	for name, v := range map[string]*ir.Value{
		"first": first, "matmul": ops.MatMul(x, x), "linear": ops.Linear(x, x, x), "dot": ops.DotGeneral(x, x, ops.DotSpec{XBatch: []int{9}}),
		"reshape": ops.Reshape(x, 7), "flatten": ops.Flatten(x, 9), "unsqueeze": ops.Unsqueeze(x, 9), "transpose": ops.Transpose(x, 4), "swap": ops.SwapAxes(x, 7, 8),
		"broadcast": ops.BroadcastInDim(x, shape.Of(2), 9), "add": ops.Add(x, i), "select": ops.Select(c, x, i), "sum": ops.Sum(x, 9), "mean": ops.Mean(i, 9),
		"keep": ops.KeepDims(x, x, 9), "slice": ops.Slice(x, nil, nil, nil), "narrow": ops.Narrow(x, 9, 0, 1), "pad": ops.Pad(x, i, nil, nil, nil), "concat": ops.Concat(9, x, i),
		"take": ops.Take(x, x, 9), "index_add": ops.IndexAdd(x, x, x, 9), "gather": ops.Gather(x, x, 9), "scatter_add": ops.ScatterAdd(x, x, x, 9), "argmax": ops.ArgMax(x, 9),
		"iota": ops.Iota(g, dtype.Bool, shape.Of(2), 9), "random": ops.RandomBits(x, s, 0, shape.Of(2)), "conv": ops.Conv(x, i, ops.ConvOp{}), "conv_input": ops.ConvInput(x, i, ops.ConvOp{}),
		"flip": ops.Flip(x, 9), "squeeze": ops.Squeeze(x, 9), "expand": ops.Expand(x, 9), "move_axis": ops.MoveAxis(x, 9, 0), "stack": ops.Stack(9, x, i), "tile": ops.Tile(x, -1),
		"roll": ops.Roll(x, nil, nil), "pad_reflect": ops.PadReflect(x, nil, nil), "einsum": ops.Einsum("?", x), "diagonal": ops.Diagonal(x, 0, 9, 9), "one_hot": ops.OneHot(x, -1, dtype.Bool),
		"dynamic_slice": ops.DynamicNarrow(x, 9, x, 9), "dynamic_update": ops.DynamicUpdateAxis(x, x, 9, x), "cumsum": ops.CumSum(x, 9), "argsort": ops.ArgSort(x, 9, true), "quantile": ops.Quantile(x, 7, 9),
		"scatter_set": ops.ScatterSet(x, x, x, 9), "gather_nd": ops.GatherND(x), "index_put": ops.IndexPut(x, x), "embedding_bag": ops.EmbeddingBag(x, x, nil, nil, 9, nil), "cholesky": ops.Cholesky(x),
		"solve": ops.Solve(x, x), "inverse": ops.InverseMatrix(x), "rfft": ops.RFFT(x, 9), "irfft": ops.IRFFT(x, 0, 9),
		"max_pool": pooled, "max_pool index": index, "avg_pool": ops.AvgPool(x, window, true),
	} {
		for axis := range shape.MaxRank {
			if v.Shape().Rank() != shape.MaxRank || v.Shape().Dim(axis) != 1 {
				t.Errorf("%s: the stand-in has shape %v", name, v.Shape())
				break
			}
		}
	}
	if !strings.HasPrefix(g.Err().Error(), "matmul: inner sizes differ") {
		t.Errorf("the mistake became %v", g.Err())
	}
}
