package kernel

import (
	"math"
	"math/rand/v2"
	"testing"
)

// widenExact is the number with those bits by its definition.
func widenExact(h Half, bits uint16) float64 {
	if h == BF16 {
		return float64(math.Float32frombits(uint32(bits) << 16))
	}
	exponent, fraction := int(bits>>10&0x1f), float64(bits&0x3ff)
	x := math.Ldexp(1024+fraction, exponent-25)
	switch {
	case exponent == 0:
		x = math.Ldexp(fraction, -24)
	case exponent == 31 && fraction == 0:
		x = math.Inf(1)
	case exponent == 31:
		x = math.NaN()
	}
	if bits>>15 != 0 {
		x = math.Copysign(x, -1)
	}
	return x
}

// TestWiden reads every float of 16 bits, and rounds it back to its bits.
func TestWiden(t *testing.T) {
	all, back := make([]uint16, 1<<16), make([]uint16, 1<<16)
	wide := make([]float32, 1<<16)
	for i := range all {
		all[i] = uint16(i)
	}
	eachSet(t, func(t *testing.T, s *Set) {
		for h := range Half(numHalves) {
			s.Widen(h, wide, all)
			s.Narrow(h, back, wide)
			for i, x := range wide {
				want := widenExact(h, all[i])
				isNaN := want != want
				if float64(x) != want && !(isNaN && x != x) || !isNaN && math.Signbit(float64(x)) != math.Signbit(want) {
					t.Fatalf("format %d: %#04x is %g, want %g", h, i, x, want)
				}
				quiet := [numHalves]uint16{0x40, 0x200}[h]
				if back[i] != all[i] && !(isNaN && back[i] == all[i]|quiet) {
					t.Fatalf("format %d: %#04x came back as %#04x", h, i, back[i])
				}
			}
		}
	})
}

// TestNarrow compares the rounding with its definition around every number:
// at it, halfway to the next, and beside that.
func TestNarrow(t *testing.T) {
	infinity := [numHalves]uint16{0x7f80, 0x7c00}
	next := func(x float32) float32 { return math.Nextafter32(x, float32(math.Inf(1))) }
	for h := range Half(numHalves) {
		var src []float32
		var want []uint16
		add := func(x float32, bits uint16) {
			src, want = append(src, x, -x), append(want, bits, bits|0x8000)
		}
		for b := range infinity[h] {
			lo, hi := widenExact(h, b), widenExact(h, b+1)
			if b+1 == infinity[h] {
				hi = 2*lo - widenExact(h, b-1)
			}
			middle := float32((lo + hi) / 2) // exact, but below the smallest number of BF16
			add(float32(lo), b)
			if float64(middle) != (lo+hi)/2 {
				continue
			}
			add(middle, b+b&1)
			add(math.Nextafter32(middle, 0), b)
			add(next(middle), b+1)
		}
		add(float32(math.Inf(1)), infinity[h])
		add(math.MaxFloat32, infinity[h])
		eachSet(t, func(t *testing.T, s *Set) {
			got := make([]uint16, len(src))
			s.Narrow(h, got, src)
			for i, x := range src {
				if got[i] != want[i] {
					t.Fatalf("format %d: %g becomes %#04x, want %#04x", h, x, got[i], want[i])
				}
			}
		})
	}
}

// TestNarrowBits compares many random floats, NaN among them, with the portable
// version: the bits are the same.
func TestNarrowBits(t *testing.T) {
	r := random()
	src := make([]float32, 1<<18)
	for i := range src {
		src[i] = math.Float32frombits(r.Uint32())
	}
	got, want := make([]uint16, len(src)), make([]uint16, len(src))
	eachSet(t, func(t *testing.T, s *Set) {
		for h := range Half(numHalves) {
			s.Narrow(h, got, src)
			generic.Narrow(h, want, src)
			for i := range src {
				if got[i] != want[i] {
					t.Fatalf("format %d: %#08x becomes %#04x, portable %#04x", h, math.Float32bits(src[i]), got[i], want[i])
				}
			}
		}
	})
}

// TestHalvesFenced converts every length to 130 beside unmapped pages.
func TestHalvesFenced(t *testing.T) {
	for _, atStart := range []bool{false, true} {
		words, floats := fenced[uint16](t, 131, atStart), fenced[float32](t, 131, atStart)
		cut := func(n int) ([]uint16, []float32) {
			if atStart {
				return words[:n], floats[:n]
			}
			return words[len(words)-n:], floats[len(floats)-n:]
		}
		eachSet(t, func(t *testing.T, s *Set) {
			for n := range 131 {
				w, f := cut(n)
				for h := range Half(numHalves) {
					for i := range words {
						words[i], floats[i] = 0xffff, 7
					}
					for i := range w {
						w[i] = uint16(0x3c00 + i)
					}
					s.Widen(h, f, w)
					for i := range f {
						if want := widenExact(h, w[i]); float64(f[i]) != want {
							t.Fatalf("format %d, n=%d: element %d is %g, want %g", h, n, i, f[i], want)
						}
						w[i] = 0
					}
					s.Narrow(h, w, f)
					for i := range w {
						if w[i] != uint16(0x3c00+i) {
							t.Fatalf("format %d, n=%d: element %d comes back as %#04x", h, n, i, w[i])
						}
					}
					for i := range 131 - n {
						at := i
						if atStart {
							at = n + i
						}
						if words[at] != 0xffff || floats[at] != 7 {
							t.Fatalf("format %d, n=%d: wrote outside", h, n)
						}
					}
				}
			}
		})
	}
}

// TestToHalf rounds once: a float64 that lies closer to one float of 16 bits
// but beside the middle of two in float32 is no tie.
func TestToHalf(t *testing.T) {
	s := Best()
	bits := make([]uint16, 3)
	ToHalf(s, BF16, bits, []float64{1 + 0x1p-8 + 0x1p-40, -1 - 0x1p-8 - 0x1p-40, 1 + 0x1p-8})
	if bits[0] != 0x3f81 || bits[1] != 0xbf81 || bits[2] != 0x3f80 {
		t.Errorf("bf16 %#04x", bits)
	}
	ToHalf(s, F16, bits, []float64{0x1p-25 + 0x1p-70, 65520 - 0x1p-20, math.Inf(-1)})
	if bits[0] != 1 || bits[1] != 0x7bff || bits[2] != 0xfc00 {
		t.Errorf("f16 %#04x", bits)
	}
	ints := make([]int32, 3)
	FromHalf(s, F16, ints, []uint16{0xc580, 0x7c00, 0x7e00}) // -5.5, Inf, NaN
	if ints[0] != -5 || ints[1] != math.MaxInt32 || ints[2] != 0 {
		t.Errorf("ints %v", ints)
	}
	ToHalf(s, BF16, bits, []int64{1<<24 + 1<<16 + 1, -3, 0})
	if bits[0] != 0x4b81 || bits[1] != 0xc040 || bits[2] != 0 {
		t.Errorf("of integers %#04x", bits)
	}
}

// TestGemmHalf gives a product with B in 16 bits the bits of that with the same
// numbers in float32: small ones with gaps between rows, and ones that are cut
// in regions and blocks of K.
func TestGemmHalf(t *testing.T) {
	eachSet(t, func(t *testing.T, set *Set) {
		r := rand.New(rand.NewPCG(9, 10))
		specs := []GemmSpec{
			dense(611, 170, 333, false, false), dense(611, 170, 333, true, true), dense(1203, 33, 520, false, true),
			dense(5, 70, 1500, false, true), dense(150, 7, 2100, false, false), dense(1, 300, 700, false, true), dense(3, 0, 4, false, true), dense(3, 5, 0, false, true),
		}
		for i := range 150 {
			most := []int{4, 20, 70, 150}[i%4]
			s := dense(1+r.IntN(most), 1+r.IntN(most), 1+r.IntN(2*most), r.IntN(2) == 1, r.IntN(2) == 1)
			s.Batch, s.Accumulate = 1+r.IntN(3), r.IntN(2) == 1
			s.LdB += r.IntN(3)
			s.StrideA, s.StrideB, s.StrideC = s.M*s.K*r.IntN(2), s.LdB*max(s.N, s.K)*r.IntN(2), s.N*s.M
			specs = append(specs, s)
		}
		for i, s := range specs {
			s.HalfB, s.FormatB = true, Half(i%numHalves)
			la, lb, lc := s.lens()
			a, b, c0 := randomGuarded(r, la), newGuarded(lb), randomGuarded(r, lc)
			bits := make([]uint16, lb)
			for j := range bits {
				bits[j] = uint16(r.IntN(0x800) + 0x3c00 | r.IntN(2)<<15)
			}
			set.Widen(s.FormatB, b.s, bits)
			float := s
			float.HalfB = false
			for _, workers := range []int{1, 3} {
				want, got := newGuarded(lc), newGuarded(lc)
				copy(want.s, c0.s)
				copy(got.s, c0.s)
				g := NewGemm(set, float, workers)
				runPhases(g.Bind(a.s, b.s, want.s, make([]float32, g.Scratch()), nil), workers)
				g = NewGemm(set, s, workers)
				scratch := newGuarded(g.Scratch())
				runPhases(g.BindHalf(a.s, bits, got.s, scratch.s, nil), workers)
				got.check(t, "C")
				scratch.check(t, "scratch")
				for j, w := range want.s {
					if math.Float32bits(got.s[j]) != math.Float32bits(w) {
						t.Fatalf("%+v: element %d is %g, with a float32 B %g", s, j, got.s[j], w)
					}
				}
			}
		}
	})
}
