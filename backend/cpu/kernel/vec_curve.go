package kernel

import (
	"math"
	"unsafe"
)

// numCurves counts the ops that have a slope, Gelu and what follows it.
const numCurves = 3

// WithSlope sets d[i] = op(a[i]) and slope[i] to the derivative there, for an op
// of Gelu, GeluTanh and Silu, with the bits that Run gives for each. Either
// result may be the same memory as a.
func (v *Vec) WithSlope(op VecOp, d, slope, a []float32) {
	f := v.withSlope[op-Gelu]
	for i := 0; i < len(d); i += maxCall {
		n := min(maxCall, len(d)-i)
		f(n, &d[i], &a[:i+n][i], &slope[:i+n][i], nil, 0, 0)
	}
}

// Slope returns the op that gives the derivative of op, or NumVecOps.
func (op VecOp) Slope() VecOp {
	if op >= Gelu && op < Gelu+numCurves {
		return op + numCurves
	}
	return NumVecOps
}

// The portable curves: functions that give a value and its derivative, computed
// in float64 as in vec_math.go.

// gelu64 takes the distribution P and the density of the normal law.
func gelu64(x float64) (value, slope float64) {
	p := erfc64(math.Abs(x)*(1/math.Sqrt2)) / 2
	if x > 0 {
		p = 1 - p
	}
	density := 0.0
	if q := float64(x*x) / 2; q < 110 { // else float32 holds nothing that small
		density = exp64(-q) * (1 / math.Sqrt(2*math.Pi))
	}
	return x * p, float64(x*density) + p
}

// geluTanh64 is x s(w), s the logistic function, w twice the argument of the
// tangent.
func geluTanh64(x float64) (value, slope float64) {
	const bend = 2 * math.Sqrt2 / math.SqrtPi
	square := float64(x * x)
	w := x * (float64(square*(bend*0.044715)) + bend)
	t, s := logistic64(w)
	rise := x * (float64(square*(3*bend*0.044715)) + bend)
	return x * s, float64(rise*(t/float64((1+t)*(1+t)))) + s
}

func silu64(x float64) (value, slope float64) {
	t, s := logistic64(x)
	return x * s, float64(x*(t/float64((1+t)*(1+t)))) + s
}

// logistic64 returns t = e^-|x|, 0 for what float32 can't hold, and 1/(1 + e^-x).
func logistic64(x float64) (t, s float64) {
	if a := math.Abs(x); a < 110 {
		t = exp64(-a)
	}
	if x < 0 {
		return t, t / (1 + t)
	}
	return t, 1 / (1 + t)
}

func valueOf(f func(x float64) (value, slope float64)) elementwise {
	return each(func(x float32) float32 {
		if x != x {
			return x
		}
		y, _ := f(float64(x))
		return float32(y)
	})
}

func slopeOf(f func(x float64) (value, slope float64)) elementwise {
	return each(func(x float32) float32 {
		if x != x {
			return x
		}
		_, y := f(float64(x))
		return float32(y)
	})
}

func withSlopeOf(f func(x float64) (value, slope float64)) elementwise {
	return func(n int, pd, pa, pb, _ *float32, _, _ float32) {
		d, a, b := unsafe.Slice(pd, n), unsafe.Slice(pa, n), unsafe.Slice(pb, n)
		for i, x := range a {
			if x != x {
				d[i], b[i] = x, x
				continue
			}
			value, slope := f(float64(x))
			d[i], b[i] = float32(value), float32(slope)
		}
	}
}
