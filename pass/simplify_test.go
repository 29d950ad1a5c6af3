package pass_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/ops/optest/graphs"
	"github.com/gradus-ml/gradus/pass"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

const f32 = dtype.Float32

// simplified returns the printed form of a graph of one argument x of a shape
// after Simplify; the line of the argument is left out.
func simplified(t *testing.T, s shape.Shape, build func(x *ir.Value) []*ir.Value) string {
	t.Helper()
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", ir.Type{DType: f32, Shape: s})
	g.SetOutputs(build(x)...)
	g, err := pass.Simplify(g)
	if err != nil {
		t.Fatal(err)
	}
	if err := g.Verify(); err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(g.String(), "\n")
	return rest
}

func one(f func(x *ir.Value) *ir.Value) func(x *ir.Value) []*ir.Value {
	return func(x *ir.Value) []*ir.Value { return []*ir.Value{f(x)} }
}

// Each rule, alone. %0 is the argument, of shape [2 1 3].
func TestRules(t *testing.T) {
	c := func(x *ir.Value, v float64) *ir.Value { return ops.Scalar(x, v) }
	negativeZero := math.Copysign(0, -1)
	const same = "output %0\n"
	for name, tc := range map[string]struct {
		build func(x *ir.Value) []*ir.Value
		want  string
	}{
		"x + -0":          {one(func(x *ir.Value) *ir.Value { return ops.Add(x, c(x, negativeZero)) }), same},
		"x - 0":           {one(func(x *ir.Value) *ir.Value { return ops.Sub(x, c(x, 0)) }), same},
		"x * 1":           {one(func(x *ir.Value) *ir.Value { return ops.Mul(x, c(x, 1)) }), same},
		"1 * x":           {one(func(x *ir.Value) *ir.Value { return ops.Mul(c(x, 1), x) }), same},
		"x / 1":           {one(func(x *ir.Value) *ir.Value { return ops.Div(x, c(x, 1)) }), same},
		"stop gradient":   {one(ops.StopGradient), same},
		"reshape back":    {one(func(x *ir.Value) *ir.Value { return ops.Reshape(ops.Reshape(x, 6), 2, 1, 3) }), same},
		"reshape twice":   {one(func(x *ir.Value) *ir.Value { return ops.Reshape(ops.Reshape(x, 6), 3, 2) }), "%1 = reshape{Shape:[3 2]}(%0) : f32[3 2]\noutput %1\n"},
		"transpose back":  {one(func(x *ir.Value) *ir.Value { return ops.Transpose(ops.Transpose(x, 2, 0, 1), 1, 2, 0) }), same},
		"transpose twice": {one(func(x *ir.Value) *ir.Value { return ops.Transpose(ops.Transpose(x, 2, 0, 1), 0, 2, 1) }), "%1 = transpose{Perm:[2 1 0 0 0 0 0 0]}(%0) : f32[3 1 2]\noutput %1\n"},
		"transpose of 1":  {one(func(x *ir.Value) *ir.Value { return ops.Transpose(x, 1, 0, 2) }), "%1 = reshape{Shape:[1 2 3]}(%0) : f32[1 2 3]\noutput %1\n"},
		"transposes to a reshape": {one(func(x *ir.Value) *ir.Value {
			return ops.Reshape(ops.Transpose(ops.Transpose(x, 2, 1, 0), 1, 2, 0), 2, 3)
		}), "%1 = reshape{Shape:[2 3]}(%0) : f32[2 3]\noutput %1\n"},
		"sum of 1":         {one(func(x *ir.Value) *ir.Value { return ops.Sum(x, 1) }), "%1 = reshape{Shape:[2 3]}(%0) : f32[2 3]\noutput %1\n"},
		"max of 1, kept":   {one(func(x *ir.Value) *ir.Value { return ops.KeepDims(ops.Amax(x, 1), x, 1) }), same},
		"broadcast of 1":   {one(func(x *ir.Value) *ir.Value { return ops.Broadcast(x, shape.Of(1, 2, 1, 3)) }), "%1 = reshape{Shape:[1 2 1 3]}(%0) : f32[1 2 1 3]\noutput %1\n"},
		"common":           {func(x *ir.Value) []*ir.Value { return []*ir.Value{ops.Exp(ops.Neg(x)), ops.Exp(ops.Neg(x))} }, "%1 = neg(%0) : f32[2 1 3]\n%2 = exp(%1) : f32[2 1 3]\noutput %2\noutput %2\n"},
		"common, by rules": {func(x *ir.Value) []*ir.Value { return []*ir.Value{ops.Sum(x, 1), ops.Amax(ops.Mul(x, c(x, 1)), 1)} }, "%1 = reshape{Shape:[2 3]}(%0) : f32[2 3]\noutput %1\noutput %1\n"},
		"dead":             {func(x *ir.Value) []*ir.Value { ops.Exp(x); return []*ir.Value{x} }, same},
		"constants": {one(func(x *ir.Value) *ir.Value {
			return ops.Add(x, ops.Mul(ops.Add(c(x, 2), c(x, 3)), ops.Neg(c(x, 4))))
		}), fmt.Sprintf("%%1 = constant{DType:f32 Shape:[2 1 3] Bits:%d}() : f32[2 1 3]\n%%2 = add(%%0, %%1) : f32[2 1 3]\noutput %%2\n", math.Float64bits(-20))},
		"constant of an expression is 1": {one(func(x *ir.Value) *ir.Value { return ops.Mul(x, ops.Sub(c(x, 3), c(x, 2))) }), same},
		"constant moved": {one(func(x *ir.Value) *ir.Value {
			return ops.Reshape(ops.Transpose(ops.Full(x.Graph(), f32, shape.Of(3, 2), 2), 1, 0), 6)
		}), "%1 = constant{DType:f32 Shape:[6] Bits:4611686018427387904}() : f32[6]\noutput %1\n"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := simplified(t, shape.Of(2, 1, 3), tc.build); got != tc.want {
				t.Errorf("got\n%swant\n%s", got, tc.want)
			}
		})
	}
}

// What looks like a rule and is none: the result would differ for some x.
func TestNoRules(t *testing.T) {
	c := func(x *ir.Value, v float64) *ir.Value { return ops.Scalar(x, v) }
	for name, f := range map[string]func(x *ir.Value) *ir.Value{
		"x + 0, for -0":           func(x *ir.Value) *ir.Value { return ops.Add(x, c(x, 0)) },
		"x - -0, for -0":          func(x *ir.Value) *ir.Value { return ops.Sub(x, c(x, math.Copysign(0, -1))) },
		"0 - x, for 0":            func(x *ir.Value) *ir.Value { return ops.Sub(c(x, 0), x) },
		"x * 0, for infinities":   func(x *ir.Value) *ir.Value { return ops.Mul(x, c(x, 0)) },
		"x - x, for infinities":   func(x *ir.Value) *ir.Value { return ops.Sub(x, x) },
		"x / x, for 0":            func(x *ir.Value) *ir.Value { return ops.Div(x, x) },
		"1 / x":                   func(x *ir.Value) *ir.Value { return ops.Div(c(x, 1), x) },
		"x == x, for NaN":         func(x *ir.Value) *ir.Value { return ops.Cast(ops.Eq(x, x), f32) },
		"max(x, -Inf), for NaN":   func(x *ir.Value) *ir.Value { return ops.Maximum(x, c(x, math.Inf(-1))) },
		"pow(x, 0) of an operand": func(x *ir.Value) *ir.Value { return ops.Pow(x, c(x, 0)) },
	} {
		t.Run(name, func(t *testing.T) {
			x := tensor.Must(tensor.Of([]float32{0, float32(math.Copysign(0, -1)), 1, -2, float32(math.Inf(1)), float32(math.Inf(-1)), float32(math.NaN())}))
			g := ir.NewGraph()
			v := g.Input(ir.Arg, "x", ir.Type{DType: f32, Shape: x.Shape()})
			g.SetOutputs(f(v), ops.Div(c(v, 1), f(v))) // the reciprocal shows the sign of zeros
			unchanged(t, g, x)
		})
	}
}

// unchanged simplifies g and compares what the interpreter makes of both,
// except for the sign of zeros.
func unchanged(t *testing.T, g *ir.Graph, in ...*tensor.Tensor) {
	t.Helper()
	s, err := pass.Simplify(g)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Verify(); err != nil {
		t.Fatal(err)
	}
	if len(s.Inputs()) != len(g.Inputs()) || len(s.Updates()) != len(g.Updates()) {
		t.Fatal("inputs or updates are lost")
	}
	want, err := interp.Run(g, in...)
	if err != nil {
		t.Fatal(err)
	}
	got, err := interp.Run(s, in...)
	if err != nil {
		t.Fatal(err)
	}
	for i, w := range want.Outputs {
		equal(t, "output", got.Outputs[i], w)
	}
	for key, w := range want.Updates {
		equal(t, key, got.Updates[key], w)
	}
}

func equal(t *testing.T, name string, got, want *tensor.Tensor) {
	t.Helper()
	if got.DType() != want.DType() || got.Shape() != want.Shape() {
		t.Fatalf("%s is %v, was %v", name, got, want)
	}
	for i := range want.Size() {
		if g, w := got.Float(i), want.Float(i); g != w && (g == g || w == w) {
			t.Fatalf("%s: element %d is %v, was %v", name, i, g, w)
		}
	}
}

// Simplify changes no result of a random graph, and a second time changes
// nothing.
func TestRandomGraphsKeepTheirResults(t *testing.T) {
	count := 300
	if testing.Short() {
		count = 50
	}
	for seed := range uint64(count) {
		r := graphs.Make(seed, graphs.Config{Nodes: 25, Products: true, Updates: true, Bodies: seed%2 == 1})
		unchanged(t, r.Graph, r.Inputs...)
		once, err := pass.Simplify(r.Graph)
		if err != nil {
			t.Fatal(err)
		}
		twice, err := pass.Simplify(once)
		if err != nil {
			t.Fatal(err)
		}
		if once.String() != twice.String() {
			t.Fatalf("seed %d: the second Simplify still finds something:\n%s\n%s", seed, once, twice)
		}
		if t.Failed() {
			t.Fatalf("seed %d", seed)
		}
	}
}

// No reshape reads a reshape and none keeps the shape: what the CPU backend
// builds on.
func TestNormalForm(t *testing.T) {
	for seed := range uint64(200) {
		r := graphs.Make(seed, graphs.Config{Nodes: 40})
		g, err := pass.Simplify(r.Graph)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range g.Nodes() {
			if _, ok := n.Op().(ops.ReshapeOp); !ok {
				continue
			}
			in := n.In()[0]
			if _, again := in.Node().Op().(ops.ReshapeOp); again || in.Shape() == n.Out(0).Shape() {
				t.Fatalf("seed %d: node %d:\n%s", seed, n.ID(), g)
			}
		}
	}
}

// The whole of a small graph, so that a change of order or form is seen.
func TestSnapshot(t *testing.T) {
	got := simplified(t, shape.Of(4, 3), func(x *ir.Value) []*ir.Value {
		w := ops.Full(x.Graph(), f32, shape.Of(3, 2), 0.5)
		y := ops.MatMul(x, ops.Transpose(ops.Transpose(w, 1, 0), 1, 0))
		y = ops.Add(y, ops.Mul(ops.Scalar(y, 2), ops.Scalar(y, 0.25)))
		z := ops.Mul(ops.Softmax(y, -1), ops.Scalar(y, 1))
		return []*ir.Value{z, ops.Sum(ops.Reshape(z, 4, 2, 1), 2)}
	})
	const want = `%1 = constant{DType:f32 Shape:[3 2] Bits:4602678819172646912}() : f32[3 2]
%2 = dot{batch [] [] contract [1] [0]}(%0, %1) : f32[4 2]
%3 = constant{DType:f32 Shape:[4 2] Bits:4602678819172646912}() : f32[4 2]
%4 = add(%2, %3) : f32[4 2]
%5 = softmax{Axis:1}(%4) : f32[4 2]
output %5
output %5
`
	if got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

// Labels, kinds, paths and sharding of inputs stay, used or not; a mistake in
// the graph comes back.
func TestInputsStay(t *testing.T) {
	g := ir.NewGraph()
	g.SetPath("fc")
	x := g.Input(ir.Arg, "x", ir.Type{DType: f32, Shape: shape.Of(2)})
	g.Input(ir.Variable, "unused", ir.Type{DType: dtype.Int64})
	w := g.Input(ir.Variable, "w", ir.Type{DType: f32, Shape: shape.Of(2)}).SetSharding(ir.Sharding{"data"})
	g.Update(w, ops.Mul(w, ops.Scalar(w, 1)))
	g.SetOutputs(x)
	s, err := pass.Simplify(g)
	if err != nil {
		t.Fatal(err)
	}
	for i, v := range s.Inputs() {
		old := g.Inputs()[i]
		if v.Node().Op() != old.Node().Op() || v.Node().Path() != "fc" || v.Sharding() != old.Sharding() {
			t.Errorf("input %d became %v at %q", i, v.Node().Op(), v.Node().Path())
		}
	}
	if u := s.Updates(); len(u) != 1 || u[0].Variable != u[0].New {
		t.Errorf("updates %v", u)
	}
	ops.MatMul(x, ops.Reshape(w, 1, 2))
	if _, err := pass.Simplify(g); err == nil || !strings.Contains(err.Error(), "matmul") {
		t.Errorf("error %v", err)
	}
}
