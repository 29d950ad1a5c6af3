package linalg

import "math"

// sweeps bounds the rounds over all pairs of axes. Ten are enough for any
// matrix that was seen.
const sweeps = 60

const epsilon = 0x1p-53

// SymEig sets w to the eigenvalues of the symmetric matrix a, n by n, rising,
// and the columns of v to eigenvectors of length 1, whose component of the
// largest magnitude, the first among equals, is positive. Of a the lower
// triangle is read. work has 2 n n elements. The method is Jacobi's: rotations
// of pairs of axes.
func SymEig(w, v, a, work []float64, n int) {
	s, vt := work[:n*n], work[n*n:2*n*n] // vt: eigenvectors as rows
	for i := range n {
		for j := range i + 1 {
			s[i*n+j], s[j*n+i] = a[i*n+j], a[i*n+j]
		}
	}
	if !finite(s) {
		fillNaN(w, v)
		return
	}
	identity(vt, n)
	for range sweeps {
		done := true
		for p := range n {
			for q := p + 1; q < n; q++ {
				if rotateSym(s, vt, n, p, q) {
					done = false
				}
			}
		}
		if done {
			break
		}
	}
	for i := range n {
		w[i] = s[i*n+i]
	}
	for k := range n { // the smallest of the rest comes next
		best := k
		for i := k + 1; i < n; i++ {
			if w[i] < w[best] {
				best = i
			}
		}
		swapRows(w, 1, k, best)
		swapRows(vt, n, k, best)
		row := vt[k*n : k*n+n]
		flip := signOf(row)
		for i, x := range row {
			v[i*n+k] = flip * x
		}
	}
}

// rotateSym makes element p, q of s zero, unless it is small beside the
// diagonal, and rotates the rows of vt with it.
func rotateSym(s, vt []float64, n, p, q int) bool {
	spq, spp, sqq := s[p*n+q], s[p*n+p], s[q*n+q]
	if math.Abs(spq) <= epsilon*math.Sqrt(math.Abs(spp))*math.Sqrt(math.Abs(sqq)) || spq*spq == 0 {
		s[p*n+q], s[q*n+p] = 0, 0
		return false
	}
	c, t := rotation((sqq - spp) / (2 * spq))
	for k := range n {
		x, y := s[k*n+p], s[k*n+q]
		s[k*n+p], s[k*n+q] = c*x-t*c*y, t*c*x+c*y
	}
	rotateRows(s, n, p, q, c, t*c)
	rotateRows(vt, n, p, q, c, t*c)
	s[p*n+q], s[q*n+p] = 0, 0
	return true
}

// rotation gives cosine and tangent of the smaller angle whose double has the
// cotangent zeta.
func rotation(zeta float64) (c, t float64) {
	t = 1 / (math.Abs(zeta) + math.Hypot(1, zeta))
	if zeta < 0 {
		t = -t
	}
	return 1 / math.Hypot(1, t), t
}

// rotateRows replaces rows x and y by c x - s y and s x + c y.
func rotateRows(m []float64, cols, p, q int, c, s float64) {
	x, y := m[p*cols:(p+1)*cols], m[q*cols:(q+1)*cols]
	for i, v := range x {
		u := y[i]
		x[i], y[i] = c*v-s*u, s*v+c*u
	}
}

func swapRows(m []float64, cols, i, j int) {
	for c := range cols {
		m[i*cols+c], m[j*cols+c] = m[j*cols+c], m[i*cols+c]
	}
}

// signOf is the sign of the element of the largest magnitude.
func signOf(x []float64) float64 {
	best := 0.0
	for _, v := range x {
		if math.Abs(v) > math.Abs(best) {
			best = v
		}
	}
	return math.Copysign(1, best)
}

// SVD sets u, m by k, s, k falling, and vt, k by n, to the factors of a, m by n,
// with k the smaller of both: u and the transpose of vt have orthonormal
// columns, and u diag(s) vt = a. The component of the largest magnitude of each
// column of u, the first among equals, is positive. work has m n + k k
// elements. The method is one-sided Jacobi: columns, or of a wide matrix rows,
// are rotated until all are at right angles.
func SVD(u, s, vt, a, work []float64, m, n int) {
	k, long := min(m, n), max(m, n)
	if !finite(a) {
		fillNaN(u, s, vt)
		return
	}
	x, y := work[:k*long], work[k*long:k*long+k*k] // k vectors to rotate; what was done to them
	if m >= n {
		for i := range m {
			for j := range n {
				x[j*m+i] = a[i*n+j]
			}
		}
	} else {
		copy(x, a)
	}
	identity(y, k)
	size := norm(x)
	for range sweeps {
		done := true
		for p := range k {
			for q := p + 1; q < k; q++ {
				if rotatePair(x, y, long, k, p, q, nothing(size, long)) {
					done = false
				}
			}
		}
		if done {
			break
		}
	}
	for i := range k {
		s[i] = norm(x[i*long : (i+1)*long])
	}
	least := nothing(size, long)
	for i := range k { // the largest of the rest comes next
		best := i
		for j := i + 1; j < k; j++ {
			if s[j] > s[best] {
				best = j
			}
		}
		swapRows(s, 1, i, best)
		swapRows(x, long, i, best)
		swapRows(y, k, i, best)
		direct(x, s[i], least, long, i)
	}
	left, right, lm, rm := x, y, long, k // rows of length lm and rm
	if m < n {
		left, right, lm, rm = y, x, k, long
	}
	for i := range k {
		flip := signOf(left[i*lm : (i+1)*lm])
		for j, v := range left[i*lm : (i+1)*lm] {
			u[j*k+i] = flip * v
		}
		for j, v := range right[i*rm : (i+1)*rm] {
			vt[i*n+j] = flip * v
		}
	}
}

// nothing is the length up to which a vector is made of rounding errors, in a
// matrix of that norm.
func nothing(norm float64, long int) float64 { return 4 * epsilon * float64(long) * norm }

// rotatePair brings vectors p and q of x to a right angle, unless they are or
// one of them is nothing.
func rotatePair(x, y []float64, long, k, p, q int, nothing float64) bool {
	xp, xq := x[p*long:(p+1)*long], x[q*long:(q+1)*long]
	alpha, beta, gamma := dot(xp, xp), dot(xq, xq), dot(xp, xq)
	if a, b := math.Sqrt(alpha), math.Sqrt(beta); math.Abs(gamma) <= 4*epsilon*a*b || min(a, b) <= nothing {
		return false
	}
	c, t := rotation((beta - alpha) / (2 * gamma))
	rotateRows(x, long, p, q, c, t*c)
	rotateRows(y, k, p, q, c, t*c)
	return true
}

// norm is the length of a vector.
func norm(x []float64) float64 {
	largest := 0.0
	for _, v := range x {
		largest = max(largest, math.Abs(v))
	}
	if largest == 0 {
		return 0
	}
	sum := 0.0
	for _, v := range x {
		sum += (v / largest) * (v / largest)
	}
	return largest * math.Sqrt(sum)
}

// direct gives vector i of x, of length s, length 1. Where it is nothing, it
// becomes any direction at right angles to those before.
func direct(x []float64, s, nothing float64, long, i int) {
	xi := x[i*long : (i+1)*long]
	if s > nothing {
		for j := range xi {
			xi[j] /= s
		}
		return
	}
	// The axis that is least in those before leaves the most.
	axis, least := 0, math.Inf(1)
	for j := range long {
		have := 0.0
		for r := range i {
			have += x[r*long+j] * x[r*long+j]
		}
		if have < least {
			axis, least = j, have
		}
	}
	clear(xi)
	xi[axis] = 1
	for range 2 { // twice is enough
		for r := range i {
			xr := x[r*long : (r+1)*long]
			f := dot(xi, xr)
			for j, v := range xr {
				xi[j] -= f * v
			}
		}
	}
	length := norm(xi)
	for j := range xi {
		xi[j] /= length
	}
}
