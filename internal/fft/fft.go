// Package fft transforms complex numbers, real and imaginary parts apart, of
// any count in about n log n operations.
package fft

import "math"

// A Plan is what transforms of one length share. It may be used by several
// goroutines at a time, each with work of its own.
type Plan struct {
	n       int
	factors []int     // of n, if all are small
	cos     []float64 // cos(2 pi k / n)
	sin     []float64

	// For a large prime factor: a transform of length n as a convolution, which
	// transforms of length m, a power of two, compute (Bluestein).
	m              *Plan
	chirpC, chirpS []float64 // cos and sin of pi k k / n
	kernRe, kernIm []float64 // transform of the chirp, of length m
}

// largest is the largest factor that is taken by its definition.
const largest = 13

// New returns the plan of a length n of at least 1.
func New(n int) *Plan {
	p := &Plan{n: n}
	rest := n
	for f := 2; f <= largest; f++ {
		for rest%f == 0 {
			p.factors = append(p.factors, f)
			rest /= f
		}
	}
	if rest > 1 {
		p.factors = nil
		p.bluestein()
		return p
	}
	p.cos, p.sin = make([]float64, n), make([]float64, n)
	for k := range n {
		p.cos[k], p.sin[k] = circle(k, n)
	}
	return p
}

// circle is cosine and sine of 2 pi k / n, exact at the quarters.
func circle(k, n int) (c, s float64) {
	switch 4 * k {
	case 0:
		return 1, 0
	case n:
		return 0, 1
	case 2 * n:
		return -1, 0
	case 3 * n:
		return 0, -1
	}
	s, c = math.Sincos(2 * math.Pi * float64(k) / float64(n))
	return c, s
}

func (p *Plan) bluestein() {
	n, m := p.n, 1
	for m < 2*n-1 {
		m *= 2
	}
	p.m = New(m)
	p.chirpC, p.chirpS = make([]float64, n), make([]float64, n)
	re, im := make([]float64, m), make([]float64, m)
	for k := range n {
		p.chirpC[k], p.chirpS[k] = circle(k*k%(2*n), 2*n) // k k mod 2n keeps the angle small
		re[k], im[k] = p.chirpC[k], p.chirpS[k]
		if k > 0 {
			re[m-k], im[m-k] = re[k], im[k]
		}
	}
	p.kernRe, p.kernIm = make([]float64, m), make([]float64, m)
	p.m.Transform(p.kernRe, p.kernIm, re, im, make([]float64, p.m.Work()))
}

// Work is the number of elements of work that Transform needs.
func (p *Plan) Work() int {
	if p.m != nil {
		return 4*p.m.n + p.m.Work()
	}
	return 2 * largest
}

// Transform sets, for each k,
//
//	y[k] = sum over j of x[j] exp(-2 pi i j k / n)
//
// x and y do not overlap, and x stays as it is.
func (p *Plan) Transform(yRe, yIm, xRe, xIm, work []float64) {
	if p.m == nil {
		p.mixed(yRe, yIm, xRe, xIm, work, p.n, 1, p.factors)
		return
	}
	n, m := p.n, p.m.n
	aRe, aIm, bRe, bIm := work[:m], work[m:2*m], work[2*m:3*m], work[3*m:4*m]
	work = work[4*m:]
	clear(aRe)
	clear(aIm)
	for j := range n { // x times the chirp turned round
		c, s := p.chirpC[j], p.chirpS[j]
		aRe[j], aIm[j] = xRe[j]*c+xIm[j]*s, xIm[j]*c-xRe[j]*s
	}
	p.m.Transform(bRe, bIm, aRe, aIm, work)
	for k := range m { // the convolution, conjugated, so that one more transform is the inverse
		re := bRe[k]*p.kernRe[k] - bIm[k]*p.kernIm[k]
		im := bRe[k]*p.kernIm[k] + bIm[k]*p.kernRe[k]
		bRe[k], bIm[k] = re, -im
	}
	p.m.Transform(aRe, aIm, bRe, bIm, work)
	for k := range n {
		re, im := aRe[k]/float64(m), -aIm[k]/float64(m)
		c, s := p.chirpC[k], p.chirpS[k]
		yRe[k], yIm[k] = re*c+im*s, im*c-re*s
	}
}

// mixed transforms n elements of x, stride apart: f transforms of n/f elements,
// joined by transforms of f elements each.
func (p *Plan) mixed(yRe, yIm, xRe, xIm, work []float64, n, stride int, factors []int) {
	if n == 1 {
		yRe[0], yIm[0] = xRe[0], xIm[0]
		return
	}
	f := factors[0]
	part := n / f
	for r := range f {
		p.mixed(yRe[r*part:], yIm[r*part:], xRe[r*stride:], xIm[r*stride:], work, part, stride*f, factors[1:])
	}
	tRe, tIm := work[:f], work[largest:largest+f]
	step := p.n / n // from angles of n to those of p.n
	for k := range part {
		for r := range f {
			i := r * k * step
			c, s := p.cos[i], p.sin[i]
			re, im := yRe[r*part+k], yIm[r*part+k]
			tRe[r], tIm[r] = re*c+im*s, im*c-re*s
		}
		if f == 2 {
			yRe[k], yIm[k] = tRe[0]+tRe[1], tIm[0]+tIm[1]
			yRe[part+k], yIm[part+k] = tRe[0]-tRe[1], tIm[0]-tIm[1]
			continue
		}
		turn := p.n / f
		for q := range f {
			re, im := tRe[0], tIm[0]
			i := 0
			for r := 1; r < f; r++ {
				if i += q * turn; i >= p.n {
					i -= p.n
				}
				c, s := p.cos[i], p.sin[i]
				re += tRe[r]*c + tIm[r]*s
				im += tIm[r]*c - tRe[r]*s
			}
			yRe[q*part+k], yIm[q*part+k] = re, im
		}
	}
}
