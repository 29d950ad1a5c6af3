package kernel

import (
	"math/bits"
	"unsafe"
)

// Philox fills dst with the words of Philox4x32-10: word i is lane i mod 4 of
// the block whose counter is (first+i/4 as 64 bits, hi[0], hi[1]), low word
// first. Source: Salmon et al. 2011, "Parallel random numbers: as easy as
// 1, 2, 3", constants of Random123.
func (v *Vec) Philox(dst []uint32, key [2]uint32, first uint64, hi [2]uint32) {
	k, h := uint64(key[0])|uint64(key[1])<<32, uint64(hi[0])|uint64(hi[1])<<32
	for i := 0; i < len(dst); i += maxCall {
		v.philox(min(maxCall, len(dst)-i), &dst[i], k, first+uint64(i/4), h)
	}
}

// Uniform fills dst with numbers in [0, 1): (word >> 8) * 2^-24 of the words
// that [Vec.Philox] gives.
func (v *Vec) Uniform(dst []float32, key [2]uint32, first uint64, hi [2]uint32) {
	k, h := uint64(key[0])|uint64(key[1])<<32, uint64(hi[0])|uint64(hi[1])<<32
	for i := 0; i < len(dst); i += maxCall {
		v.philoxUniform(min(maxCall, len(dst)-i), &dst[i], k, first+uint64(i/4), h)
	}
}

// philoxBlock returns the four words of one counter.
func philoxBlock(key, counter, hi uint64) [4]uint32 {
	k0, k1 := uint32(key), uint32(key>>32)
	x0, x1, x2, x3 := uint32(counter), uint32(counter>>32), uint32(hi), uint32(hi>>32)
	for range 10 {
		h0, l0 := bits.Mul32(philoxM0, x0)
		h1, l1 := bits.Mul32(philoxM1, x2)
		x0, x1, x2, x3 = h1^x1^k0, l1, h0^x3^k1, l0
		k0 += philoxW0
		k1 += philoxW1
	}
	return [4]uint32{x0, x1, x2, x3}
}

const (
	philoxM0 = 0xD2511F53
	philoxM1 = 0xCD9E8D57
	philoxW0 = 0x9E3779B9
	philoxW1 = 0xBB67AE85
)

func philoxGeneric(n int, pdst *uint32, key, counter, hi uint64) {
	dst := unsafe.Slice(pdst, n)
	for len(dst) > 0 {
		b := philoxBlock(key, counter, hi)
		dst = dst[copy(dst, b[:]):]
		counter++
	}
}

func philoxUniformGeneric(n int, pdst *float32, key, counter, hi uint64) {
	dst := unsafe.Slice(pdst, n)
	for len(dst) > 0 {
		b := philoxBlock(key, counter, hi)
		for i := range min(4, len(dst)) {
			dst[i] = float32(b[i]>>8) * 0x1p-24
		}
		dst = dst[min(4, len(dst)):]
		counter++
	}
}
