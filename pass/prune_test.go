package pass_test

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/ops/optest"
	"github.com/gradus-ml/gradus/ops/optest/graphs"
	"github.com/gradus-ml/gradus/pass"
	"github.com/gradus-ml/gradus/shape"
)

type values = []*ir.Value

// pruned is the last op of what build makes once it is pruned, with the text of
// the graph.
func pruned(t *testing.T, build func(x, y *ir.Value) values) (ir.Op, *ir.Node, string) {
	t.Helper()
	g := ir.NewGraph()
	typ := ir.Type{DType: dtype.Float64, Shape: shape.Of(3, 2)}
	g.SetOutputs(build(g.Input(ir.Arg, "x", typ), g.Input(ir.Arg, "y", typ))...)
	to, err := pass.Prune(g)
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Verify(); err != nil {
		t.Fatal(err)
	}
	n := to.Outputs()[0].Node()
	return n.Op(), n, to.String()
}

// A scan keeps the carries that its results need, round the loop, and drops
// others with what they are made of.
func TestPruneScan(t *testing.T) {
	op, n, s := pruned(t, func(x, y *ir.Value) values {
		one := ops.Full(x.Graph(), x.DType(), shape.Of(2), 1)
		_, ys := ops.Scan(values{one, ops.Neg(one), ops.Exp(one)}, values{x, y}, func(c, x values) (next, ys values) {
			a := ops.Add(c[0], ops.Sin(c[1]))                      // is wanted, and needs the second
			b := ops.Mul(c[1], x[0])                               // needs the first input
			d := ops.Add(c[2], ops.Cos(ops.Mul(x[1], ops.Sum(y)))) // needs itself alone, and y
			return values{a, b, d}, values{ops.Neg(a), ops.Exp(c[2])}
		})
		return ys[:1]
	})
	scan := op.(ops.ScanOp)
	if scan.Carries != 2 || scan.Xs != 1 || len(n.In()) != 3 || n.NumOut() != 5 {
		t.Errorf("%d carries, %d inputs, %d operands, %d results left:\n%s", scan.Carries, scan.Xs, len(n.In()), n.NumOut(), s)
	}
	if strings.Contains(s, "cos") {
		t.Errorf("what nobody needs is computed:\n%s", s)
	}
}

func TestPruneWhile(t *testing.T) {
	op, n, s := pruned(t, func(x, y *ir.Value) values {
		zero := ops.FullInt(x.Graph(), dtype.Int32, shape.Shape{}, 0)
		return ops.While(values{x, ops.Cos(y), zero}, func(c values) *ir.Value {
			return ops.Lt(c[2], ops.FullInt(x.Graph(), dtype.Int32, shape.Shape{}, 5))
		}, func(c values) values {
			return values{ops.Sin(c[0]), ops.Add(c[1], y), ops.Add(c[2], ops.FullInt(x.Graph(), dtype.Int32, shape.Shape{}, 1))}
		})[:1]
	})
	if op.(ops.WhileOp).Carries != 2 || len(n.In()) != 4 { // and two constants
		t.Errorf("%d carries and %d operands left:\n%s", op.(ops.WhileOp).Carries, len(n.In()), s)
	}
}

// A condition in a scan loses the result that the scan does not use.
func TestPruneNested(t *testing.T) {
	_, n, s := pruned(t, func(x, y *ir.Value) values {
		_, ys := ops.Scan(nil, values{x, y}, func(_, x values) (next, ys values) {
			return nil, ops.Cond(ops.Gt(ops.Sum(x[0]), ops.Scalar(x[0], 0)),
				func() values { return values{ops.Sin(x[0]), ops.Tan(x[1])} },
				func() values { return values{x[0], ops.Cos(x[1])} })
		})
		return ys[:1]
	})
	if len(n.In()) != 1 || strings.Contains(s, " cos(") || strings.Contains(s, " tan(") {
		t.Errorf("%d operands left:\n%s", len(n.In()), s)
	}
}

// Prune changes no result of a random graph, and what is used keeps the graph as
// it is.
func TestPruneKeepsResults(t *testing.T) {
	count := 300
	if testing.Short() {
		count = 60
	}
	smaller := 0
	for seed := range uint64(count) {
		r := graphs.Make(seed, graphs.Config{Nodes: 12, Bodies: true, Updates: true})
		to, err := pass.Prune(r.Graph)
		if err != nil {
			t.Fatal(err)
		}
		if err := to.Verify(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want, err := interp.Run(r.Graph, r.Inputs...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := interp.Run(to, r.Inputs...)
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range want.Outputs {
			if err := (optest.Case{}).Compare(got.Outputs[i], w); err != nil {
				t.Fatalf("seed %d, output %d: %v", seed, i, err)
			}
		}
		for key, w := range want.Updates {
			if err := (optest.Case{}).Compare(got.Updates[key], w); err != nil {
				t.Fatalf("seed %d, variable %s: %v", seed, key, err)
			}
		}
		if len(to.String()) < len(r.Graph.String()) {
			smaller++
		}
		again, err := pass.Prune(to)
		if err != nil {
			t.Fatal(err)
		}
		if again.String() != to.String() {
			t.Fatalf("seed %d: Prune finds something the second time:\n%s\n%s", seed, to, again)
		}
	}
	if smaller < count/5 {
		t.Errorf("only %d of %d graphs became smaller", smaller, count)
	}
}

// Constants and broadcasts of them go into bodies, two levels down, where they
// are folded.
func TestSink(t *testing.T) {
	g := ir.NewGraph()
	typ := ir.Type{DType: dtype.Float64, Shape: shape.Of(3, 2)}
	x, w := g.Input(ir.Arg, "x", typ), g.Input(ir.Arg, "w", ir.Type{DType: dtype.Float64})
	two, wide := ops.Broadcast(ops.Scalar(x, 2), shape.Of(2)), ops.Broadcast(w, shape.Of(2))
	_, ys := ops.Scan(nil, values{x}, func(_, x values) (next, ys values) {
		return nil, ops.Cond(ops.Gt(ops.Sum(x[0]), ops.Scalar(w, 0)), func() values {
			return values{ops.Mul(x[0], ops.Mul(two, two))}
		}, func() values { return values{ops.Mul(x[0], wide)} })
	})
	g.SetOutputs(ys...)
	to, err := pass.Sink(g)
	if err == nil {
		to, err = pass.Simplify(to)
	}
	if err != nil {
		t.Fatal(err)
	}
	n := to.Outputs()[0].Node()
	s := to.String()
	if len(n.In()) != 2 || n.In()[1].Node().Op().Name() != "input" || strings.Count(s, "mul(") != 2 {
		t.Errorf("%d operands:\n%s", len(n.In()), s)
	}
	if err := to.Verify(); err != nil {
		t.Error(err)
	}
}

func TestSinkKeepsResults(t *testing.T) {
	for seed := range uint64(100) {
		r := graphs.Make(seed, graphs.Config{Nodes: 12, Bodies: true, Products: true})
		to, err := pass.Sink(r.Graph)
		if err != nil {
			t.Fatal(err)
		}
		if err := to.Verify(); err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		want, err := interp.Run(r.Graph, r.Inputs...)
		if err != nil {
			t.Fatal(err)
		}
		got, err := interp.Run(to, r.Inputs...)
		if err != nil {
			t.Fatal(err)
		}
		for i, w := range want.Outputs {
			if err := (optest.Case{}).Compare(got.Outputs[i], w); err != nil {
				t.Fatalf("seed %d, output %d: %v", seed, i, err)
			}
		}
	}
}
