package ops_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

func f64(dims ...int) ir.Type { return ir.Type{DType: dtype.Float64, Shape: shape.Of(dims...)} }

func ExampleScan() {
	g := ir.NewGraph()
	x, rate := g.Input(ir.Arg, "x", f64(4)), g.Input(ir.Arg, "rate", f64())
	// A moving average that forgets: the body uses rate of the graph around it.
	last, all := ops.Scan([]*ir.Value{ops.Scalar(x, 0)}, []*ir.Value{x}, func(c, x []*ir.Value) (next, ys []*ir.Value) {
		m := ops.Add(c[0], ops.Mul(rate, ops.Sub(x[0], c[0])))
		return []*ir.Value{m}, []*ir.Value{m}
	})
	fmt.Println(last[0].Type(), all[0].Type())
	// Output: f64[] f64[4]
}

func ExampleScanReverse() {
	g := ir.NewGraph()
	reward := g.Input(ir.Arg, "reward", f64(4))
	// The return of each step: its reward, and half of what follows.
	_, returns := ops.ScanReverse([]*ir.Value{ops.Scalar(reward, 0)}, []*ir.Value{reward}, func(c, x []*ir.Value) (next, ys []*ir.Value) {
		r := ops.Add(x[0], ops.Mul(c[0], ops.Scalar(c[0], 0.5)))
		return []*ir.Value{r}, []*ir.Value{r}
	})
	fmt.Println(returns[0].Type())
	// Output: f64[4]
}

func ExampleScanN() {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", f64(2))
	// Newton's iteration for the square root of x.
	root, _ := ops.ScanN(6, []*ir.Value{x}, func(_ *ir.Value, c []*ir.Value) (next, ys []*ir.Value) {
		return []*ir.Value{ops.Mul(ops.Add(c[0], ops.Div(x, c[0])), ops.Scalar(x, 0.5))}, nil
	})
	fmt.Println(root[0].Type())
	// Output: f64[2]
}

func ExampleFoldIn() {
	g := ir.NewGraph()
	scalar := ir.Type{DType: dtype.Uint64}
	seed, step := g.Input(ir.Arg, "seed", scalar), g.Input(ir.Arg, "step", scalar)
	// Random bits for each of three iterations: other ones, as the seed differs.
	n := ops.Iota(g, dtype.Uint64, shape.Of(3), 0)
	_, bits := ops.Scan(nil, []*ir.Value{n}, func(_, x []*ir.Value) (next, ys []*ir.Value) {
		return nil, []*ir.Value{ops.RandomBits(ops.FoldIn(seed, x[0]), step, 0, shape.Of(1))}
	})
	fmt.Println(bits[0].Type())
	// Output: u32[3 1]
}

// After a mistake a scan still returns as many values as it would have.
func TestScanAfterMistake(t *testing.T) {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", f64(4, 2))
	c, ys := ops.Scan([]*ir.Value{ops.MatMul(x, x)}, []*ir.Value{x}, func(c, x []*ir.Value) (next, ys []*ir.Value) {
		return []*ir.Value{ops.Add(c[0], x[0])}, []*ir.Value{x[0], c[0], ops.Sum(x[0])}
	})
	if len(c) != 1 || len(ys) != 3 {
		t.Errorf("%d carries and %d results, want 1 and 3", len(c), len(ys))
	}
	if err := g.Err(); err == nil || !strings.Contains(err.Error(), "matmul: inner sizes differ") {
		t.Errorf("the mistake is %v", err)
	}
	if c, ys := ops.Scan(nil, nil, nil); c != nil || ys != nil { // there is no graph to build in
		t.Errorf("got %v and %v of nothing", c, ys)
	}
}

// What a body computes from values around it alone is computed once, outside.
func TestScanHoists(t *testing.T) {
	g := ir.NewGraph()
	x, w := g.Input(ir.Arg, "x", f64(4, 2)), g.Input(ir.Arg, "w", f64(2))
	var outside *ir.Value
	c, _ := ops.Scan([]*ir.Value{w}, []*ir.Value{x}, func(c, x []*ir.Value) (next, ys []*ir.Value) {
		outside = ops.Exp(w)
		return []*ir.Value{ops.Add(ops.Mul(c[0], outside), x[0])}, nil
	})
	if outside.Graph() != g || c[0].Graph() != g {
		t.Error("a value of the graph around is made in the body")
	}
	if n := len(c[0].Node().In()); n != 3 {
		t.Errorf("the scan has %d operands, want carry, input and the captured value", n)
	}
}

func ExampleWhile() {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", f64())
	// How often x can be halved until it is below 1.
	zero := ops.FullInt(g, dtype.Int64, shape.Shape{}, 0)
	last := ops.While([]*ir.Value{x, zero}, func(c []*ir.Value) *ir.Value {
		return ops.Ge(c[0], ops.Scalar(x, 1))
	}, func(c []*ir.Value) []*ir.Value {
		return []*ir.Value{ops.Mul(c[0], ops.Scalar(x, 0.5)), ops.Add(c[1], ops.FullInt(g, dtype.Int64, shape.Shape{}, 1))}
	})
	fmt.Println(last[0].Type(), last[1].Type())
	// Output: f64[] i64[]
}

func ExampleCond() {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", f64(3))
	// The logarithm is taken, and differentiated, only where it exists.
	y := ops.Cond(ops.Gt(ops.Amin(x), ops.Scalar(x, 0)), func() []*ir.Value {
		return []*ir.Value{ops.Sum(ops.Log(x))}
	}, func() []*ir.Value {
		return []*ir.Value{ops.Scalar(x, 0)}
	})
	fmt.Println(y[0].Type())
	// Output: f64[]
}

func ExampleSwitch() {
	g := ir.NewGraph()
	x, which := g.Input(ir.Arg, "x", f64(3)), g.Input(ir.Arg, "which", ir.Type{DType: dtype.Int32})
	y := ops.Switch(which,
		func() []*ir.Value { return []*ir.Value{ops.Sin(x)} },
		func() []*ir.Value { return []*ir.Value{ops.Exp(x)} },
		func() []*ir.Value { return []*ir.Value{ops.Neg(x)} })
	fmt.Println(y[0].Type())
	// Output: f64[3]
}

func ExamplePrint() {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", f64(3))
	// A run prints a line such as "h: f64[3] min 0 max 2 mean 1 [0 1 2]".
	y := ops.Exp(ops.Print(x, "h"))
	fmt.Println(y.Type())
	// Output: f64[3]
}

// A branch that is built holds what it computes; nothing is computed outside.
func TestCondKeepsBranches(t *testing.T) {
	g := ir.NewGraph()
	x, p := g.Input(ir.Arg, "x", f64(3)), g.Input(ir.Arg, "p", ir.Type{DType: dtype.Bool})
	before := len(g.Nodes())
	y := ops.Cond(p, func() []*ir.Value {
		c, _ := ops.ScanN(3, []*ir.Value{x}, func(_ *ir.Value, c []*ir.Value) (next, ys []*ir.Value) {
			return []*ir.Value{ops.Mul(c[0], ops.Exp(x))}, nil
		})
		return c
	}, func() []*ir.Value { return []*ir.Value{ops.Sin(x)} })
	g.SetOutputs(y...)
	if n := len(g.Nodes()) - before; n != 1 {
		t.Errorf("%d nodes are made outside, want the condition alone:\n%s", n, g)
	}
	if err := g.Err(); err != nil {
		t.Error(err)
	}
}
