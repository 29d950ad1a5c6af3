package kernel

import (
	"math"
	"testing"
)

// An updateCase runs a rule beside its formula in float64.
type updateCase struct {
	name   string
	rule   UpdateRule
	states int
	s      func(t int) [8]float32                       // scalars in step t
	want   func(x *[5]float64, d float64, s [8]float64) // one element: p, g, then the state
}

func updateCases() []updateCase {
	fixed := func(s ...float32) func(int) [8]float32 {
		var all [8]float32
		copy(all[:], s)
		return func(int) [8]float32 { return all }
	}
	momentum := func(x *[5]float64, d float64, s [8]float64) float64 {
		x[2] = s[2]*x[2] + s[3]*d
		return x[2]
	}
	rms := func(centered, momentum bool) func(x *[5]float64, d float64, s [8]float64) {
		return func(x *[5]float64, d float64, s [8]float64) {
			x[2] = s[2]*x[2] + s[3]*d*d
			u, last := x[2], 3
			if centered {
				x[3] += s[3] * (d - x[3])
				u -= x[3] * x[3]
				last = 4
			}
			step := d / (math.Sqrt(u) + s[4])
			if momentum {
				x[last] = s[5]*x[last] + step
				step = x[last]
			}
			x[0] -= s[0] * step
		}
	}
	return []updateCase{
		{"SGD", SGD, 0, fixed(0.1), func(x *[5]float64, d float64, s [8]float64) { x[0] -= s[0] * d }},
		{"SGD, decay", SGD, 0, fixed(0.1, 0.01), func(x *[5]float64, d float64, s [8]float64) { x[0] -= s[0] * d }},
		{"momentum", SGDMomentum, 1, fixed(0.1, 0.01, 0.9, 0.8), func(x *[5]float64, d float64, s [8]float64) { x[0] -= s[0] * momentum(x, d, s) }},
		{"nesterov", SGDNesterov, 1, fixed(0.1, 0.01, 0.9, 1, 0.9), func(x *[5]float64, d float64, s [8]float64) { x[0] -= s[0] * (d + s[4]*momentum(x, d, s)) }},
		{"AdaGrad", AdaGrad, 1, fixed(0.1, 0.01, 1e-10), func(x *[5]float64, d float64, s [8]float64) {
			x[2] += d * d
			x[0] -= s[0] * d / (math.Sqrt(x[2]) + s[2])
		}},
		{"RMSprop", RMSprop, 1, fixed(0.01, 0, 0.9, 0.1, 1e-8), rms(false, false)},
		{"RMSprop, centered", RMSpropCentered, 2, fixed(0.01, 0.01, 0.9, 0.1, 1e-8), rms(true, false)},
		{"RMSprop, momentum", RMSpropMomentum, 2, fixed(0.01, 0, 0.9, 0.1, 1e-8, 0.9), rms(false, true)},
		{"RMSprop, both", RMSpropCenteredMomentum, 3, fixed(0.01, 0.01, 0.9, 0.1, 1e-8, 0.9), rms(true, true)},
		{"Adam", Adam, 2, func(t int) [8]float32 {
			c1, c2 := 1-math.Pow(0.9, float64(t)), 1-math.Pow(0.999, float64(t))
			return [8]float32{float32(0.01 / c1), 0.01, 0.1, 0.999, 0.001, float32(1 / math.Sqrt(c2)), 1e-8, 0.99}
		}, func(x *[5]float64, d float64, s [8]float64) {
			x[2] += s[2] * (d - x[2])
			x[3] = s[3]*x[3] + s[4]*d*d
			x[0] = s[7]*x[0] - s[0]*x[2]/(math.Sqrt(x[3])*s[5]+s[6])
		}},
	}
}

// step runs the rule on p, g and as many states as it has.
func (c updateCase) step(v *Vec, x [5][]float32, t int) {
	s := c.s(t)
	for k := 2 + c.states; k < len(x); k++ {
		x[k] = nil
	}
	v.Update(c.rule, x[0], x[1], x[2], x[3], x[4], &s)
}

func (c updateCase) element(x *[5]float64, t int) {
	var s [8]float64
	for k, v := range c.s(t) {
		s[k] = float64(v)
	}
	c.want(x, x[1]+s[1]*x[0], s)
}

// TestUpdates takes ten steps: against float64, and against the portable bits.
func TestUpdates(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		for _, c := range updateCases() {
			for n := range 131 {
				if n == 130 {
					n = maxCall + 5
				}
				r := random()
				var x, y [5]padded
				var xs, ys [5][]float32
				for k := range x {
					x[k], y[k] = newPadded(n, (n+3*k)%16), newPadded(n, 0)
					xs[k], ys[k] = x[k].data, y[k].data
					clear(xs[k])
					clear(ys[k])
				}
				want := make([][5]float64, n)
				for i := range n {
					xs[0][i] = float32(r.NormFloat64())
					ys[0][i] = xs[0][i]
					want[i][0] = float64(xs[0][i])
				}
				for step := 1; step <= 10; step++ {
					for i := range n {
						xs[1][i] = float32(r.NormFloat64() + 0.5)
						ys[1][i] = xs[1][i]
						want[i][1] = float64(xs[1][i])
						c.element(&want[i], step)
					}
					c.step(&s.Vec, xs, step)
					c.step(&generic.Vec, ys, step)
				}
				for k := range xs {
					x[k].check(t, c.name)
					for i := range n {
						if !same(xs[k][i], ys[k][i]) {
							t.Fatalf("%s, n=%d: slot %d element %d is %g, portable %g", c.name, n, k, i, xs[k][i], ys[k][i])
						}
						if math.Abs(float64(xs[k][i])-want[i][k]) > 2e-5*(1+math.Abs(want[i][k])) {
							t.Fatalf("%s, n=%d: slot %d element %d is %g, want %g", c.name, n, k, i, xs[k][i], want[i][k])
						}
					}
				}
			}
		}
	})
}

// TestFusedFenced lets the operands of the fused kernels end at an unmapped page.
func TestFusedFenced(t *testing.T) {
	var mem [5][]float32
	for k := range mem {
		mem[k] = fenced[float32](t, 131, false)
	}
	eachSet(t, func(t *testing.T, s *Set) {
		for _, c := range updateCases() {
			for n := range 131 {
				var x [5][]float32
				for k := range mem {
					x[k] = mem[k][131-n:]
				}
				c.step(&s.Vec, x, 1)
			}
		}
		v := &s.Vec
		for n := 1; n < 131; n++ {
			x := func(k int) []float32 { return mem[k][131-n:] }
			v.LayerNormGrad(x(0), x(1), x(2), x(3), x(4), nil, 1, 1)
			v.LayerNormGrad(x(0), x(1), x(2), nil, nil, nil, 1, 1)
			v.CrossEntropy(x(0), 0)
		}
	})
}
