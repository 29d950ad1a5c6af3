package nn

import (
	"math"
	"testing"

	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// drawn runs a function of a Ctx in training mode.
func drawn(t *testing.T, x *tensor.Tensor, f func(c *Ctx, x *ir.Value) *ir.Value) *tensor.Tensor {
	t.Helper()
	return moduletest.NewStore(t, &struct{}{}, 3).Run(t, func(c *Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{f(c.Train(), in[0])}
	}, x)[0]
}

func TestUniformAndGaussian(t *testing.T) {
	x := random(200, 200)
	mean, std, lo, hi := moments(drawn(t, x, uniform))
	if math.Abs(mean-0.5) > 0.006 || math.Abs(std-1/math.Sqrt(12)) > 0.005 || lo <= 0 || hi >= 1 || hi-lo < 0.999 {
		t.Errorf("uniform: mean %v, deviation %v, from %v to %v", mean, std, lo, hi)
	}
	g := drawn(t, x, gaussian)
	mean, std, _, _ = moments(g)
	var third, fourth, beside float64
	v := g.F32()
	for i, a := range v {
		a := float64(a)
		third += a * a * a / float64(len(v))
		fourth += a * a * a * a / float64(len(v))
		beside += a * float64(v[(i+1)%len(v)]) / float64(len(v))
	}
	if math.Abs(mean) > 0.02 || math.Abs(std-1) > 0.02 || math.Abs(third) > 0.08 || math.Abs(fourth-3) > 0.3 || math.Abs(beside) > 0.02 {
		t.Errorf("gaussian: mean %v, deviation %v, third moment %v, fourth %v, product of neighbours %v", mean, std, third, fourth, beside)
	}
}

func TestRReLUDrawsSlopes(t *testing.T) {
	l := NewRReLU()
	x := random(100, 100)
	out := moduletest.NewStore(t, l, 3).Run(t, func(c *Ctx, in []*ir.Value) []*ir.Value {
		y := l.Forward(c.Train(), in[0])
		return append(grad.Of(ops.Sum(y), in[0]), y)
	}, x)
	slope, y := out[0], out[1]
	var sum, n float64
	seen := map[float64]bool{}
	for i := range x.Size() {
		v, s := x.Float(i), slope.Float(i)
		if v > 0 {
			if s != 1 || y.Float(i) != v {
				t.Fatalf("%v becomes %v with gradient %v", v, y.Float(i), s)
			}
			continue
		}
		if s < l.Lower || s > l.Upper || math.Abs(y.Float(i)-s*v) > 1e-6*math.Abs(v) {
			t.Fatalf("%v becomes %v with gradient %v", v, y.Float(i), s)
		}
		sum, n, seen[s] = sum+s, n+1, true
	}
	if mean := sum / n; math.Abs(mean-(l.Lower+l.Upper)/2) > 0.005 || float64(len(seen)) < 0.99*n {
		t.Errorf("%d slopes of mean %v for %v elements", len(seen), mean, n)
	}
}
