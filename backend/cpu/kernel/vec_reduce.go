package kernel

import "math"

// Sums. A block of up to 1024 elements is added up in float32: element i goes
// to lane i mod 64, the lanes then fold in halves (lane j takes lane j+32, then
// j+16, ... j+1). Blocks are added in order in float64. The result therefore
// depends on the length alone, is the same in every set, and its error is that
// of about 22 additions whatever the length. Products are rounded to float32
// before they are added.

// Sum returns the sum of a.
func (v *Vec) Sum(a []float32) float32 { return float32(v.Sum64(a)) }

// Sum64 is Sum before the last rounding, for callers that go on adding.
func (v *Vec) Sum64(a []float32) float64 {
	var s float64
	for len(a) > 0 {
		n := min(len(a), blockLen)
		s += float64(v.sum(n, &a[0], nil, 0))
		a = a[n:]
	}
	return s
}

// Dot returns the sum of a[i]*b[i] over the elements of a.
func (v *Vec) Dot(a, b []float32) float32 {
	var s float64
	b = b[:len(a)]
	for len(a) > 0 {
		n := min(len(a), blockLen)
		s += float64(v.dot(n, &a[0], &b[0], 0))
		a, b = a[n:], b[n:]
	}
	return float32(s)
}

// SumSq returns the sum of the squares of a.
func (v *Vec) SumSq(a []float32) float32 { return float32(v.SumSq64(a)) }

// SumSq64 is SumSq before the last rounding.
func (v *Vec) SumSq64(a []float32) float64 {
	var s float64
	for len(a) > 0 {
		n := min(len(a), blockLen)
		s += float64(v.sumSq(n, &a[0], nil, 0))
		a = a[n:]
	}
	return s
}

// SumSqDev returns the sum of (a[i]-center)^2 in float64, each term and block
// in float32.
func (v *Vec) SumSqDev(a []float32, center float32) float64 {
	var s float64
	for len(a) > 0 {
		n := min(len(a), blockLen)
		s += float64(v.sumSqDev(n, &a[0], nil, center))
		a = a[n:]
	}
	return s
}

// Max returns the largest element, NaN if there is one, -Inf for none.
func (v *Vec) Max(a []float32) float32 {
	m := float32(math.Inf(-1))
	for len(a) > 0 {
		n := min(len(a), blockLen)
		m = larger(v.max(n, &a[0], nil, 0), m)
		a = a[n:]
	}
	return m
}

// Min returns the smallest element, NaN if there is one, +Inf for none.
func (v *Vec) Min(a []float32) float32 {
	m := float32(math.Inf(1))
	for len(a) > 0 {
		n := min(len(a), blockLen)
		m = smaller(v.min(n, &a[0], nil, 0), m)
		a = a[n:]
	}
	return m
}

// ArgMax returns the index of the first NaN or else of the first of the
// largest elements; 0 for none.
func (v *Vec) ArgMax(a []float32) int { return indexOf(a, v.Max(a)) }

// ArgMin returns the index of the first NaN or else of the first of the
// smallest elements; 0 for none.
func (v *Vec) ArgMin(a []float32) int { return indexOf(a, v.Min(a)) }

func indexOf(a []float32, m float32) int {
	if m != m {
		for i, x := range a {
			if x != x {
				return i
			}
		}
	}
	for i, x := range a {
		if x == m {
			return i
		}
	}
	return 0
}

// Prod returns the product of a, multiplied in order in float64.
func (v *Vec) Prod(a []float32) float32 {
	p := 1.0
	for _, x := range a {
		p *= float64(x)
	}
	return float32(p)
}

// AddTo adds a to dst, element by element: one step of a sum over rows.
func (v *Vec) AddTo(dst, a []float32) { v.Run(Add, dst, dst, a, nil, 0, 0) }
