package linalg_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradus-ml/gradus/internal/linalg"
)

var random = rand.New(rand.NewPCG(5, 6))

// matrix makes an m by n matrix of a rank, of numbers of a magnitude.
func matrix(m, n, rank int, scale float64) []float64 {
	normal := func(n int) []float64 {
		x := make([]float64, n)
		for i := range x {
			x[i] = random.NormFloat64()
		}
		return x
	}
	if rank >= min(m, n) {
		x := normal(m * n)
		for i := range x {
			x[i] *= scale
		}
		return x
	}
	x := product(normal(m*rank), normal(rank*n), m, rank, n)
	for i := range x {
		x[i] *= scale
	}
	return x
}

func product(a, b []float64, m, k, n int) []float64 {
	c := make([]float64, m*n)
	for i := range m {
		for j := range n {
			for l := range k {
				c[i*n+j] += a[i*k+l] * b[l*n+j]
			}
		}
	}
	return c
}

func transpose(a []float64, m, n int) []float64 {
	t := make([]float64, m*n)
	for i := range m {
		for j := range n {
			t[j*m+i] = a[i*n+j]
		}
	}
	return t
}

func near(t *testing.T, what string, got, want []float64, tolerance float64) {
	t.Helper()
	for i := range want {
		if !(math.Abs(got[i]-want[i]) <= tolerance) {
			t.Fatalf("%s: element %d is %v, want %v within %v", what, i, got[i], want[i], tolerance)
		}
	}
}

func eye(n int) []float64 {
	x := make([]float64, n*n)
	for i := range n {
		x[i*n+i] = 1
	}
	return x
}

// Factors multiply to the matrix and are what they are called, for all shapes
// to 9 and some larger, of full and lower rank, and for large and small
// numbers.
func TestFactors(t *testing.T) {
	shapes := [][2]int{{20, 20}, {37, 5}, {5, 37}, {64, 33}}
	for m := 1; m < 10; m++ {
		for n := 1; n < 10; n++ {
			shapes = append(shapes, [2]int{m, n})
		}
	}
	for _, s := range shapes {
		m, n := s[0], s[1]
		k := min(m, n)
		for _, rank := range []int{k, k / 2} {
			for _, scale := range []float64{1, 1e100, 1e-100} {
				a := matrix(m, n, rank, scale)
				tolerance := 1e-13 * scale * float64(m*n)
				name := fmt.Sprintf("%dx%d of rank %d, scale %g", m, n, rank, scale)

				u, sv, vt := make([]float64, m*k), make([]float64, k), make([]float64, k*n)
				linalg.SVD(u, sv, vt, a, make([]float64, m*n+k*k), m, n)
				us := make([]float64, m*k)
				for i := range us {
					us[i] = u[i] * sv[i%k]
				}
				near(t, name+": u s vt", product(us, vt, m, k, n), a, tolerance)
				near(t, name+": uᵀ u", product(transpose(u, m, k), u, k, m, k), eye(k), 1e-12)
				near(t, name+": vᵀ v", product(vt, transpose(vt, k, n), k, n, k), eye(k), 1e-12)
				for i := 1; i < k; i++ {
					if sv[i] > sv[i-1] {
						t.Fatalf("%s: singular values %v do not fall", name, sv)
					}
				}
				if rank < k && sv[rank] > tolerance {
					t.Fatalf("%s: singular value %d is %v", name, rank, sv[rank])
				}
				if m >= n {
					q, r := make([]float64, m*n), make([]float64, n*n)
					linalg.QR(q, r, a, make([]float64, m*n+n), m, n)
					near(t, name+": q r", product(q, r, m, n, n), a, tolerance)
					near(t, name+": qᵀ q", product(transpose(q, m, n), q, n, m, n), eye(n), 1e-12)
				}
				if scale == 1 {
					sym := product(a, transpose(a, m, n), m, n, m)
					for i := range m { // not definite
						sym[i*m+i]--
					}
					w, v := make([]float64, m), make([]float64, m*m)
					linalg.SymEig(w, v, sym, make([]float64, 2*m*m), m)
					vw := make([]float64, m*m)
					for i := range vw {
						vw[i] = v[i] * w[i%m]
					}
					near(t, name+": v w vᵀ", product(vw, transpose(v, m, m), m, m, m), sym, 1e-11*float64(m*n))
					near(t, name+": vᵀ v", product(transpose(v, m, m), v, m, m, m), eye(m), 1e-12)
				}
			}
		}
	}
}

// Systems of equations are solved, with pivots where the diagonal is 0.
func TestSolve(t *testing.T) {
	for n := 1; n < 20; n++ {
		a, x := matrix(n, n, n, 1), matrix(n, 3, 3, 1)
		for i := range n { // far from singular, and the diagonal no good pivot
			a[i*n+i] = 0
			a[i*n+(i+1)%n] += 5
		}
		b := product(a, x, n, n, 3)
		got, work := make([]float64, 3*n), make([]float64, n*n)
		linalg.Solve(got, a, b, work, n, 3)
		near(t, "solve", got, x, 1e-8)
		sign, log := linalg.SlogDet(a, work, n)
		s2, l2 := linalg.SlogDet(product(a, a, n, n, n), work, n)
		if s2 != 1 || math.Abs(l2-2*log) > 1e-8 || sign*sign != 1 {
			t.Fatalf("n %d: determinant %v exp %v, of the square %v exp %v", n, sign, log, s2, l2)
		}
	}
}
