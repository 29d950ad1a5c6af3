package grad_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/ops/optest"
	"github.com/gradus-ml/gradus/rng"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// For every op the product with the Jacobian from the right is the transpose of
// that from the left: gout . (J t) = (gout J) . t.
func TestJVPIsTransposeOfVJP(t *testing.T) {
	n := 0
	without := func(c optest.Case) bool {
		switch c.Name {
		case "gradient": // of a cast, rounds on the way, as f16 below
			return true
		case "pow_zero", "torch/vector_norm_1.5_nothing", "torch/vector_norm_3.0_nothing": // have no second derivative, which rules pass through
			return true
		}
		return strings.Contains(c.Name, "f16")
	}
	eachCase(t, func(c optest.Case) bool { return c.WantGrad != nil && !without(c) }, func(t *testing.T, c optest.Case) {
		g, in, out := c.Graph()
		run := c.Inputs()
		var ys, seeds, xs, tangents []*ir.Value
		arg := func(name string, v *tensor.Tensor, typ ir.Type) *ir.Value {
			run = append(run, v)
			return g.Input(ir.Arg, name, typ)
		}
		for i, s := range c.Gout {
			if s != nil {
				ys, seeds = append(ys, out[i]), append(seeds, arg(fmt.Sprint("gout", i), s, out[i].Type()))
			}
		}
		for i, w := range c.WantGrad {
			if w != nil {
				r := rng.NewStream(1, c.Name, uint64(i))
				v := tensor.New(w.DType(), w.Shape())
				for j := range v.Size() {
					v.SetFloat(j, r.Normal())
				}
				xs, tangents = append(xs, in[i]), append(tangents, arg(fmt.Sprint("tangent", i), v, in[i].Type()))
			}
		}
		if g.Err() != nil || !wide(ys) || !wide(xs) {
			t.Skip("a case of mistakes, or of less than float64")
		}
		back := grad.VJP(ys, seeds, xs...)
		g.SetOutputs(append(append([]*ir.Value{dot(seeds, grad.JVP(ys, xs, tangents)), dot(back, tangents)}, ys...), back...)...)
		got := evaluate(t, g, run)
		if !finite(run) || !finite(got[1:]) {
			t.Skip("products of 0 and infinity have no order")
		}
		n++
		right, left := got[0].Float(0), got[1].Float(0)
		if d := math.Abs(right - left); !(d <= 1e-9*max(1, math.Abs(left))) {
			t.Errorf("gout . (J t) = %v, (gout J) . t = %v", right, left)
		}
	})
	if n < 100 {
		t.Errorf("only %d cases were compared", n)
	}
}

func finite(vs []*tensor.Tensor) bool {
	for _, v := range vs {
		for i := range v.Size() {
			if v.DType().IsFloat() && v.Float(i)-v.Float(i) != 0 {
				return false
			}
		}
	}
	return true
}

func wide(vs []*ir.Value) bool {
	for _, v := range vs {
		if v.DType() != dtype.Float64 {
			return false
		}
	}
	return len(vs) > 0
}

// dot is the sum of all products.
func dot(a, b []*ir.Value) *ir.Value {
	sum := ops.Sum(ops.Mul(a[0], b[0]))
	for i := 1; i < len(a); i++ {
		sum = ops.Add(sum, ops.Sum(ops.Mul(a[i], b[i])))
	}
	return sum
}

// y0 = x0 x1, y1 = sin x0, y2 = 7: all of the Jacobian, and what it makes of a
// tangent.
func TestJacobian(t *testing.T) {
	g := ir.NewGraph()
	x := vector(g, "x", 2)
	x0, x1 := ops.Narrow(x, 0, 0, 1), ops.Narrow(x, 0, 1, 1)
	y := ops.Concat(0, ops.Mul(x0, x1), ops.Sin(x0), ops.Full(g, dtype.Float64, shape.Of(1), 7))
	j := grad.Jacobian(y, x)
	tangent := ops.Concat(0, ops.Full(g, dtype.Float64, shape.Of(1), 1), ops.Full(g, dtype.Float64, shape.Of(1), 10))
	along := grad.JVP([]*ir.Value{y}, []*ir.Value{x}, []*ir.Value{tangent})[0]
	c := math.Cos(2)
	check(t, g, []*ir.Value{ops.Reshape(j, -1), along}, [][]float64{{5, 2, c, 0, 0, 0}, {25, c, 0}}, optest.Floats(2, 5))
}

// y = x0^2 x1 + x1^3.
func TestHessian(t *testing.T) {
	g := ir.NewGraph()
	x := vector(g, "x", 2)
	x0, x1 := ops.Narrow(x, 0, 0, 1), ops.Narrow(x, 0, 1, 1)
	y := ops.Sum(ops.Add(ops.Mul(ops.Square(x0), x1), ops.Mul(ops.Square(x1), x1)))
	h := grad.Hessian(y, x)
	v := vector(g, "v", 2)
	hv := grad.HVP(y, []*ir.Value{x}, []*ir.Value{v})[0]
	check(t, g, []*ir.Value{ops.Reshape(h, -1), hv}, [][]float64{{10, 4, 4, 30}, {10 - 4, 4 - 30}}, optest.Floats(2, 5), optest.Floats(1, -1))
}

// What does not depend on x has a Jacobian of zeros.
func TestJVPUnreached(t *testing.T) {
	g := ir.NewGraph()
	x, z := vector(g, "x", 2), vector(g, "z", 3)
	out := grad.JVP([]*ir.Value{ops.Exp(z), ops.Square(x)}, []*ir.Value{x}, []*ir.Value{ops.OnesLike(x)})
	none := grad.JVP([]*ir.Value{ops.Exp(z)}, []*ir.Value{x}, []*ir.Value{ops.OnesLike(x)})
	check(t, g, append(out, none...), [][]float64{{0, 0, 0}, {2, 4}, {0, 0, 0}}, optest.Floats(1, 2), optest.Floats(1, 2, 3))
}

func TestForwardRefuses(t *testing.T) {
	for want, f := range map[string]func(x, y *ir.Value){
		"jvp: tangent 0 has another type": func(x, y *ir.Value) { grad.JVP([]*ir.Value{y}, []*ir.Value{x}, []*ir.Value{ops.Sum(y)}) },
		"hvp: 0 vectors for 1 values":     func(x, y *ir.Value) { grad.HVP(ops.Sum(y), []*ir.Value{x}, nil) },
	} {
		g := ir.NewGraph()
		x := vector(g, "x", 2)
		f(x, ops.Exp(x))
		if err := g.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}

// Gradients of each example equal those of a graph of that example alone.
func TestPerSample(t *testing.T) {
	g := ir.NewGraph()
	w := g.Input(ir.Arg, "w", ir.Type{DType: dtype.Float64, Shape: shape.Of(2, 3)})
	x := g.Input(ir.Arg, "x", ir.Type{DType: dtype.Float64, Shape: shape.Of(4, 3)})
	y := g.Input(ir.Arg, "y", ir.Type{DType: dtype.Float64, Shape: shape.Of(4, 2)})
	loss := func(x, y *ir.Value) *ir.Value { // of a batch
		return ops.Sum(ops.Square(ops.Sub(ops.Tanh(ops.MatMul(x, ops.Transpose(w, 1, 0))), y)))
	}
	losses, grads := grad.PerSample([]*ir.Value{x, y}, func(e []*ir.Value) *ir.Value {
		return loss(ops.Unsqueeze(e[0], 0), ops.Unsqueeze(e[1], 0))
	}, w)
	outputs := []*ir.Value{losses, grads[0]}
	for i := range 4 {
		l := loss(ops.Narrow(x, 0, i, 1), ops.Narrow(y, 0, i, 1))
		outputs = append(outputs, l, grad.Of(l, w)[0])
	}
	g.SetOutputs(outputs...)
	in := make([]*tensor.Tensor, 3)
	for i, v := range []*ir.Value{w, x, y} {
		r := rng.NewStream(1, "in", uint64(i))
		in[i] = tensor.New(dtype.Float64, v.Shape())
		for j := range in[i].Size() {
			in[i].SetFloat(j, r.Normal())
		}
	}
	out := evaluate(t, g, in)
	for i := range 4 {
		if got, want := out[0].Float(i), out[2+2*i].Float(0); math.Abs(got-want) > 1e-12 || want == 0 {
			t.Errorf("loss of example %d is %v, want %v", i, got, want)
		}
		for j := range 6 {
			if got, want := out[1].Float(6*i+j), out[3+2*i].Float(j); math.Abs(got-want) > 1e-12 || want == 0 {
				t.Errorf("gradient %d of example %d is %v, want %v", j, i, got, want)
			}
		}
	}
}

// A rule stands in for the gradient: here that of rounding is 1, times 10 so
// that it shows, and has a gradient of its own.
func TestCustom(t *testing.T) {
	g := ir.NewGraph()
	x := vector(g, "x", 2)
	y := grad.Custom([]*ir.Value{x}, func(in []*ir.Value) []*ir.Value {
		return []*ir.Value{ops.Round(in[0])}
	}, func(in, out, gout []*ir.Value) []*ir.Value {
		return []*ir.Value{ops.Mul(gout[0], ops.Mul(in[0], ops.Scalar(in[0], 10)))}
	})[0]
	slope := grad.Of(ops.Sum(ops.Square(y)), x)[0] // 2 round(x) 10 x
	bend := grad.Of(ops.Sum(slope), x)[0]          // 20 (round(x) + 10 x x)
	check(t, g, []*ir.Value{y, slope, bend}, [][]float64{{2, -1}, {20 * 2 * 1.75, 20 * 1.25}, {20 * (2 + 10*1.75*1.75), 20 * (-1 + 10*1.25*1.25)}},
		optest.Floats(1.75, -1.25))
}

func TestCustomRefuses(t *testing.T) {
	for want, f := range map[string]func(x *ir.Value){
		"custom: the function returned no value": func(x *ir.Value) {
			grad.Custom([]*ir.Value{x}, func([]*ir.Value) []*ir.Value { return nil }, nil)
		},
		"custom: the rule gave 2 gradients for 1 operands": func(x *ir.Value) {
			y := grad.Custom([]*ir.Value{x}, func(in []*ir.Value) []*ir.Value { return in },
				func(in, _, gout []*ir.Value) []*ir.Value { return append(gout, in...) })
			grad.Of(ops.Sum(y[0]), x)
		},
	} {
		g := ir.NewGraph()
		f(vector(g, "x", 2))
		if err := g.Err(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want %q", err, want)
		}
	}
}
