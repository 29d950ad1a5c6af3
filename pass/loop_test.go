package pass_test

import (
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/pass"
	"github.com/gradus-ml/gradus/shape"
)

// A recurrent net in mixed precision keeps its carries in float32, multiplies in
// 16 bits, forwards and backwards, and gives gradients in float32.
func TestAutocastInLoops(t *testing.T) {
	g := ir.NewGraph()
	f32 := func(dims ...int) *ir.Value {
		return g.Input(ir.Arg, "", ir.Type{DType: dtype.Float32, Shape: shape.Of(dims...)})
	}
	x, h, w, u := f32(5, 2, 3), f32(2, 4), f32(3, 4), f32(4, 4)
	leave := pass.Autocast(g, dtype.BFloat16)
	c, ys := ops.Scan(values{h}, values{x}, func(c, x values) (next, ys values) {
		h := ops.Tanh(ops.Add(ops.MatMul(x[0], w), ops.MatMul(c[0], u)))
		return values{h}, values{h}
	})
	last := ops.While(c, func(c values) *ir.Value {
		return ops.Gt(ops.Sum(c[0]), ops.Scalar(c[0], 1))
	}, func(c values) values { return values{ops.MatMul(c[0], u)} })
	leave()
	d := grad.Of(ops.Sum(ops.Cast(ys[0], dtype.Float32)), x, h, w, u)
	g.SetOutputs(append(d, last[0])...)
	if err := g.Verify(); err != nil {
		t.Fatal(err)
	}
	if c[0].DType() != dtype.Float32 || last[0].DType() != dtype.Float32 || ys[0].DType() != dtype.BFloat16 {
		t.Errorf("carries are %v and %v, results %v", c[0].Type(), last[0].Type(), ys[0].Type())
	}
	products := 0
	var count func(g *ir.Graph)
	count = func(g *ir.Graph) {
		for _, n := range g.Nodes() {
			if _, ok := n.Op().(ops.DotOp); ok {
				if products++; n.In()[0].DType() != dtype.BFloat16 {
					t.Errorf("a product of %v", n.In()[0].Type())
				}
			}
			if op, ok := n.Op().(ir.Nested); ok {
				for _, b := range op.Bodies() {
					count(b.Graph())
				}
			}
		}
	}
	if count(g); products < 7 {
		t.Errorf("only %d products", products)
	}
}
