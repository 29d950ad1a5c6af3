package kernel

import (
	"math"
	"testing"
)

// An updateCase runs one optimizer beside its formula in float64.
type updateCase struct {
	name string
	step func(v *Vec, x [5][]float32, t int)
	want func(x *[5]float64, t int) // one element: p, g, then the state
}

func updateCases() []updateCase {
	sgd := func(name string, h SGDStep) updateCase {
		return updateCase{"SGD " + name,
			func(v *Vec, x [5][]float32, t int) { h.First = t == 1; v.SGD(x[0], x[1], x[2], h) },
			func(x *[5]float64, t int) {
				g := x[1] + h.WeightDecay*x[0]
				if h.Momentum == 0 {
					x[0] -= h.LR * g
					return
				}
				if t == 1 {
					x[2] = g
				} else {
					x[2] = h.Momentum*x[2] + (1-h.Dampening)*g
				}
				if h.Nesterov {
					x[0] -= h.LR * (g + h.Momentum*x[2])
				} else {
					x[0] -= h.LR * x[2]
				}
			}}
	}
	rms := func(name string, h RMSPropStep, centered bool) updateCase {
		return updateCase{"RMSProp " + name,
			func(v *Vec, x [5][]float32, t int) {
				avg := x[3]
				if !centered {
					avg = nil
				}
				v.RMSProp(x[0], x[1], x[2], avg, x[4], h)
			},
			func(x *[5]float64, t int) {
				g := x[1] + h.WeightDecay*x[0]
				x[2] = h.Alpha*x[2] + (1-h.Alpha)*g*g
				u := x[2]
				if centered {
					x[3] = h.Alpha*x[3] + (1-h.Alpha)*g
					u -= x[3] * x[3]
				}
				d := g / (math.Sqrt(u) + h.Eps)
				if h.Momentum != 0 {
					x[4] = h.Momentum*x[4] + d
					d = x[4]
				}
				x[0] -= h.LR * d
			}}
	}
	adam := func(name string, h AdamStep) updateCase {
		corrected := func(t int) AdamStep {
			h := h
			h.Correction1, h.Correction2 = 1-math.Pow(h.Beta1, float64(t)), 1-math.Pow(h.Beta2, float64(t))
			return h
		}
		return updateCase{name,
			func(v *Vec, x [5][]float32, t int) { v.Adam(x[0], x[1], x[2], x[3], corrected(t)) },
			func(x *[5]float64, t int) {
				h := corrected(t)
				g := x[1]
				if h.Decoupled {
					x[0] *= 1 - h.LR*h.WeightDecay
				} else {
					g += h.WeightDecay * x[0]
				}
				x[2] = h.Beta1*x[2] + (1-h.Beta1)*g
				x[3] = h.Beta2*x[3] + (1-h.Beta2)*g*g
				x[0] -= h.LR * (x[2] / h.Correction1) / (math.Sqrt(x[3]/h.Correction2) + h.Eps)
			}}
	}
	ada := AdaGradStep{LR: 0.1, WeightDecay: 0.01, Eps: 1e-10}
	return []updateCase{
		sgd("plain", SGDStep{LR: 0.1}),
		sgd("decay", SGDStep{LR: 0.1, WeightDecay: 0.01}),
		sgd("momentum", SGDStep{LR: 0.1, WeightDecay: 0.01, Momentum: 0.9, Dampening: 0.1}),
		sgd("nesterov", SGDStep{LR: 0.1, WeightDecay: 0.01, Momentum: 0.9, Nesterov: true}),
		{"AdaGrad",
			func(v *Vec, x [5][]float32, t int) { v.AdaGrad(x[0], x[1], x[2], ada) },
			func(x *[5]float64, t int) {
				g := x[1] + ada.WeightDecay*x[0]
				x[2] += g * g
				x[0] -= ada.LR * g / (math.Sqrt(x[2]) + ada.Eps)
			}},
		rms("plain", RMSPropStep{LR: 0.01, Alpha: 0.9, Eps: 1e-8}, false),
		rms("centered", RMSPropStep{LR: 0.01, Alpha: 0.9, Eps: 1e-8, WeightDecay: 0.01}, true),
		rms("momentum", RMSPropStep{LR: 0.01, Alpha: 0.9, Eps: 1e-8, Momentum: 0.9}, false),
		rms("both", RMSPropStep{LR: 0.01, Alpha: 0.9, Eps: 1e-8, WeightDecay: 0.01, Momentum: 0.9}, true),
		adam("Adam", AdamStep{LR: 0.01, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.01}),
		adam("AdamW", AdamStep{LR: 0.01, Beta1: 0.9, Beta2: 0.999, Eps: 1e-8, WeightDecay: 0.01, Decoupled: true}),
	}
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
						c.want(&want[i], step)
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
			v.columnSums(n, &x(0)[0], &x(1)[0], &x(2)[0], &x(3)[0], &x(4)[0], nil, 0, 0, 0, 0, 0, 0, 0, 0)
			v.columnGrad(n, &x(0)[0], &x(1)[0], &x(2)[0], &x(3)[0], &x(4)[0], &x(4)[0], 0, 0, 0, 0, 0, 0, 0, 0)
			v.CrossEntropy(x(0), 0)
		}
	})
}
