package linalg

import "math"

// QR sets q, m by n, and r, n by n, to the factors of a, m by n with m >= n: q
// has orthonormal columns, r is upper triangular, q r = a. Reflections are
// chosen as LAPACK's dgeqrf does, so that a diagonal element of r is negative
// where the column had a positive one to reflect. work has m n + n elements.
func QR(q, r, a, work []float64, m, n int) {
	v, tau := work[:m*n], work[m*n:]
	copy(v, a)
	for j := range n {
		tau[j] = reflector(v, m, n, j)
		reflect(v, v, tau[j], m, n, j, j+1, n)
	}
	clear(r)
	clear(q)
	for i := range n {
		copy(r[i*n+i:(i+1)*n], v[i*n+i:(i+1)*n])
		q[i*n+i] = 1
	}
	for j := n - 1; j >= 0; j-- {
		reflect(q, v, tau[j], m, n, j, j, n)
	}
}

// reflector makes the reflection 1 - tau w wᵀ that takes column j of v, from
// row j on, to its first element: w, without its first element, 1, goes below
// that element.
func reflector(v []float64, m, n, j int) (tau float64) {
	alpha, below := v[j*n+j], 0.0
	for i := j + 1; i < m; i++ {
		below = math.Hypot(below, v[i*n+j])
	}
	if below == 0 {
		return 0
	}
	beta := -math.Copysign(math.Hypot(alpha, below), alpha)
	for i := j + 1; i < m; i++ {
		v[i*n+j] /= alpha - beta
	}
	v[j*n+j] = beta
	return (beta - alpha) / beta
}

// reflect applies reflection j of v to columns lo..hi of x.
func reflect(x, v []float64, tau float64, m, n, j, lo, hi int) {
	if tau == 0 {
		return
	}
	for c := lo; c < hi; c++ {
		sum := x[j*n+c]
		for i := j + 1; i < m; i++ {
			sum += v[i*n+j] * x[i*n+c]
		}
		sum *= tau
		x[j*n+c] -= sum
		for i := j + 1; i < m; i++ {
			x[i*n+c] -= sum * v[i*n+j]
		}
	}
}
