package ir_test

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/ir"
)

func same(*ir.Graph, *ir.Node, []*ir.Value) []*ir.Value { return nil }

func TestRewriteKeeps(t *testing.T) {
	g := ir.NewGraph()
	x, w := g.Input(ir.Arg, "x", f32(2)), g.Input(ir.Variable, "w", f32(2))
	g.Input(ir.Arg, "unused", f32(7))
	ir.Apply1(join{1}, x) // dead
	g.SetPath("block")
	a := ir.Apply(join{2}, x, w)
	g.SetPath("")
	x.SetSharding(ir.Sharding{"data"})
	a[1].SetSharding(ir.Sharding{"", "model"})
	g.SetOutputs(a[1])
	g.Update(w, a[0])
	to, err := ir.Rewrite(g, same)
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Verify(); err != nil {
		t.Fatal(err)
	}
	if got, want := to.String(), g.String(); got != want {
		t.Errorf("got\n%swant\n%s", got, want)
	}
	if len(to.Nodes()) != 4 || len(to.Inputs()) != 3 {
		t.Errorf("%d nodes and %d inputs, want 4 and 3", len(to.Nodes()), len(to.Inputs()))
	}
	out := to.Outputs()[0]
	if out.Sharding() != a[1].Sharding() || to.Inputs()[0].Sharding() != x.Sharding() || to.Inputs()[1].Sharding() != (ir.Sharding{}) {
		t.Error("sharding is lost")
	}
	if out.Node().Site() != a[0].Node().Site() || out.Node().Path() != "block" {
		t.Errorf("the node is of %q at %s", out.Node().Path(), out.Node().Site())
	}
	if out.Graph() != to || g.Outputs()[0] != a[1] || len(g.Nodes()) != 5 {
		t.Error("the old graph was changed")
	}
}

func TestRewriteReplaces(t *testing.T) {
	g := ir.NewGraph()
	x := g.Input(ir.Arg, "x", f32(2))
	a := ir.Apply1(join{1}, x).SetSharding(ir.Sharding{"data"})
	g.SetOutputs(ir.Apply1(join{1}, a))
	to, err := ir.Rewrite(g, func(to *ir.Graph, n *ir.Node, in []*ir.Value) []*ir.Value {
		if n == a.Node() {
			return []*ir.Value{ir.Apply(join{2}, in...)[1]}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	v := to.Outputs()[0].Node().In()[0]
	if v.Node().Op() != (join{2}) || v.Index() != 1 || v.Sharding() != a.Sharding() {
		t.Errorf("the output reads result %d of %v, sharding %v", v.Index(), v.Node().Op(), v.Sharding())
	}
	for want, f := range map[string]func(to *ir.Graph, n *ir.Node, in []*ir.Value) []*ir.Value{
		"rewritten to 2 results": func(_ *ir.Graph, _ *ir.Node, in []*ir.Value) []*ir.Value { return ir.Apply(join{2}, in...) },
		"rewritten from f32[2] to f32[3]": func(to *ir.Graph, _ *ir.Node, _ []*ir.Value) []*ir.Value {
			return []*ir.Value{to.Input(ir.Arg, "", f32(3))}
		},
	} {
		if _, err := ir.Rewrite(g, f); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestExpand(t *testing.T) {
	g := ir.NewGraph()
	g.SetPath("m")
	v := ir.Apply1(twice{}, g.Input(ir.Arg, "x", f32(2))).SetSharding(ir.Sharding{"data"})
	g.SetOutputs(v)
	kept, err := ir.Expand(g, func(*ir.Node) bool { return true })
	if err != nil || kept.Outputs()[0].Node().Op() != (twice{}) {
		t.Errorf("a composite that is kept became %v, %v", kept, err)
	}
	flat, err := ir.Expand(g, func(*ir.Node) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	out := flat.Outputs()[0]
	want := "%0 = input{x}() : f32[2]  // m\n%1 = join{Results:1}(%0) : f32[2]  // m\n%2 = join{Results:1}(%1) : f32[2]  // m\noutput %2\n"
	if flat.String() != want {
		t.Errorf("got\n%swant\n%s", flat, want)
	}
	if out.Sharding() != v.Sharding() || out.Node().Site() != v.Node().Site() {
		t.Error("sharding or site is lost")
	}
}
