package fft_test

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/gradus-ml/gradus/internal/fft"
)

// Transforms agree with the definition for every length to 200, some primes
// and some products of primes.
func TestTransform(t *testing.T) {
	lengths := []int{251, 256, 509, 17 * 19, 1000, 2 * 13 * 11, 4 * 61}
	for n := 1; n <= 200; n++ {
		lengths = append(lengths, n)
	}
	rand := rand.New(rand.NewPCG(8, 9))
	for _, n := range lengths {
		p := fft.New(n)
		re, im := make([]float64, n), make([]float64, n)
		for i := range n {
			re[i], im[i] = rand.NormFloat64(), rand.NormFloat64()
		}
		yRe, yIm, work := make([]float64, n), make([]float64, n), make([]float64, p.Work())
		for i := range work {
			work[i] = math.NaN() // whatever lies there
		}
		p.Transform(yRe, yIm, re, im, work)
		for k := range n {
			wantRe, wantIm := 0.0, 0.0
			for j := range n {
				s, c := math.Sincos(2 * math.Pi * float64(j*k%n) / float64(n))
				wantRe += re[j]*c + im[j]*s
				wantIm += im[j]*c - re[j]*s
			}
			if !(math.Abs(yRe[k]-wantRe)+math.Abs(yIm[k]-wantIm) < 1e-12*float64(n+10)) {
				t.Fatalf("length %d: element %d is %v%+vi, want %v%+vi", n, k, yRe[k], yIm[k], wantRe, wantIm)
			}
		}
	}
}
