// Package linalg factors small dense matrices in float64. Matrices are slices
// in row-major order. Nothing is allocated: room for work is passed in, of the
// length that each function names.
package linalg

import "math"

// dot is the sum of x[i] y[i].
func dot(x, y []float64) (sum float64) {
	for i, v := range x {
		sum += v * y[i]
	}
	return sum
}

// fillNaN overwrites matrices that have no answer.
func fillNaN(ms ...[]float64) {
	for _, m := range ms {
		for i := range m {
			m[i] = math.NaN()
		}
	}
}

// finite reports whether no element is NaN or infinite.
func finite(x []float64) bool {
	for _, v := range x {
		if v-v != 0 {
			return false
		}
	}
	return true
}

// identity sets x, n by n, to the identity matrix.
func identity(x []float64, n int) {
	clear(x)
	for i := range n {
		x[i*n+i] = 1
	}
}

// Cholesky sets l to the lower triangular matrix of positive diagonal with
// l lᵀ = a, all n by n. Of a the lower triangle is read. If a is not positive
// definite, l is NaN.
func Cholesky(l, a []float64, n int) {
	clear(l)
	for i := range n {
		li := l[i*n : i*n+n]
		for j := range i + 1 {
			v := a[i*n+j] - dot(li[:j], l[j*n:j*n+j])
			if j < i {
				li[j] = v / l[j*n+j]
				continue
			}
			if !(v > 0) || math.IsInf(v, 1) {
				fillNaN(l)
				return
			}
			li[i] = math.Sqrt(v)
		}
	}
}

// A Triangle says which part of a matrix is read, and how.
type Triangle struct{ Upper, Transpose, Unit bool }

// SolveTriangular sets x to the solution of a x = b, or aᵀ x = b, for a n by n
// and x and b n by k. Of a the triangle alone is read, and its diagonal unless
// that is of ones. x and b may be the same.
func SolveTriangular(x, a, b []float64, n, k int, t Triangle) {
	copy(x, b)
	row, col := n, 1 // strides of a
	if t.Transpose {
		row, col = 1, n
	}
	backwards := t.Upper != t.Transpose
	for step := range n {
		i, lo, hi := step, 0, step
		if backwards {
			i = n - 1 - step
			lo, hi = i+1, n
		}
		xi := x[i*k : i*k+k]
		for j := lo; j < hi; j++ {
			f := a[i*row+j*col]
			for c, v := range x[j*k : j*k+k] {
				xi[c] -= f * v
			}
		}
		if !t.Unit {
			d := a[i*row+i*col]
			for c := range xi {
				xi[c] /= d
			}
		}
	}
}

// Solve sets x to the solution of a x = b, for a n by n and x and b n by k, by
// elimination with the largest pivot of each column. work has n n elements.
func Solve(x, a, b, work []float64, n, k int) {
	eliminate(work, a, n, func() { copy(x, b) }, func(i, j int) {
		for c := range k {
			x[i*k+c], x[j*k+c] = x[j*k+c], x[i*k+c]
		}
	}, func(to, from int, f float64) {
		for c, v := range x[from*k : from*k+k] {
			x[to*k+c] -= f * v
		}
	})
	SolveTriangular(x, work, x, n, k, Triangle{Upper: true})
}

// SlogDet gives the sign of the determinant of a, n by n, and the logarithm of
// its magnitude: 0 and -Inf if a is singular. work has n n elements.
func SlogDet(a, work []float64, n int) (sign, log float64) {
	sign = 1
	eliminate(work, a, n, func() {}, func(_, _ int) { sign = -sign }, func(_, _ int, _ float64) {})
	for i := range n {
		d := work[i*n+i]
		switch {
		case d < 0:
			sign = -sign
		case d != d:
			return math.NaN(), math.NaN()
		case d == 0:
			return 0, math.Inf(-1)
		}
		log += math.Log(math.Abs(d))
	}
	return sign, log
}

// eliminate makes u, a copy of a, upper triangular. It tells what it does:
// begin, swap of two rows, and f times a row taken from another.
func eliminate(u, a []float64, n int, begin func(), swap func(i, j int), subtract func(to, from int, f float64)) {
	copy(u, a)
	begin()
	for j := range n {
		p := j
		for i := j + 1; i < n; i++ {
			if math.Abs(u[i*n+j]) > math.Abs(u[p*n+j]) {
				p = i
			}
		}
		if p != j {
			for c := range n {
				u[j*n+c], u[p*n+c] = u[p*n+c], u[j*n+c]
			}
			swap(j, p)
		}
		if u[j*n+j] == 0 {
			continue
		}
		for i := j + 1; i < n; i++ {
			f := u[i*n+j] / u[j*n+j]
			u[i*n+j] = 0
			for c := j + 1; c < n; c++ {
				u[i*n+c] -= f * u[j*n+c]
			}
			subtract(i, j, f)
		}
	}
}
