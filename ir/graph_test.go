package ir_test

import (
	"errors"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// join wants operands of one type and gives as many results of it: a primitive
// of these tests.
type join struct{ Results int }

func (join) Name() string                     { return "join" }
func (op join) NumResults() int               { return op.Results }
func (op join) Eval(in, out []*tensor.Tensor) {}
func (op join) Infer(in []ir.Type) ([]ir.Type, error) {
	for _, t := range in[1:] {
		if t != in[0] {
			return nil, errors.New("types differ")
		}
	}
	types := make([]ir.Type, op.Results)
	for i := range types {
		types[i] = in[0]
	}
	return types, nil
}

// twice is a composite: join after join.
type twice struct{}

func (twice) Name() string                          { return "twice" }
func (twice) Infer(in []ir.Type) ([]ir.Type, error) { return in[:1], nil }
func (twice) Expand(in []*ir.Value) []*ir.Value {
	return ir.Apply(join{1}, ir.Apply1(join{1}, in...))
}

// neither is an op that nothing can run.
type neither struct{}

func (neither) Name() string                          { return "neither" }
func (neither) Infer(in []ir.Type) ([]ir.Type, error) { return in[:1], nil }

func f32(dims ...int) ir.Type { return ir.Type{DType: dtype.Float32, Shape: shape.Of(dims...)} }

// line is the line of its caller.
func line() int {
	_, _, n, _ := runtime.Caller(1)
	return n
}

func TestResults(t *testing.T) {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", f32(2, 3))
	out := ir.Apply(join{3}, x, x)
	n := out[0].Node()
	if len(out) != 3 || n.NumOut() != 3 || len(n.Outs()) != 3 || len(n.In()) != 2 {
		t.Fatalf("%d results of %d operands", n.NumOut(), len(n.In()))
	}
	for i, v := range out {
		if v.Node() != n || v.Index() != i || n.Out(i) != v || v.Type() != f32(2, 3) || v.Graph() != g || v.Rank() != 2 || v.Dim(-1) != 3 {
			t.Errorf("result %d is %v number %d", i, v.Type(), v.Index())
		}
	}
	if n.ID() != 1 || n.Graph() != g || g.Nodes()[1] != n {
		t.Errorf("node has id %d", n.ID())
	}
	if got := f32(2, 3).SizeBytes(); got != 24 {
		t.Errorf("f32[2 3] takes %d bytes", got)
	}
}

func TestMistakeTellsAll(t *testing.T) {
	g := ir.NewGraph()
	x := g.Input(ir.Variable, "weight", f32(2, 3))
	y := ir.Apply1(join{1}, g.Input(ir.Arg, "", f32(4)))
	old := g.SetPath("layer1.0.conv")
	ir.Apply1(join{1}, x, y)
	at := line() - 1
	g.SetPath(old)
	want := fmt.Sprintf("join: types differ: weight f32[2 3], f32[4]; at layer1.0.conv (graph_test.go:%d)", at)
	if err := g.Err(); err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
	var e *shape.Error
	if !errors.As(g.Err(), &e) || e.Op != "join" || e.Path != "layer1.0.conv" || len(e.In) != 2 {
		t.Errorf("the error is %#v", g.Err())
	}
}

func TestFirstMistakeIsKept(t *testing.T) {
	g := ir.NewGraph()
	x, y := g.Input(ir.Arg, "x", f32(2)), g.Input(ir.Arg, "y", f32(3))
	ir.Apply(join{1}, x, y)
	first := g.Err()
	ir.Apply(join{1}, y, x)
	g.Fail("other", "another reason", nil)
	if g.Err() != first {
		t.Errorf("the mistake became %v", g.Err())
	}
	if err := g.Verify(); err != first {
		t.Errorf("Verify gives %v", err)
	}
	if _, err := ir.Rewrite(g, func(*ir.Graph, *ir.Node, []*ir.Value) []*ir.Value { return nil }); err != first {
		t.Errorf("Rewrite gives %v", err)
	}
}

// TestWrongResultsAreHarmless: after a mistake no arithmetic on extents fails,
// whatever rank the user expects.
func TestWrongResultsAreHarmless(t *testing.T) {
	g := ir.NewGraph()
	x, y := g.Input(ir.Arg, "x", f32(2)), g.Input(ir.Arg, "y", f32(3))
	out := ir.Apply(join{2}, x, y)
	if len(out) != 2 {
		t.Fatalf("%d results, want 2", len(out))
	}
	for _, v := range append(out, g.Poison(dtype.Float32)) {
		for axis := -shape.MaxRank; axis < shape.MaxRank; axis++ {
			if v.Dim(axis) != 1 || v.Shape().Dim(axis) != 1 {
				t.Errorf("axis %d has extent %d", axis, v.Dim(axis))
			}
		}
	}
	if x.Dim(5) != 1 { // a right value too: its reader may expect the wrong one's rank
		t.Errorf("x.Dim(5) is %d", x.Dim(5))
	}
}

func TestDimOutside(t *testing.T) {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", f32(2, 3))
	if d := x.Dim(2); d != 1 {
		t.Errorf("an axis that is not there has extent %d", d)
	}
	want := fmt.Sprintf("dim: axis 2 is outside a tensor of rank 2: x f32[2 3]; at (graph_test.go:%d)", line()-3)
	if g.Err() == nil || g.Err().Error() != want {
		t.Errorf("got  %v\nwant %s", g.Err(), want)
	}
}

func TestGraphsDoNotMix(t *testing.T) {
	mix := map[string]func(a, b *ir.Value){
		"operands": func(a, b *ir.Value) { ir.Apply(join{1}, a, b) },
		"output":   func(a, b *ir.Value) { a.Graph().SetOutputs(b) },
		"update":   func(a, b *ir.Value) { a.Graph().Update(a, b) },
	}
	for name, f := range mix {
		a, b := ir.NewGraph().Input(ir.Variable, "a", f32(2)), ir.NewGraph().Input(ir.Variable, "b", f32(2))
		f(a, b)
		if err := a.Graph().Err(); err == nil || !strings.Contains(err.Error(), "graph") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestUpdate(t *testing.T) {
	g := ir.NewGraph()
	v := g.Input(ir.Variable, "w", f32(2))
	a, b := ir.Apply1(join{1}, v), ir.Apply1(join{1}, v, v)
	g.Update(v, a)
	g.Update(v, b)
	if u := g.Updates(); len(u) != 1 || u[0].Variable != v || u[0].New != b {
		t.Errorf("updates are %v", u)
	}
	for name, f := range map[string]func(g *ir.Graph, v, arg *ir.Value){
		"arg f32[2] is not a variable":                  func(g *ir.Graph, v, arg *ir.Value) { g.Update(arg, v) },
		"variable w is f32[2], its new value is f32[3]": func(g *ir.Graph, v, _ *ir.Value) { g.Update(v, g.Input(ir.Arg, "", f32(3))) },
	} {
		g := ir.NewGraph()
		f(g, g.Input(ir.Variable, "w", f32(2)), g.Input(ir.Arg, "arg", f32(2)))
		if g.Err() == nil || !strings.Contains(g.Err().Error(), name) {
			t.Errorf("got %v, want %q", g.Err(), name)
		}
	}
}

// TestFor: what a rewrite or gradient builds belongs to the line it stands for.
func TestFor(t *testing.T) {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", f32(2))
	g.SetPath("head")
	n := ir.Apply1(join{1}, x).Node()
	site := fmt.Sprintf("graph_test.go:%d", line()-1)
	g.SetPath("")
	var m *ir.Node
	g.For(n, func() { m = ir.Apply1(join{1}, x).Node() })
	if m.Path() != "head" || m.Site() != site || n.Site() != site {
		t.Errorf("the node is of %q at %s, want head at %s", m.Path(), m.Site(), site)
	}
	if g.Path() != "" || ir.Apply1(join{1}, x).Node().Site() == site {
		t.Error("For does not end")
	}
	g.For(n, func() { g.Fail("op", "reason", nil) })
	if want := "op: reason; at head (" + site + ")"; g.Err().Error() != want {
		t.Errorf("got %v, want %s", g.Err(), want)
	}
}

func TestString(t *testing.T) {
	g := ir.NewGraph()
	x, w := g.Input(ir.Arg, "x", f32(2, 3)), g.Input(ir.Variable, "w", f32(2, 3))
	ir.Apply(join{1}, x) // needed by nothing: left out
	g.SetPath("fc1")
	p := ir.Apply(join{2}, x, w)
	g.SetPath("")
	g.SetOutputs(ir.Apply1(twice{}, p[1]))
	g.Update(w, p[0])
	want := `%0 = input{x}() : f32[2 3]
%1 = input{w}() : f32[2 3]
%2, %3 = join{Results:2}(%0, %1) : f32[2 3] f32[2 3]  // fc1
%4 = twice(%3) : f32[2 3]
output %4
update %1 = %2
`
	if got := g.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
}

func TestLiveAndUses(t *testing.T) {
	g := ir.NewGraph()
	x, w := g.Input(ir.Arg, "x", f32(2)), g.Input(ir.Variable, "w", f32(2))
	dead := ir.Apply1(join{1}, x)
	a := ir.Apply1(join{1}, x, x)
	b := ir.Apply1(join{1}, a, w)
	g.SetOutputs(a, a)
	g.Update(w, b)
	if got, want := g.Live(), []bool{true, true, false, true, true}; !reflect.DeepEqual(got, want) {
		t.Errorf("live %v, want %v", got, want)
	}
	uses := g.Uses()
	for v, want := range map[*ir.Value]int{x: 2, w: 1, dead: 0, a: 3, b: 1} {
		if uses[v] != want {
			t.Errorf("value of node %d has %d uses, want %d", v.Node().ID(), uses[v], want)
		}
	}
}

func TestVerify(t *testing.T) {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", f32(2))
	g.SetOutputs(ir.Apply1(twice{}, ir.Apply(join{2}, x)[1]))
	if err := g.Verify(); err != nil {
		t.Error(err)
	}
	ir.Apply1(neither{}, x)
	if err := g.Verify(); err == nil || !strings.Contains(err.Error(), "node 3, neither: is neither primitive nor composite") {
		t.Errorf("got %v", err)
	}
}
