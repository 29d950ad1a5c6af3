package cpu_test

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// The backend prints what the interpreter prints, in the same order, although
// it runs units in an order of its own; and with as many threads as it likes.
func TestPrint(t *testing.T) {
	n := newNet(1)
	x := n.input(ir.Arg, 1, 4, 3)
	w := n.input(ir.Variable, 1, 3)
	first := ops.Print(ops.Exp(x), "first")
	late := ops.Print(ops.Sum(x), "late")
	_, ys := ops.Scan(nil, []*ir.Value{x}, func(_, x []*ir.Value) (next, ys []*ir.Value) {
		h := ops.Print(ops.Mul(x[0], w), "product")
		return nil, ops.Cond(ops.Gt(ops.Sum(h), ops.Scalar(h, 0)),
			func() []*ir.Value { return []*ir.Value{ops.Print(ops.Sin(h), "positive")} },
			func() []*ir.Value { return []*ir.Value{ops.Print(h, "negative")} })
	})
	count := ops.While([]*ir.Value{ops.FullInt(n.g, dtype.Int32, shape.Shape{}, 0)}, func(c []*ir.Value) *ir.Value {
		return ops.Lt(c[0], ops.FullInt(n.g, dtype.Int32, shape.Shape{}, 2))
	}, func(c []*ir.Value) []*ir.Value {
		return []*ir.Value{ops.Add(ops.Print(c[0], "count"), ops.FullInt(n.g, dtype.Int32, shape.Shape{}, 1))}
	})
	l := ops.Print(ops.Sum(ops.Mul(ys[0], first)), "loss")
	n.g.Update(w, ops.Sub(w, grad.Of(l, w)[0]))
	n.g.SetOutputs(late, count[0], l)
	var want strings.Builder
	if _, err := interp.RunTo(&want, n.g, n.in...); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(want.String(), "\n"); got != 3+2*4+2 {
		t.Errorf("the interpreter prints %d lines:\n%s", got, &want)
	}
	for _, threads := range []int{1, 3} {
		var got strings.Builder
		b := newBackend(t, cpu.WithThreads(threads), cpu.WithPrint(&got))
		if _, err := run(b, n.g, n.in...); err != nil { // three times
			t.Fatal(err)
		}
		if got.String() != strings.Repeat(want.String(), 3) {
			t.Errorf("printed\n%swant three times\n%s", &got, &want)
		}
	}
}
