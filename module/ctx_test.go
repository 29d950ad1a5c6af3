package module

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/shape"
)

// doubled is a stand-in op: these tests build graphs and run none.
type doubled struct{}

func (doubled) Name() string                          { return "doubled" }
func (doubled) Infer(in []ir.Type) ([]ir.Type, error) { return in, nil }

func double(v *ir.Value) *ir.Value { return ir.Apply1(doubled{}, v) }

func begin(t *testing.T, model any) *Ctx {
	t.Helper()
	tree, err := Walk(model)
	if err != nil {
		t.Fatal(err)
	}
	return NewCtx(ir.NewGraph(), tree, nil)
}

func newest(g *ir.Graph) *ir.Node { return g.Nodes()[len(g.Nodes())-1] }

func TestParamAndState(t *testing.T) {
	m := &norm{NewParam(nil, 2), &State{DType: dtype.Int64}}
	m.Weight.Sharding[0] = "model"
	var used []string
	tree, err := Walk(m)
	if err != nil {
		t.Fatal(err)
	}
	c := NewCtx(ir.NewGraph(), tree, func(key string, p *Param, s *State) {
		if (p == nil) == (s == nil) {
			t.Error("used wants a parameter or a state")
		}
		used = append(used, key)
	})
	w := c.Param(m.Weight)
	if c.Param(m.Weight) != w {
		t.Error("a parameter has two values")
	}
	if w.Sharding()[0] != "model" || w.Type() != m.Weight.Type() {
		t.Errorf("value is %v with sharding %v", w.Type(), w.Sharding())
	}
	first, second := double(w), double(double(w))
	c.SetParam(m.Weight, first)
	if c.Train().Param(m.Weight) != first {
		t.Error("a new value is not seen by derived contexts")
	}
	c.SetParam(m.Weight, second)
	c.SetState(m.Mean, double(c.State(m.Mean)))
	ups := c.Graph().Updates()
	if len(ups) != 2 || ups[0].Variable != w || ups[0].New != second {
		t.Errorf("updates are %v", ups)
	}
	if got := strings.Join(used, " "); got != "weight running_mean" {
		t.Errorf("used %q", got)
	}
	if err := c.Graph().Err(); err != nil {
		t.Error(err)
	}
}

func TestForeignVariables(t *testing.T) {
	for _, tc := range []struct {
		name string
		use  func(c *Ctx)
		want string
	}{
		{"parameter", func(c *Ctx) { c.SetParam(NewParam(nil, 3), c.Param(NewParam(nil, 3))) }, "f32[3] does not belong to the model"},
		{"state", func(c *Ctx) { c.State(&State{DType: dtype.Float32}) }, "has no key"},
		{"state with a key twice", func(c *Ctx) {
			c.State(&State{Key: "optim.step", DType: dtype.Int64})
			c.State(&State{Key: "optim.step", DType: dtype.Int64})
		}, `two states have the key "optim.step"`},
		{"another type", func(c *Ctx) {
			s := &State{Key: "s", DType: dtype.Int64, Shape: shape.Of(2)}
			c.SetState(s, c.State(&State{Key: "t", DType: dtype.Int64}))
		}, "variable s is i64[2], its new value is i64[]"},
	} {
		c := begin(t, newLayer())
		tc.use(c)
		err := c.Graph().Err()
		if err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: error %v, want %q", tc.name, err, tc.want)
		}
	}
}

func TestModes(t *testing.T) {
	c := begin(t, newLayer())
	if c.Training() || !c.Train().Training() || c.Train().Eval().Training() {
		t.Error("modes are wrong")
	}
}

func TestEnter(t *testing.T) {
	m := &struct{ A, B *layer }{newLayer(), newLayer()}
	c := begin(t, m)
	x := c.Graph().Input(ir.Arg, "x", ir.Type{DType: dtype.Float32})
	path := func() string { return double(x).Node().Path() }
	leaveA := c.Enter(m.A)
	if p := path(); p != "a" {
		t.Errorf("path %q in a", p)
	}
	leaveB := c.Train().Enter(m.B)
	if p := path(); p != "b" {
		t.Errorf("path %q in b", p)
	}
	leaveForeign := c.Enter(newLayer())
	if p := path(); p != "b" {
		t.Errorf("path %q in a module outside the model", p)
	}
	leaveForeign()
	leaveChild := c.EnterChild("7")
	if p := path(); p != "b.7" {
		t.Errorf("path %q in a child", p)
	}
	leaveChild()
	leaveB()
	leaveA()
	if p := path(); p != "" {
		t.Errorf("path %q outside", p)
	}
}

func TestWatch(t *testing.T) {
	m := &struct{ A, B *layer }{newLayer(), newLayer()}
	c := begin(t, m)
	x := c.Graph().Input(ir.Arg, "x", ir.Type{DType: dtype.Float32})
	var log []Visit
	c.Watch(func(v Visit) { log = append(log, v) })
	leaveA := c.Enter(m.A)
	x = double(x)
	leaveB := c.Enter(m.B)
	double(x)
	leaveB()
	leaveA()
	want := []Visit{{m.A, "a", false, 1, 0}, {m.B, "b", false, 2, 0}, {m.B, "b", true, 2, 3}, {m.A, "a", true, 1, 3}}
	if len(log) != len(want) {
		t.Fatalf("%d visits, want %d", len(log), len(want))
	}
	for i, v := range log {
		if v != want[i] {
			t.Errorf("visit %d is %v, want %v", i, v, want[i])
		}
	}
}

func TestRandomKeys(t *testing.T) {
	type net struct{ A, B *layer }
	small, large := &net{B: newLayer()}, &net{A: newLayer(), B: newLayer()}
	draw := func(c *Ctx, m any, n int) (keys []RandomKey) {
		defer c.Enter(m)()
		for range n {
			keys = append(keys, c.Random())
		}
		return keys
	}
	cs, cl := begin(t, small), begin(t, large)
	a := draw(cl, large.A, 2)
	b := draw(cl, large.B, 2)
	for i, k := range draw(cs, small.B, 2) {
		if k.Stream != b[i].Stream {
			t.Errorf("call %d of b has another stream beside a", i)
		}
	}
	seen := map[uint64]bool{}
	for _, k := range append(a, b...) {
		if seen[k.Stream] {
			t.Errorf("two calls have the stream %d", k.Stream)
		}
		seen[k.Stream] = true
		if k.Seed != a[0].Seed || k.Step != a[0].Step {
			t.Error("calls of one step have different seeds or steps")
		}
	}
}

func TestFinish(t *testing.T) {
	c := begin(t, newLayer())
	c.Finish(double)
	if n := len(c.Graph().Updates()); n != 0 {
		t.Errorf("a step without random numbers has %d updates", n)
	}
	c.Random()
	c.Finish(double)
	ups := c.Graph().Updates()
	if len(ups) != 1 || ups[0].Variable.Node().Op().(ir.Input).Label != StepKey {
		t.Errorf("updates are %v", ups)
	}
	if newest(c.Graph()).Op() != (doubled{}) {
		t.Error("the step is not counted")
	}
}

func TestMistakeNamesThePath(t *testing.T) {
	m := &struct{ A *layer }{newLayer()}
	c := begin(t, m)
	func() {
		defer c.Enter(m.A)()
		c.Param(NewParam(nil, 1))
	}()
	if err := c.Graph().Err(); err == nil || !strings.Contains(err.Error(), "; at a (ctx_test.go:") {
		t.Errorf("error %v", err)
	}
}
