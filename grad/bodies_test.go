package grad_test

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/ops/optest"
)

// Gradients of each sample by a scan: the loss is made in the body, the weight
// outside, and so is a part of the way between them.
func TestGradientInBody(t *testing.T) {
	g := ir.NewGraph()
	w, x := vector(g, "w", 2), vector(g, "x", 3)
	_, ys := ops.Scan(nil, []*ir.Value{x}, func(_, x []*ir.Value) (next, ys []*ir.Value) {
		square := ops.Mul(w, w) // outside
		l := ops.Sum(ops.Mul(square, ops.Mul(x[0], x[0])))
		return nil, append(grad.Of(l, w, x[0]), grad.Of(ops.Sum(square), w)...)
	})
	for i, v := range ys {
		ys[i] = ops.Reshape(v, -1)
	}
	check(t, g, ys, [][]float64{ // 2 w x^2, 2 x (w1^2 + w2^2), 2 w
		{10 * 1, 20 * 1, 10 * 4, 20 * 4, 10 * 9, 20 * 9}, {2 * 125, 4 * 125, 6 * 125}, {10, 20, 10, 20, 10, 20},
	}, optest.Floats(5, 10), optest.Floats(1, 2, 3))
}

// A gradient of a scan in the body of a scan, by a value around both.
func TestGradientOfScanInBody(t *testing.T) {
	g := ir.NewGraph()
	w, x := vector(g, "w", 2), vector(g, "x", 2)
	_, ys := ops.Scan(nil, []*ir.Value{x}, func(_, x []*ir.Value) (next, ys []*ir.Value) {
		c, _ := ops.ScanN(3, []*ir.Value{ops.Mul(x[0], ops.OnesLike(w))}, func(_ *ir.Value, c []*ir.Value) (next, ys []*ir.Value) {
			return []*ir.Value{ops.Mul(c[0], w)}, nil
		})
		return nil, grad.Of(ops.Sum(c[0]), w) // of x w^3
	})
	check(t, g, []*ir.Value{ops.Reshape(ys[0], 4)}, [][]float64{{3, 12, 15, 60}}, optest.Floats(1, 2), optest.Floats(1, 5))
}

func TestThirdGradientOfScan(t *testing.T) {
	g := ir.NewGraph()
	x := vector(g, "x", 2)
	c, _ := ops.ScanN(4, []*ir.Value{ops.OnesLike(x)}, func(_ *ir.Value, c []*ir.Value) (next, ys []*ir.Value) {
		return []*ir.Value{ops.Mul(c[0], x)}, nil
	})
	v := c[0] // x^4
	for range 3 {
		v = grad.Of(ops.Sum(v), x)[0]
	}
	check(t, g, []*ir.Value{v}, [][]float64{{48, -24}}, optest.Floats(2, -1))
}

// Only what a gradient is asked for is carried.
func TestScanCarriesWantedGradientsAlone(t *testing.T) {
	g := ir.NewGraph()
	x, w, v := vector(g, "x", 2), vector(g, "w", 2), vector(g, "v", 2)
	c, _ := ops.ScanN(4, []*ir.Value{x, v}, func(_ *ir.Value, c []*ir.Value) (next, ys []*ir.Value) {
		return []*ir.Value{ops.Mul(c[0], w), ops.Sin(c[1])}, nil // the second carry is apart
	})
	d := grad.Of(ops.Sum(c[0]), w)
	n := d[0].Node()
	if op, ok := n.Op().(ops.ScanOp); !ok || op.Carries != 2 || op.NumResults() != 4 {
		t.Errorf("the gradient by w alone is %v %v", n.Op().Name(), n.Op())
	}
	if err := g.Err(); err != nil {
		t.Error(err)
	}
}

// A gradient through a loop of unknown length is a mistake that tells what to
// do; one that does not reach it is none.
func TestGradientOfWhile(t *testing.T) {
	build := func() (x, y *ir.Value) {
		x = vector(ir.NewGraph(), "x", 2)
		c := ops.While([]*ir.Value{x}, func(c []*ir.Value) *ir.Value {
			return ops.Lt(ops.Sum(c[0]), ops.Scalar(x, 9))
		}, func(c []*ir.Value) []*ir.Value { return []*ir.Value{ops.Add(c[0], c[0])} })
		return x, ops.Sum(c[0])
	}
	x, y := build()
	grad.Of(y, x)
	err := x.Graph().Err()
	if err == nil || !strings.Contains(err.Error(), "while has no gradient") || !strings.Contains(err.Error(), "use ops.ScanN") || !strings.Contains(err.Error(), "bodies_test.go:") {
		t.Errorf("got %v", err)
	}
	x, y = build()
	d := grad.Of(ops.Sum(ops.Mul(x, ops.StopGradient(y))), x)
	check(t, x.Graph(), d, [][]float64{{12, 12}}, optest.Floats(1, 2))
}

// A branch that is not taken is no way for gradients, though its value would
// have an infinite slope.
func TestGradientOfOtherBranch(t *testing.T) {
	g := ir.NewGraph()
	x := vector(g, "x", 2)
	y := ops.Cond(ops.Gt(ops.Sum(x), ops.Scalar(x, 0)), func() []*ir.Value {
		return []*ir.Value{ops.Sum(ops.Sqrt(x))}
	}, func() []*ir.Value { return []*ir.Value{ops.Sum(x)} })
	check(t, g, grad.Of(y[0], x), [][]float64{{1, 1}}, optest.Floats(0, -1))
}

// Values are printed in the order of the calls, in a loop in each iteration,
// once though the gradient builds the body again, and not where nothing needs
// them.
func TestPrintOrder(t *testing.T) {
	g := ir.NewGraph()
	x := vector(g, "x", 2)
	a := ops.Print(x, "a")
	ops.Print(x, "unused")
	c, _ := ops.Scan([]*ir.Value{ops.Scalar(x, 1)}, []*ir.Value{a}, func(c, x []*ir.Value) (next, ys []*ir.Value) {
		return []*ir.Value{ops.Mul(ops.Print(c[0], "c"), ops.Print(x[0], "slice"))}, nil
	})
	end := ops.Print(c[0], "end")
	g.SetOutputs(end, grad.Of(end, x)[0])
	var out strings.Builder
	if _, err := interp.RunTo(&out, g, optest.Floats(3, 5)); err != nil {
		t.Fatal(err)
	}
	var labels []string
	for line := range strings.Lines(out.String()) {
		labels = append(labels, line[:strings.Index(line, ":")])
	}
	if got := strings.Join(labels, " "); got != "a c slice c slice end" {
		t.Errorf("printed %q:\n%s", got, &out)
	}
}

// Gradients by constants and broadcasts that a body uses, asked for outside and
// inside of it.
func TestGradientByWhatIsMadeOutside(t *testing.T) {
	g := ir.NewGraph()
	x, w := vector(g, "x", 2), vector(g, "w", 1)
	zeros, wide := ops.ZerosLike(x), ops.Broadcast(w, x.Shape())
	c, ys := ops.ScanN(3, []*ir.Value{x}, func(_ *ir.Value, c []*ir.Value) (next, ys []*ir.Value) {
		y := ops.Add(ops.Mul(c[0], wide), zeros)
		return []*ir.Value{y}, grad.Of(ops.Sum(ops.Mul(y, y)), zeros, wide)
	})
	last := ops.Narrow(ys[0], 0, 0, 1)
	wides := ops.Narrow(ys[1], 0, 0, 1)
	d := grad.Of(ops.Sum(c[0]), zeros, wide)
	check(t, g, append(d, ops.Reshape(last, 2), ops.Reshape(wides, 2)), [][]float64{
		{7, 7}, {12, 60}, // 1 + w + w^2, 3 w^2 x
		{4, 20}, {4, 100}, // 2 w x, 2 w x^2
	}, optest.Floats(1, 5), optest.Floats(2))
}
