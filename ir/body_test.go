package ir_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// holds is an op with one body: its operands are the body's parameters.
type holds struct{ Body *ir.Body }

func (holds) Name() string                          { return "holds" }
func (op holds) String() string                     { return "" }
func (op holds) Bodies() []*ir.Body                 { return []*ir.Body{op.Body} }
func (op holds) WithBodies(b []*ir.Body) ir.Op      { return holds{b[0]} }
func (op holds) NumResults() int                    { return len(op.Body.Out()) }
func (op holds) Infer([]ir.Type) ([]ir.Type, error) { return op.Body.Out(), nil }
func (holds) BodyFlops(each []int64) int64          { return each[0] }
func (op holds) EvalBodies(in, out []*tensor.Tensor, run func(*ir.Body, []*tensor.Tensor) []*tensor.Tensor) {
	for i, t := range run(op.Body, in) {
		copy(out[i].Bytes(), t.Bytes())
	}
}

// hold builds a body that takes the given values.
func hold(in []*ir.Value, f func(in []*ir.Value) []*ir.Value) []*ir.Value {
	g := in[0].Graph()
	params := make([]ir.Input, len(in))
	for i, v := range in {
		params[i] = ir.Input{Label: fmt.Sprint("p", i), Type: v.Type()}
	}
	b, captured := g.BuildBody(ir.BodySpec{Op: "holds", Params: params}, f)
	if b == nil {
		return []*ir.Value{g.Poison(dtype.Float32)}
	}
	return g.Add(holds{b}, append(in[:len(in):len(in)], captured...)...)
}

func neg(v ...*ir.Value) *ir.Value { return ir.Apply1(join{1}, v...) }

// Captured values become operands, through two levels; what the body computes
// from them alone is outside.
func TestCapture(t *testing.T) {
	g := ir.NewGraph()
	x, w, unused := g.Input(ir.Arg, "x", f32(2)), g.Input(ir.Variable, "w", f32(2)), g.Input(ir.Arg, "unused", f32(2))
	c := g.Add(zero{})[0]
	out := hold([]*ir.Value{x}, func(in []*ir.Value) []*ir.Value {
		neg(in[0], unused) // needed by nothing
		outside := neg(w, w)
		inner := hold(in, func(in []*ir.Value) []*ir.Value {
			return []*ir.Value{neg(in[0], outside, w, c)}
		})
		return []*ir.Value{neg(inner[0], w), outside}
	})
	g.SetOutputs(out...)
	want := `%0 = input{x}() : f32[2]
%1 = input{w}() : f32[2]
%2 = input{unused}() : f32[2]
%3 = zero() : f32[2]
%4 = join{Results:1}(%1, %1) : f32[2]
%5, %6 = holds(%0, %4, %1, %3) : f32[2] f32[2]
  body 0:
    %0 = input{p0}() : f32[2]
    %1 = input() : f32[2]
    %2 = input{w}() : f32[2]
    %3 = input() : f32[2]
    %4 = holds(%0, %1, %2, %3) : f32[2]
      body 0:
        %0 = input{p0}() : f32[2]
        %1 = input() : f32[2]
        %2 = input{w}() : f32[2]
        %3 = input() : f32[2]
        %4 = join{Results:1}(%0, %1, %2, %3) : f32[2]
        output %4
    %5 = join{Results:1}(%4, %2) : f32[2]
    output %5
    output %1
output %5
output %6
`
	if got := g.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if err := g.Verify(); err != nil {
		t.Error(err)
	}
	to, err := ir.Rewrite(g, same)
	if err != nil {
		t.Fatal(err)
	}
	if to.String() != want {
		t.Errorf("rewritten to\n%s", to)
	}
}

// zero is a primitive without operands.
type zero struct{}

func (zero) Name() string                       { return "zero" }
func (zero) Infer([]ir.Type) ([]ir.Type, error) { return []ir.Type{f32(2)}, nil }
func (zero) Eval(_, _ []*tensor.Tensor)         {}

// Bodies that compute the same are one, whatever their values are called;
// others are not.
func TestEqualBodies(t *testing.T) {
	g := ir.NewGraph()
	x, y := g.Input(ir.Arg, "x", f32(2)), g.Input(ir.Arg, "y", f32(2))
	body := func(x *ir.Value, f func(in *ir.Value) *ir.Value) ir.Op {
		return hold([]*ir.Value{x}, func(in []*ir.Value) []*ir.Value { return []*ir.Value{f(in[0])} })[0].Node().Op()
	}
	first := body(x, func(v *ir.Value) *ir.Value { return neg(v, x) })
	g.SetPath("elsewhere")
	for name, op := range map[string]ir.Op{
		"again":            body(x, func(v *ir.Value) *ir.Value { return neg(v, x) }),
		"other operands":   body(y, func(v *ir.Value) *ir.Value { return neg(v, y) }),
		"something unused": body(x, func(v *ir.Value) *ir.Value { neg(v); return neg(v, x) }),
	} {
		if op != first {
			t.Errorf("%s: the body is another one", name)
		}
	}
	for name, op := range map[string]ir.Op{
		"other op":     body(x, func(v *ir.Value) *ir.Value { return ir.Apply1(join{2}, v, x) }),
		"other result": body(x, func(v *ir.Value) *ir.Value { return ir.Apply(join{2}, v, x)[1] }),
		"other order":  body(x, func(v *ir.Value) *ir.Value { return neg(x, v) }),
		"other shape": body(g.Input(ir.Arg, "z", f32(3)), func(v *ir.Value) *ir.Value {
			return neg(v, g.Input(ir.Arg, "z", f32(3)))
		}),
	} {
		if op == first {
			t.Errorf("%s: the bodies are one", name)
		}
	}
	nested := func() ir.Op {
		return body(x, func(v *ir.Value) *ir.Value {
			return hold([]*ir.Value{v}, func(in []*ir.Value) []*ir.Value { return []*ir.Value{neg(in[0])} })[0]
		})
	}
	if nested() != nested() {
		t.Error("equal bodies with equal bodies inside are two")
	}
	if err := g.Err(); err != nil {
		t.Error(err)
	}
}

// Composites in bodies are expanded, two levels down, and a body that is held
// twice stays one.
func TestExpandInBodies(t *testing.T) {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", f32(2))
	f := func(in []*ir.Value) []*ir.Value {
		return hold(in, func(in []*ir.Value) []*ir.Value { return []*ir.Value{ir.Apply1(twice{}, in[0])} })
	}
	a := hold([]*ir.Value{x}, f)
	g.SetOutputs(hold(a, f)...)
	flat, err := ir.Expand(g, func(*ir.Node) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	if s := flat.String(); strings.Contains(s, "twice") || strings.Count(s, "join") != 4 {
		t.Errorf("got\n%s", s)
	}
	if err := flat.Verify(); err != nil {
		t.Error(err)
	}
	out := flat.Outputs()[0].Node()
	if out.Op() != out.In()[0].Node().Op() {
		t.Error("one body became two")
	}
	if !strings.Contains(g.String(), "twice") {
		t.Error("the old graph was changed")
	}
}

func TestDeepKeepsWhatDoesNotChange(t *testing.T) {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", f32(2))
	g.SetOutputs(hold([]*ir.Value{x}, func(in []*ir.Value) []*ir.Value { return []*ir.Value{neg(in[0])} })...)
	var seen []*ir.Graph
	to, err := ir.Deep(g, func(g *ir.Graph) (*ir.Graph, error) {
		seen = append(seen, g)
		return g, nil
	})
	if err != nil || len(seen) != 2 || seen[1].Outputs()[0].Node().Op().Name() != "holds" {
		t.Errorf("%v, %d graphs", err, len(seen))
	}
	if to.String() != g.String() {
		t.Errorf("got\n%s", to)
	}
}

// Mistakes in a body are kept with the user's line, and values of a body stay
// inside it.
func TestMistakesInBodies(t *testing.T) {
	for name, c := range map[string]struct {
		f    func(x, w *ir.Value)
		want string
	}{
		"wrong op": {func(x, _ *ir.Value) {
			hold([]*ir.Value{x}, func(in []*ir.Value) []*ir.Value { return []*ir.Value{neg(in[0], x.Graph().Input(ir.Arg, "y", f32(3)))} })
		}, "join: types differ: p0 f32[2], y f32[3]; at layer (body_test.go:"},
		"update": {func(x, w *ir.Value) {
			hold([]*ir.Value{x}, func(in []*ir.Value) []*ir.Value {
				x.Graph().Update(w, neg(in[0]))
				return in
			})
		}, "update: a value made in the body of holds is used outside that body; return it from the body"},
		"output": {func(x, _ *ir.Value) {
			hold([]*ir.Value{x}, func(in []*ir.Value) []*ir.Value {
				x.Graph().SetOutputs(in[0])
				return in
			})
		}, "output: a value made in the body of holds is used outside"},
		"used outside": {func(x, _ *ir.Value) {
			var leak *ir.Value
			hold([]*ir.Value{x}, func(in []*ir.Value) []*ir.Value { leak = neg(in[0]); return in })
			neg(x, leak)
		}, "join: a value made in the body of holds is used outside"},
		"used alone outside": {func(x, _ *ir.Value) {
			var leak *ir.Value
			hold([]*ir.Value{x}, func(in []*ir.Value) []*ir.Value { leak = in[0]; return in })
			neg(leak)
		}, "join: a value made in the body of holds is used outside"},
		"used in the body around": {func(x, _ *ir.Value) {
			hold([]*ir.Value{x}, func(in []*ir.Value) []*ir.Value {
				var leak *ir.Value
				hold(in, func(in []*ir.Value) []*ir.Value { leak = neg(in[0]); return in })
				return []*ir.Value{neg(leak, in[0])}
			})
		}, "join: a value made in the body of holds is used outside"},
		"another graph": {func(x, _ *ir.Value) {
			y := ir.NewGraph().Input(ir.Arg, "y", f32(2))
			hold([]*ir.Value{x}, func(in []*ir.Value) []*ir.Value { return []*ir.Value{neg(in[0], y)} })
		}, "join: operands come from different graphs"},
		"nil": {func(x, _ *ir.Value) {
			hold([]*ir.Value{x}, func(in []*ir.Value) []*ir.Value { return []*ir.Value{in[0], nil} })
		}, "holds: result 1 of the body is nil"},
	} {
		t.Run(name, func(t *testing.T) {
			g := ir.NewGraph()
			g.SetPath("layer")
			c.f(g.Input(ir.Arg, "x", f32(2)), g.Input(ir.Variable, "w", f32(2)))
			if err := g.Err(); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got  %v\nwant %s", err, c.want)
			}
		})
	}
}

// The function runs even after a mistake, on harmless values, for it may tell
// the builder how many results there are.
func TestBodyAfterMistake(t *testing.T) {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", f32(2))
	g.Fail("first", "reason", nil)
	ran := false
	b, _ := g.BuildBody(ir.BodySpec{Op: "holds", Params: []ir.Input{{}}}, func(in []*ir.Value) []*ir.Value {
		ran = in[0].Dim(3) == 1
		return in
	})
	if b != nil || !ran {
		t.Errorf("body %v, ran %v", b, ran)
	}
	if out := neg(x); out.Dim(0) != 1 {
		t.Error("a result is not harmless")
	}
}

// Iterations are those of the loops around, and of no others.
func TestIterations(t *testing.T) {
	g := ir.NewGraph()
	scalar := ir.Type{DType: dtype.Uint64, Shape: shape.Shape{}}
	depths := []int{len(g.Iterations())}
	note := func() { depths = append(depths, len(g.Iterations())) }
	loop := func(loop bool, f func()) {
		g.BuildBody(ir.BodySpec{Op: "holds", Loop: loop, Params: []ir.Input{{Type: scalar}}}, func(in []*ir.Value) []*ir.Value {
			f()
			note()
			return in
		})
	}
	loop(true, func() { loop(false, func() { loop(true, note) }) })
	note()
	if fmt.Sprint(depths) != "[0 2 2 1 1 0]" {
		t.Errorf("numbers of loops: %v", depths)
	}
}
