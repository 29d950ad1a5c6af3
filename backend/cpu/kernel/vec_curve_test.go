package kernel

import (
	"fmt"
	"math"
	"testing"
)

// exactCurves gives the two terms of a slope, and q where the tail is e^-q. The
// value is x times the first.
var exactCurves = map[VecOp]func(x float64) (s, rise, q float64){
	Gelu: func(x float64) (s, rise, q float64) {
		return math.Erfc(-x/math.Sqrt2) / 2, x * math.Exp(-x*x/2) / math.Sqrt(2*math.Pi), x * x / 2
	},
	GeluTanh: func(x float64) (s, rise, q float64) {
		const c = 2 * math.Sqrt2 / math.SqrtPi
		w := c * (x + 0.044715*x*x*x)
		t := math.Exp(-math.Abs(w))
		return sigmoid(w), c * (x + 3*0.044715*x*x*x) * t / ((1 + t) * (1 + t)), math.Abs(w)
	},
	Silu: func(x float64) (s, rise, q float64) {
		t := math.Exp(-math.Abs(x))
		return sigmoid(x), x * t / ((1 + t) * (1 + t)), 0
	},
}

func sigmoid(x float64) float64 {
	if x < 0 {
		return math.Exp(x) / (1 + math.Exp(x))
	}
	return 1 / (1 + math.Exp(-x))
}

// exactCurve gives the value of a curve or slope at x, and the unit that its
// error is counted in.
func exactCurve(op VecOp, x float64) (want, unit float64) {
	if f, ok := exactCurves[op]; ok {
		s, _, q := f(x)
		return x * s, (1+q)*ulp(x*s) + math.Abs(x)*0x1p-149
	}
	s, rise, q := exactCurves[op-numCurves](x)
	return s + rise, (1+q)*ulp(math.Abs(s)+math.Abs(rise)) + math.Abs(x)*0x1p-149
}

// nearCurve reports whether got is within some units of a curve at x.
func nearCurve(op VecOp, got, x float32, units float64) (off float64, ok bool) {
	want, unit := exactCurve(op, float64(x))
	if same(got, float32(want)) {
		return 0, true
	}
	off = math.Abs(float64(got)-want) / unit
	return off, off <= units
}

// TestCurves takes every 1021st float of either sign and holds curves and
// slopes to their bound.
func TestCurves(t *testing.T) {
	step := uint64(1021)
	if testing.Short() {
		step = 4093
	}
	eachSet(t, func(t *testing.T, s *Set) {
		for op := Gelu; op <= SiluSlope; op++ {
			worst, at := 0.0, float32(0)
			in, out := make([]float32, 0, 4096), make([]float32, 4096)
			flush := func() {
				s.Vec.Run(op, out[:len(in)], in, nil, nil, 0, 0)
				for i, x := range in {
					off, ok := nearCurve(op, out[i], x, 4)
					if !ok {
						t.Fatalf("%v: %.2f units at %g: %g", op, off, x, out[i])
					}
					if off > worst {
						worst, at = off, x
					}
				}
				in = in[:0]
			}
			for b := uint64(0); b <= 1<<32-1; b += step {
				in = append(in, math.Float32frombits(uint32(b)))
				if len(in) == cap(in) {
					flush()
				}
			}
			in = append(in, specials...)
			flush()
			t.Logf("%v: %.3f units at %g", op, worst, at)
		}
	})
}

// TestWithSlope has the bits of value and slope alone, at every length and
// alignment, also onto the operand, and writes nothing else.
func TestWithSlope(t *testing.T) {
	eachSet(t, func(t *testing.T, s *Set) {
		r := random()
		for op := Gelu; op < Gelu+numCurves; op++ {
			for n := range 131 {
				what := fmt.Sprintf("%v n=%d", op, n)
				offset := r.IntN(16)
				x, y, slope := newPadded(n, offset), newPadded(n, (offset+5)%16), newPadded(n, (offset+9)%16)
				fill(r, x.data)
				want, wantSlope := make([]float32, n), make([]float32, n)
				s.Vec.Run(op, want, x.data, nil, nil, 0, 0)
				s.Vec.Run(op.Slope(), wantSlope, x.data, nil, nil, 0, 0)
				compare := func(what string, value, slope []float32) {
					t.Helper()
					for i := range want {
						if !same(value[i], want[i]) || !same(slope[i], wantSlope[i]) {
							t.Fatalf("%s: element %d of %g is %g and %g, want %g and %g", what, i, x.data[i], value[i], slope[i], want[i], wantSlope[i])
						}
					}
				}
				s.Vec.WithSlope(op, y.data, slope.data, x.data)
				compare(what, y.data, slope.data)
				for _, p := range []padded{x, y, slope} {
					p.check(t, what)
				}
				onto := append([]float32{}, x.data...)
				s.Vec.WithSlope(op, onto, slope.data, onto)
				compare(what+" value onto operand", onto, slope.data)
				copy(onto, x.data)
				s.Vec.WithSlope(op, y.data, onto, onto)
				compare(what+" slope onto operand", y.data, onto)
			}
		}
	})
}

// TestWithSlopeFenced lets operand and results end at, and begin behind, an
// unmapped page.
func TestWithSlopeFenced(t *testing.T) {
	for _, atStart := range []bool{false, true} {
		x, y, slope := fenced[float32](t, 131, atStart), fenced[float32](t, 131, atStart), fenced[float32](t, 131, atStart)
		fill(random(), x)
		eachSet(t, func(t *testing.T, s *Set) {
			for op := Gelu; op < Gelu+numCurves; op++ {
				for n := range 131 {
					from := 0
					if !atStart {
						from = 131 - n
					}
					s.Vec.WithSlope(op, y[from:from+n], slope[from:from+n], x[from:from+n])
				}
			}
		})
	}
}

// BenchmarkCurve measures curves with and without their slopes on a block of
// 1024 in the first cache.
func BenchmarkCurve(b *testing.B) {
	eachAvailable(b, func(b *testing.B, s *Set) {
		x, y, z := make([]float32, 1024), make([]float32, 1024), make([]float32, 1024)
		for i := range x {
			x[i] = float32(i)/256 - 2
		}
		for op := Gelu; op < Gelu+numCurves; op++ {
			for name, f := range map[string]func(){
				op.String():                func() { s.Vec.Run(op, y, x, nil, nil, 0, 0) },
				op.Slope().String():        func() { s.Vec.Run(op.Slope(), y, x, nil, nil, 0, 0) },
				op.String() + "/WithSlope": func() { s.Vec.WithSlope(op, y, z, x) },
			} {
				b.Run(name, func(b *testing.B) {
					for b.Loop() {
						f()
					}
					b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/1024, "ns/elem")
				})
			}
		}
	})
}

// BenchmarkAfterAdd measures sums with what follows them, as one op and as two,
// on a block of 1024 in the first cache.
func BenchmarkAfterAdd(b *testing.B) {
	eachAvailable(b, func(b *testing.B, s *Set) {
		x, y, z := make([]float32, 1024), make([]float32, 1024), make([]float32, 1024)
		for _, c := range []struct{ one, two VecOp }{{AddRelu, Relu}, {AddReluGrad, ReluGrad}, {Add3, Add}} {
			b.Run(c.one.String(), func(b *testing.B) {
				for b.Loop() {
					s.Vec.Run(c.one, z, x, y, x, 0, 0)
				}
			})
			b.Run("Add+"+c.two.String(), func(b *testing.B) {
				for b.Loop() {
					s.Vec.Run(Add, z, x, y, nil, 0, 0)
					s.Vec.Run(c.two, z, z, x, nil, 0, 0)
				}
			})
		}
	})
}
