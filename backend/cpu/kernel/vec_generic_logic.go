package kernel

import "unsafe"

// Comparisons, logic and the transcendental loops; the rest of the portable
// loops stands in vec_generic.go.

func genericEq(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = truth(x == b[i])
	}
}

func genericNe(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = truth(x != b[i])
	}
}

func genericLt(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = truth(x < b[i])
	}
}

func genericLe(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = truth(x <= b[i])
	}
}

func genericGt(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = truth(x > b[i])
	}
}

func genericGe(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = truth(x >= b[i])
	}
}

func genericAnd(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = truth(x != 0 && b[i] != 0)
	}
}

func genericOr(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = truth(x != 0 || b[i] != 0)
	}
}

func genericEqS(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = truth(x == s0)
	}
}

func genericNeS(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = truth(x != s0)
	}
}

func genericLtS(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = truth(x < s0)
	}
}

func genericLeS(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = truth(x <= s0)
	}
}

func genericGtS(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = truth(x > s0)
	}
}

func genericGeS(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = truth(x >= s0)
	}
}

func genericNot(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = truth(x == 0)
	}
}

func genericSelect(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	c := unsafe.Slice(pc, n)[:len(d)]
	for i, x := range a {
		if x != 0 {
			d[i] = b[i]
		} else {
			d[i] = c[i]
		}
	}
}

func genericExp(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = exp32(x)
	}
}

func genericExpm1(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = expm132(x)
	}
}

func genericLog(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = log32(x)
	}
}

func genericLog1p(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = log1p32(x)
	}
}

func genericTanh(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = tanh32(x)
	}
}

func genericSigmoid(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = sigmoid32(x)
	}
}

func genericErf(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = erf32(x)
	}
}

func genericSin(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = sin32(x)
	}
}

func genericCos(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = cos32(x)
	}
}

func genericPow(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = pow32(x, b[i])
	}
}

func genericExpSub(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	for i, x := range a {
		d[i] = exp32(x-s0) * s1
	}
}

func genericExpAxpy(n int, pd, pa, pb, pc *float32, s0, s1 float32) {
	d := unsafe.Slice(pd, n)
	a := unsafe.Slice(pa, n)[:len(d)]
	b := unsafe.Slice(pb, n)[:len(d)]
	for i, x := range a {
		d[i] = float32(s0*exp32(x)) + b[i]
	}
}
