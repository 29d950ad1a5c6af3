package cost_test

import (
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/cost"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// Arithmetic, counted by hand: a multiply-add is two, moving data nothing.
func TestFlops(t *testing.T) {
	conv := ops.ConvOp{Stride: [3]int{1, 1}, PadLo: [3]int{1, 1}, PadHi: [3]int{1, 1}, Dilation: [3]int{1, 1}, Groups: 2}
	for name, tc := range map[string]struct {
		build func(in func(dims ...int) *ir.Value) *ir.Value
		want  int64
	}{
		"matmul":         {func(in func(...int) *ir.Value) *ir.Value { return ops.MatMul(in(8, 16), in(16, 4)) }, 2 * 8 * 16 * 4},
		"batched matmul": {func(in func(...int) *ir.Value) *ir.Value { return ops.MatMul(in(3, 8, 16), in(3, 16, 4)) }, 3 * 2 * 8 * 16 * 4},
		"conv, 2 groups": {func(in func(...int) *ir.Value) *ir.Value { return ops.Conv(in(2, 4, 5, 5), in(6, 2, 3, 3), conv) }, 2 * 2 * 6 * 5 * 5 * 2 * 3 * 3},
		"add":            {func(in func(...int) *ir.Value) *ir.Value { return ops.Add(in(8, 16), in(16)) }, 8 * 16},
		"sum":            {func(in func(...int) *ir.Value) *ir.Value { return ops.Sum(in(8, 16), 1) }, 8 * 16},
		"moves":          {func(in func(...int) *ir.Value) *ir.Value { return ops.Transpose(ops.Reshape(in(8, 16), 16, 8), 1, 0) }, 0},
		"dead ops": {func(in func(...int) *ir.Value) *ir.Value {
			x := in(8)
			ops.MatMul(in(9, 9), in(9, 9))
			return ops.Neg(x)
		}, 8},
		"scan of 5": {func(in func(...int) *ir.Value) *ir.Value {
			c, _ := ops.Scan([]*ir.Value{in(8, 16)}, []*ir.Value{in(5, 16, 16)}, func(c, x []*ir.Value) (next, ys []*ir.Value) {
				return []*ir.Value{ops.Tanh(ops.MatMul(c[0], x[0]))}, nil
			})
			return c[0]
		}, 5 * (2*8*16*16 + 8*16)},
		"while": {func(in func(...int) *ir.Value) *ir.Value { // one iteration
			return ops.While([]*ir.Value{in(8)}, func(c []*ir.Value) *ir.Value {
				return ops.Lt(ops.Sum(c[0]), ops.Scalar(c[0], 9))
			}, func(c []*ir.Value) []*ir.Value { return []*ir.Value{ops.Add(c[0], c[0])} })[0]
		}, 8 + 1 + 8},
		"cond": {func(in func(...int) *ir.Value) *ir.Value { // the branch that costs more
			x := in(8)
			return ops.Cond(ops.Lt(ops.Sum(x), ops.Scalar(x, 9)), func() []*ir.Value { return []*ir.Value{ops.Exp(ops.Exp(x))} },
				func() []*ir.Value { return []*ir.Value{ops.Neg(x)} })[0]
		}, 8 + 1 + 16},
		"linear and back": {linear, 3*2*8*16*4 + 8*4 + 8*16 + 16*4 + 2},
	} {
		t.Run(name, func(t *testing.T) {
			g := ir.NewGraph()
			g.SetOutputs(tc.build(func(dims ...int) *ir.Value {
				return g.Input(ir.Arg, "x", ir.Type{DType: dtype.Float32, Shape: shape.Of(dims...)})
			}))
			if err := g.Err(); err != nil {
				t.Fatal(err)
			}
			if got := cost.Flops(g); got != tc.want {
				t.Errorf("%d operations, want %d", got, tc.want)
			}
		})
	}
}

// linear is a product with the gradients of both operands: three products, three
// reductions, two sums. The product that the gradient is taken of is not needed.
func linear(in func(dims ...int) *ir.Value) *ir.Value {
	x, w := in(8, 16), in(16, 4)
	g := grad.Of(ops.Sum(ops.MatMul(x, w)), x, w)
	return ops.Add(ops.Sum(ops.MatMul(x, w)), ops.Add(ops.Amax(g[0]), ops.Amax(g[1])))
}
