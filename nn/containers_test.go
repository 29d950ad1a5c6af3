package nn

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
)

// Keys of lists and dicts are those of torch.nn's.
func TestListsAndDicts(t *testing.T) {
	m := &struct {
		Heads  ModuleDict[*Linear]
		Scales ModuleDict[*Param]
		Blocks []Forwarder
		Biases []*Param
	}{Blocks: []Forwarder{NewLinear(2, 2), &ReLU{}, NewLinear(2, 1)}, Biases: []*Param{newParam(Zeros(), 3), newParam(Ones(), 2)}}
	m.Heads.Set("b", NewLinear(2, 3))
	m.Heads.Set("a", NewLinear(2, 1))
	m.Heads.Set("b", LinearConfig{In: 2, Out: 4}.Build())
	m.Scales.Set("left", newParam(Ones(), 5))
	s := moduletest.NewStore(t, m, 0)
	var keys []string
	for _, p := range s.Tree.Params {
		keys = append(keys, p.Key)
	}
	want := "heads.b.weight heads.a.weight heads.a.bias scales.left blocks.0.weight blocks.0.bias blocks.2.weight blocks.2.bias biases.0 biases.1"
	if got := strings.Join(keys, " "); got != want {
		t.Errorf("keys %s, want %s", got, want)
	}
	if m.Heads.Get("b").Config.Out != 4 || m.Heads.Get("c") != nil || strings.Join(m.Heads.Names(), " ") != "b a" {
		t.Errorf("names %v", m.Heads.Names())
	}
}

func TestBranches(t *testing.T) {
	a, b := NewLinear(3, 3), NewLinear(3, 3)
	twice := Lambda(func(x *ir.Value) *ir.Value { return ops.Add(x, x) })
	l := NewSequential(&Residual{Body: a}, &Residual{Body: twice, Shortcut: b}, &Parallel{Modules: Modules{twice, NewFlatten()}, Axis: -1})
	s := moduletest.NewStore(t, l, 1)
	var keys []string
	for _, p := range s.Tree.Params {
		keys = append(keys, p.Key)
	}
	if got := strings.Join(keys, " "); got != "0.body.weight 0.body.bias 1.shortcut.weight 1.shortcut.bias" {
		t.Errorf("keys %s", got)
	}
	out := s.Run(t, func(c *Ctx, in []*ir.Value) []*ir.Value {
		x := in[0]
		h := ops.Add(x, a.Forward(c, x))
		h = ops.Add(ops.Add(h, h), b.Forward(c, h))
		return []*ir.Value{l.Forward(c, x), ops.Concat(1, ops.Add(h, h), h)}
	}, random(4, 3))
	moduletest.Near(t, "branches", out[0], out[1])
}
