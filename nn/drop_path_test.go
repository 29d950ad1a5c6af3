package nn

import (
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// An example is dropped or scaled as a whole, and its gradient with it.
func TestDropPath(t *testing.T) {
	const n, width = 2000, 6
	type net struct{ Drop *DropPath }
	m := &net{NewDropPath(0.25)}
	s := moduletest.NewStore(t, m, 5)
	x := random(n, 2, 3)
	run := func() []*tensor.Tensor {
		return s.Run(t, func(c *Ctx, in []*ir.Value) []*ir.Value {
			y := m.Drop.Forward(c.Train(), in[0])
			return []*ir.Value{y, m.Drop.Forward(c.Eval(), in[0]), grad.Of(ops.Sum(y), in[0])[0]}
		}, x)
	}
	out := run()
	moduletest.Near(t, "evaluation", out[1], x)
	kept := 0
	for b := range n {
		scale := out[2].Float(b * width)
		switch {
		case scale == 0:
		case math.Abs(scale-4.0/3) < 1e-6:
			kept++
		default:
			t.Fatalf("example %d has the slope %v", b, scale)
		}
		for i := b * width; i < (b+1)*width; i++ {
			if got, want := out[0].Float(i), x.Float(i)*scale; math.Abs(got-want) > 1e-6 || out[2].Float(i) != scale {
				t.Fatalf("element %d of example %d is %v with slope %v, want %v with %v", i-b*width, b, got, out[2].Float(i), want, scale)
			}
		}
	}
	if kept < 1365 || kept > 1635 { // 1500 and seven deviations
		t.Errorf("%d of %d examples kept", kept, n)
	}
	if string(run()[0].Bytes()) == string(out[0].Bytes()) {
		t.Error("two steps drop the same examples")
	}
	all, _ := forward(t, moduletest.NewStore(t, m, 5), NewDropPath(1), x)
	if mean, _, _, _ := moments(all); mean != 0 {
		t.Error("a probability of 1 keeps examples")
	}
	none, _ := forward(t, moduletest.NewStore(t, m, 5), NewDropPath(0), x)
	moduletest.Near(t, "probability 0", none, x)
}

func TestDropPathMistakes(t *testing.T) {
	for _, tc := range []struct {
		p    float64
		x    ir.Type
		want string
	}{
		{-0.5, f32(2, 3), "drop_path: probability -0.5 is outside 0..1"},
		{0.5, ir.Type{DType: dtype.Float32, Shape: shape.Shape{}}, "drop_path: wants an operand [B ...]"},
	} {
		m := &struct{ Drop *DropPath }{NewDropPath(tc.p)}
		tree, err := module.Walk(m)
		if err != nil {
			t.Fatal(err)
		}
		g := ir.NewGraph()
		m.Drop.Forward(module.NewCtx(g, tree, nil).Train(), g.Input(ir.Arg, "x", tc.x))
		if err := g.Err(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("error %v, want %q", err, tc.want)
		}
	}
}
