package grad_test

import (
	"fmt"
	"io"
	"math"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/ops/optest"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// eachCase runs f for the cases that keep lets through.
func eachCase(t *testing.T, keep func(c optest.Case) bool, f func(t *testing.T, c optest.Case)) {
	for name, table := range optest.Tables() {
		t.Run(name, func(t *testing.T) {
			for _, c := range table.Cases {
				if keep(c) {
					t.Run(c.Name, func(t *testing.T) { f(t, c) })
				}
			}
		})
	}
}

// TestReferences compares gradients with the reference's.
func TestReferences(t *testing.T) {
	n := 0
	eachCase(t, func(c optest.Case) bool { return c.WantGrad != nil }, func(t *testing.T, c optest.Case) {
		n++
		g, in, out := c.Graph()
		run := c.Inputs()
		var ys, seeds []*ir.Value
		for i, s := range c.Gout {
			if s != nil {
				ys = append(ys, out[i])
				seeds = append(seeds, g.Input(ir.Arg, fmt.Sprint("gout", i), out[i].Type()))
				run = append(run, s)
			}
		}
		var xs []*ir.Value
		var want []*tensor.Tensor
		for i, w := range c.WantGrad {
			if w != nil {
				xs, want = append(xs, in[i]), append(want, w)
			}
		}
		g.SetOutputs(grad.VJP(ys, seeds, xs...)...)
		got := evaluate(t, g, run)
		for i := range got {
			if err := c.Compare(got[i], want[i]); err != nil {
				t.Errorf("gradient %d: %v", i, err)
			}
		}
	})
	if n < 400 {
		t.Errorf("only %d cases have reference gradients", n)
	}
}

func evaluate(t *testing.T, g *ir.Graph, in []*tensor.Tensor) []*tensor.Tensor {
	t.Helper()
	if err := g.Verify(); err != nil {
		t.Fatal(err)
	}
	r, err := interp.RunTo(io.Discard, g, in...)
	if err != nil {
		t.Fatal(err)
	}
	return r.Outputs
}

// loss adds up all floating-point results, each element with a random weight.
func loss(name string, vs []*ir.Value) *ir.Value {
	var sum *ir.Value
	gen := optest.NewGen("weights of " + name)
	for _, v := range vs {
		if !v.DType().IsFloat() {
			continue
		}
		// The weights are made of constants: w = sin(k (i + 1)) for element i.
		k := 0.5 + float64(gen.Int(1000))/500
		i := ops.Reshape(ops.Iota(v.Graph(), v.DType(), shape.Of(v.Shape().Size()), 0), v.Shape().Dims()...)
		w := ops.Sin(ops.Mul(ops.Add(i, ops.Scalar(i, 1)), ops.Scalar(i, k)))
		part := ops.Sum(ops.Mul(v, w))
		if sum == nil {
			sum = part
		} else {
			sum = ops.Add(sum, part)
		}
	}
	return sum
}

// floats lists the floating-point inputs of a case with their numbers.
func floats(c optest.Case, in []*ir.Value) (xs []*ir.Value) {
	for i, t := range c.In {
		if t != nil && t.DType() == dtype.Float64 {
			xs = append(xs, in[i])
		}
	}
	return xs
}

// TestDifferences compares first gradients with central differences.
func TestDifferences(t *testing.T) {
	eachCase(t, func(c optest.Case) bool { return !c.NoGrad }, func(t *testing.T, c optest.Case) {
		g, in, out := c.Graph()
		l := loss(c.Name, out)
		checkGradient(t, c, g, l, grad.Of(l, floats(c, in)...))
	})
}

// TestSecondDifferences compares second gradients with central differences of
// the first ones.
func TestSecondDifferences(t *testing.T) {
	eachCase(t, func(c optest.Case) bool { return c.Smooth }, func(t *testing.T, c optest.Case) {
		g, in, out := c.Graph()
		xs := floats(c, in)
		l := loss("second "+c.Name, grad.Of(loss(c.Name, out), xs...))
		checkGradient(t, c, g, l, grad.Of(l, xs...))
	})
}

// step is the half width of differences: their error, about step^2 plus
// 2^-53/step, is smallest near it.
const step = 1e-5

// checkGradient compares gradients of l by the floating-point inputs with
// differences. Large inputs are moved along random directions only.
func checkGradient(t *testing.T, c optest.Case, g *ir.Graph, l *ir.Value, grads []*ir.Value) {
	t.Helper()
	g.SetOutputs(grads...)
	got := evaluate(t, g, c.Inputs())
	g.SetOutputs(l)
	flat, err := ir.Expand(g, func(*ir.Node) bool { return false })
	if err != nil {
		t.Fatal(err)
	}
	at := func(k int, direction []float64, h float64) float64 {
		run := make([]*tensor.Tensor, 0, len(c.In))
		for i, x := range c.Inputs() {
			if i == k {
				x = x.Clone()
				for j, d := range direction {
					x.SetFloat(j, x.Float(j)+h*d)
				}
			}
			run = append(run, x)
		}
		return evaluate(t, flat, run)[0].Float(0)
	}
	n := 0
	for k, x := range c.Inputs() {
		if x.DType() != dtype.Float64 {
			continue
		}
		gx := got[n]
		n++
		for _, direction := range directions(c.Name, x.Size()) {
			want := (at(k, direction, step) - at(k, direction, -step)) / (2 * step)
			have, scale := 0.0, math.Max(1, math.Abs(want))
			for j, d := range direction {
				have += d * gx.Float(j)
				scale = math.Max(scale, math.Abs(gx.Float(j)))
			}
			if !(math.Abs(have-want) <= 1e-6*scale) {
				t.Errorf("input %d along %v: gradient %v, difference %v", k, direction, have, want)
				return
			}
		}
	}
}

// directions are the axes where there are few, else some random ones.
func directions(name string, n int) (list [][]float64) {
	if n <= 12 {
		for i := range n {
			d := make([]float64, n)
			d[i] = 1
			list = append(list, d)
		}
		return list
	}
	gen := optest.NewGen("directions of " + name)
	for range 6 {
		d := make([]float64, n)
		for i := range d {
			d[i] = float64(gen.Int(2001)-1000) / 1000
		}
		list = append(list, d)
	}
	return list
}

// TestOwnGradient compares the gradient that a composite brings with the one
// that its expansion has.
func TestOwnGradient(t *testing.T) {
	seen := map[string]bool{}
	eachCase(t, func(c optest.Case) bool { return !c.NoGrad }, func(t *testing.T, c optest.Case) {
		g, _, out := c.Graph()
		own := false
		for _, n := range g.Nodes() {
			_, composite := n.Op().(ir.Composite)
			_, differentiable := n.Op().(ir.Differentiable)
			if composite && differentiable {
				own = true
				seen[fmt.Sprintf("%T", n.Op())] = true
			}
		}
		if !own {
			return
		}
		g.SetOutputs(loss(c.Name, out))
		flat, err := ir.Expand(g, func(*ir.Node) bool { return false })
		if err != nil {
			t.Fatal(err)
		}
		gradients := func(g *ir.Graph) []*tensor.Tensor {
			var xs []*ir.Value
			for _, x := range g.Inputs() {
				if x.DType() == dtype.Float64 {
					xs = append(xs, x)
				}
			}
			g.SetOutputs(grad.Of(g.Outputs()[0], xs...)...)
			return evaluate(t, g, c.Inputs())
		}
		want := gradients(flat)
		for i, got := range gradients(g) {
			if err := c.Compare(got, want[i]); err != nil {
				t.Errorf("gradient %d differs from the expansion's: %v", i, err)
			}
		}
	})
	for _, l := range ops.List() {
		_, composite := l.Op.(ir.Composite)
		_, differentiable := l.Op.(ir.Differentiable)
		if composite && differentiable && !seen[fmt.Sprintf("%T", l.Op)] {
			t.Errorf("no case compares the gradient of %T", l.Op)
		}
	}
}
