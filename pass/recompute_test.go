package pass_test

import (
	"fmt"
	"path"
	"strings"
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

// blocks is a loss of residual blocks net.0, net.1 and so on, with dropout, and
// its gradients by their weights.
func blocks(n int, backward bool) (*ir.Graph, []*tensor.Tensor) {
	gen := optest.NewGen("blocks")
	g := ir.NewGraph()
	var in []*tensor.Tensor
	input := func(kind ir.Kind, t *tensor.Tensor) *ir.Value {
		in = append(in, t)
		return g.Input(kind, fmt.Sprint("in", len(in)), ir.Type{DType: t.DType(), Shape: t.Shape()})
	}
	x := input(ir.Arg, gen.Normal(6, 4))
	seed, step := input(ir.Variable, tensor.Scalar(uint64(3))), input(ir.Variable, tensor.Scalar(uint64(1)))
	var weights []*ir.Value
	for i := range n {
		g.SetPath(fmt.Sprintf("net.%d", i))
		w := input(ir.Variable, gen.Normal(4, 4))
		g.SetPath(fmt.Sprintf("net.%d.inner", i))
		y := ops.Dropout(ops.GELU(ops.MatMul(x, w)), seed, step, 0.3, uint64(i))
		g.SetPath(fmt.Sprintf("net.%d", i))
		x = ops.Add(x, ops.Softmax(ops.MatMul(y, ops.Tanh(w)), -1))
		weights = append(weights, w)
	}
	g.SetPath("")
	l := ops.Mean(ops.Mul(x, x))
	out := []*ir.Value{l}
	if backward {
		out = append(out, grad.Of(l, weights...)...)
	}
	g.SetOutputs(out...)
	return g, in
}

// outermost finds the outermost module that one of some patterns fits, a slash
// standing for the dot.
func outermost(patterns ...string) func(path string) string {
	return func(p string) string {
		parts := strings.Split(p, ".")
		for n := range parts {
			for _, pattern := range patterns {
				if ok, _ := path.Match(pattern, strings.Join(parts[:n+1], "/")); ok {
					return strings.Join(parts[:n+1], ".")
				}
			}
		}
		return ""
	}
}

// What is computed again comes behind the gradient of the next block, and gives
// the same bits; what goes from block to block is kept.
func TestRecompute(t *testing.T) {
	for _, tc := range []struct {
		modules []string
		gelus   int // nodes, of 3 in the forward pass
		sums    int // residual sums in blocks, which are kept
	}{
		{nil, 3, 3},
		{[]string{"net/*"}, 6, 3},
		{[]string{"net/1", "net/2"}, 5, 3},
		{[]string{"net/*/inner"}, 3, 3}, // the slope of GELU is all that is asked for
		{[]string{"net/*", "net/1/inner"}, 6, 3},
		{[]string{"net"}, 6, 5}, // all of it: the last sum is kept
	} {
		t.Run(fmt.Sprint(tc.modules), func(t *testing.T) {
			g, in := blocks(3, true)
			want, err := interp.Run(g, in...)
			if err != nil {
				t.Fatal(err)
			}
			if g, err = pass.Recompute(g, outermost(tc.modules...)); err != nil {
				t.Fatal(err)
			}
			if g, err = pass.Simplify(g); err != nil {
				t.Fatal(err)
			}
			if err := g.Verify(); err != nil {
				t.Fatal(err)
			}
			gelus, sums := 0, 0
			for _, n := range g.Nodes() {
				switch op := n.Op().(type) {
				case ops.GELUOp:
					if gelus++; gelus > 3 != n.Backward() {
						t.Errorf("GELU %d: in the backward pass: %v", gelus, n.Backward())
					}
				case ops.BinaryOp:
					if _, softmax := n.In()[1].Node().Op().(ops.SoftmaxOp); op.F == ops.AddFunc && softmax {
						sums++
					}
				}
			}
			if gelus != tc.gelus || sums != tc.sums {
				t.Errorf("%d GELUs and %d residual sums, want %d and %d\n%v", gelus, sums, tc.gelus, tc.sums, g)
			}
			got, err := interp.Run(g, in...)
			if err != nil {
				t.Fatal(err)
			}
			for i, v := range want.Outputs {
				if string(v.Bytes()) != string(got.Outputs[i].Bytes()) {
					t.Errorf("output %d differs", i)
				}
			}
		})
	}
}

// Without a gradient there is nothing to compute again.
func TestRecomputeForward(t *testing.T) {
	g, _ := blocks(2, false)
	again, err := pass.Recompute(g, outermost("net/*"))
	if err != nil {
		t.Fatal(err)
	}
	if g.String() != again.String() {
		t.Errorf("%v\nbecame\n%v", g, again)
	}
}

// The mistake of a graph is kept.
func TestRecomputeMistake(t *testing.T) {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", ir.Type{DType: dtype.Float32, Shape: shape.Of(2)})
	ops.MatMul(x, ops.Sum(x))
	if _, err := pass.Recompute(g, outermost("*")); err == nil {
		t.Error("the mistake of a graph is lost")
	}
}
