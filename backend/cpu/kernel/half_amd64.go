//go:build amd64 && !purego

package kernel

import "unsafe"

var avx512Halves = halves{
	widen:  [numHalves]func(n int, d *float32, s *uint16){vecWidenBF16AVX512, vecWidenF16AVX512},
	narrow: [numHalves]func(n int, d *uint16, s *float32){vecNarrowBF16AVX512, vecNarrowF16AVX512},
}

var avx2Halves = halves{
	widen: [numHalves]func(n int, d *float32, s *uint16){
		eights(vecWidenBF16AVX2, widenBF16), eights(vecWidenF16AVX2, widenF16),
	},
	narrow: [numHalves]func(n int, d *uint16, s *float32){
		eights(vecNarrowBF16AVX2, narrowBF16), eights(vecNarrowF16AVX2, narrowF16),
	},
}

// eights leaves the last few elements to the portable version.
func eights[D, S any](vectors, rest func(n int, d *D, s *S)) func(n int, d *D, s *S) {
	return func(n int, d *D, s *S) {
		body := n &^ 7
		if body > 0 {
			vectors(body, d, s)
		}
		if body < n {
			rest(n-body, &unsafe.Slice(d, n)[body], &unsafe.Slice(s, n)[body])
		}
	}
}
