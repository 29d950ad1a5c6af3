package grad_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/ops/optest"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func vector(g *ir.Graph, name string, n int) *ir.Value {
	return g.Input(ir.Arg, name, ir.Type{DType: dtype.Float64, Shape: shape.Of(n)})
}

// check evaluates the values and compares them.
func check(t *testing.T, g *ir.Graph, vs []*ir.Value, want [][]float64, in ...*tensor.Tensor) {
	t.Helper()
	g.SetOutputs(vs...)
	for i, got := range evaluate(t, g, in) {
		if err := (optest.Case{}).Compare(got, optest.Floats(want[i]...)); err != nil {
			t.Errorf("value %d: %v", i, err)
		}
	}
}

func TestBranchesAddUp(t *testing.T) {
	g := ir.NewGraph()
	x := vector(g, "x", 2)
	y := ops.Mul(x, x)
	l := ops.Sum(ops.Add(ops.Mul(y, x), y)) // x^3 + x^2
	check(t, g, grad.Of(l, x), [][]float64{{16, 33}}, optest.Floats(2, 3))
}

// TestByInnerValues: gradients by values that are no inputs, and by one that
// another depends on.
func TestByInnerValues(t *testing.T) {
	g := ir.NewGraph()
	x := vector(g, "x", 2)
	y := ops.Mul(x, ops.Scalar(x, 3))
	l := ops.Sum(ops.Mul(y, x)) // 3 x^2
	check(t, g, grad.Of(l, y, x), [][]float64{{2, 5}, {12, 30}}, optest.Floats(2, 5))
}

func TestUnreached(t *testing.T) {
	g := ir.NewGraph()
	x, y := vector(g, "x", 2), vector(g, "y", 3)
	l := ops.Sum(x)
	ops.Exp(y) // a user of y that the loss does not read
	check(t, g, grad.Of(l, x, y), [][]float64{{1, 1}, {0, 0, 0}}, optest.Floats(1, 2), optest.Floats(1, 2, 3))
}

func TestThirdGradient(t *testing.T) {
	g := ir.NewGraph()
	x := vector(g, "x", 2)
	v := ops.Mul(ops.Mul(x, x), ops.Mul(x, x)) // x^4
	for range 3 {
		v = grad.Of(ops.Sum(v), x)[0]
	}
	check(t, g, []*ir.Value{v}, [][]float64{{48, -24}}, optest.Floats(2, -1))
}

// TestSeveralResults: gradients that reach only one result of an op, and both.
func TestSeveralResults(t *testing.T) {
	g := ir.NewGraph()
	x := vector(g, "x", 3)
	out := ir.Apply(halves{}, x)
	a := grad.Of(ops.Sum(out[0]), x)
	b := grad.Of(ops.Sum(out[1]), x)
	both := grad.VJP(out, []*ir.Value{ops.OnesLike(x), ops.Mul(x, x)}, x)
	check(t, g, []*ir.Value{a[0], b[0], both[0]}, [][]float64{{2, 2, 2}, {3, 3, 3}, {5, 14, 29}}, optest.Floats(1, 2, 3))
}

// halves is a composite without a gradient of its own: 2x and 3x.
type halves struct{}

func (halves) Name() string                          { return "halves" }
func (halves) NumResults() int                       { return 2 }
func (halves) Infer(in []ir.Type) ([]ir.Type, error) { return []ir.Type{in[0], in[0]}, nil }
func (halves) Expand(in []*ir.Value) []*ir.Value {
	return []*ir.Value{ops.Mul(in[0], ops.Scalar(in[0], 2)), ops.Mul(in[0], ops.Scalar(in[0], 3))}
}

// pass is a composite that gives its operand as it is.
type pass struct{}

func (pass) Name() string                          { return "pass" }
func (pass) Infer(in []ir.Type) ([]ir.Type, error) { return in[:1], nil }
func (pass) Expand(in []*ir.Value) []*ir.Value     { return in }

func TestCompositeGivesItsOperand(t *testing.T) {
	g := ir.NewGraph()
	x := vector(g, "x", 2)
	l := ops.Sum(ops.Mul(ir.Apply1(pass{}, x), x))
	check(t, g, grad.Of(l, x), [][]float64{{4, 6}}, optest.Floats(2, 3))
}

// blunt is a primitive without a gradient rule.
type blunt struct{}

func (blunt) Name() string                          { return "blunt" }
func (blunt) Infer(in []ir.Type) ([]ir.Type, error) { return in[:1], nil }
func (blunt) Eval(in, out []*tensor.Tensor)         { copy(out[0].Bytes(), in[0].Bytes()) }

func TestMistakes(t *testing.T) {
	for want, f := range map[string]func(x *ir.Value){
		"grad: wants a loss of one element":                         func(x *ir.Value) { grad.Of(x, x) },
		"grad: wants a loss of a floating-point type":               func(x *ir.Value) { grad.Of(ops.Sum(ops.Cast(x, dtype.Int32)), x) },
		"grad: seed 0 has another type than its value":              func(x *ir.Value) { grad.VJP([]*ir.Value{x}, []*ir.Value{ops.Sum(x)}, x) },
		"grad: op blunt has no gradient rule; use ops.StopGradient": func(x *ir.Value) { grad.Of(ops.Sum(ir.Apply1(blunt{}, x)), x) },
	} {
		g := ir.NewGraph()
		f(vector(g, "x", 2))
		if err := g.Err(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "reverse_test.go:") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
	// Where the loss does not pass through it, the op without a rule is no mistake.
	g := ir.NewGraph()
	x := vector(g, "x", 2)
	ir.Apply1(blunt{}, x)
	if grad.Of(ops.Sum(x), x); g.Err() != nil {
		t.Error(g.Err())
	}
	// A mistake that is kept already stays the first.
	g = ir.NewGraph()
	x = vector(g, "x", 2)
	g.Fail("first", "reason", nil)
	first := g.Err()
	if got := grad.Of(x, x, x); len(got) != 2 || !errors.Is(g.Err(), first) {
		t.Errorf("%d gradients, mistake %v", len(got), g.Err())
	}
}

// TestGradientNodesBelongToTheUsersLine: path and site of what they come from.
func TestGradientNodesBelongToTheUsersLine(t *testing.T) {
	g := ir.NewGraph()
	x := vector(g, "x", 2)
	g.SetPath("layer")
	y := ops.Exp(x)
	g.SetPath("")
	l := ops.Sum(y)
	n := grad.Of(l, x)[0].Node()
	if n.Path() != "layer" || n.Site() != y.Node().Site() || n.Site() == "" {
		t.Errorf("the gradient is of %q at %s, want layer at %s", n.Path(), n.Site(), y.Node().Site())
	}
}
