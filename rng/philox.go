// Package rng makes random numbers that are functions of their position.
//
// The generator is Philox4x32-10, a counter-based one: block n of a stream is
// computed from n alone, so that any part of a stream can be made by any
// thread, in any order, with equal bits. A stream is named by a key (made of
// the user's seed and a path such as "blocks.3.drop") and by a step number:
//
//	element i of stream (key, hi) is lane i%4 of
//	Philox(key, {lo32(i/4), hi32(i/4), lo32(hi), hi32(hi)})
//
// The functions work on whole ranges of such a stream; [Stream] reads one in
// sequence. Integer results are equal on every platform. Normal numbers go
// through the logarithm and sine of package math, whose last bit may differ
// between processor architectures.
package rng

import (
	"crypto/sha256"
	"encoding/binary"
	"math"
	"math/bits"
)

// The multipliers of a round and the increments of the key between rounds
// (the golden ratio and sqrt(3)-1, in 32 bits).
const (
	mul0  = 0xD2511F53
	mul1  = 0xCD9E8D57
	weyl0 = 0x9E3779B9
	weyl1 = 0xBB67AE85
)

// Philox returns the block that Philox4x32-10 gives a key and a counter.
//
// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
// 1, 2, 3" (2011), section 3; equal to Random123's philox4x32 with 10 rounds.
func Philox(key [2]uint32, ctr [4]uint32) [4]uint32 {
	k0, k1 := key[0], key[1]
	c0, c1, c2, c3 := ctr[0], ctr[1], ctr[2], ctr[3]
	for range 10 {
		p0 := uint64(c0) * mul0
		p1 := uint64(c2) * mul1
		c0, c1, c2, c3 = uint32(p1>>32)^c1^k0, uint32(p1), uint32(p0>>32)^c3^k1, uint32(p0)
		k0 += weyl0
		k1 += weyl1
	}
	return [4]uint32{c0, c1, c2, c3}
}

// Key returns the key of the stream that a seed and a path name: the first 8
// bytes of SHA-256(seed as 8 little-endian bytes, then the bytes of path),
// read as two little-endian words. The rule is part of the format of runs and
// never changes.
func Key(seed uint64, path string) [2]uint32 {
	buf := binary.LittleEndian.AppendUint64(make([]byte, 0, 64), seed)
	sum := sha256.Sum256(append(buf, path...))
	return [2]uint32{binary.LittleEndian.Uint32(sum[0:]), binary.LittleEndian.Uint32(sum[4:])}
}

// block returns elements 4n..4n+3 of stream (key, hi).
func block(key [2]uint32, hi, n uint64) [4]uint32 {
	return Philox(key, [4]uint32{uint32(n), uint32(n >> 32), uint32(hi), uint32(hi >> 32)})
}

// Bits stores elements offset, offset+1, ... of stream (key, hi) in dst.
// It allocates nothing.
func Bits(dst []uint32, key [2]uint32, hi uint64, offset uint64) {
	n := offset / 4
	if lane := offset % 4; lane != 0 {
		b := block(key, hi, n)
		dst = dst[copy(dst, b[lane:]):]
		n++
	}
	for ; len(dst) >= 4; n++ {
		*(*[4]uint32)(dst) = block(key, hi, n)
		dst = dst[4:]
	}
	if len(dst) > 0 {
		b := block(key, hi, n)
		copy(dst, b[:])
	}
}

// Uniform maps 32 random bits to [0, 1): (bits>>8) * 2^-24. Every result is
// exact in float32.
func Uniform(bits uint32) float32 { return float32(bits>>8) * (1.0 / (1 << 24)) }

// Normal maps two elements to two independent numbers of mean 0 and variance
// 1, by Box and Muller's method in float64:
//
//	r = sqrt(-2 ln((a+1) * 2^-32)), t = 2 pi b * 2^-32: (r cos t, r sin t)
//
// The results lie within 6.67 of 0.
func Normal(a, b uint32) (float64, float64) {
	r := math.Sqrt(-2 * math.Log((float64(a)+1)*0x1p-32))
	sin, cos := math.Sincos(2 * math.Pi * 0x1p-32 * float64(b))
	return r * cos, r * sin
}

// FillUniform stores lo + (hi-lo)*u, rounded to float32, for the uniform u of
// elements 0, 1, ... of stream (key, 0).
func FillUniform(dst []float32, key [2]uint32, lo, hi float64) {
	var b [64]uint32
	for at := 0; at < len(dst); at += len(b) {
		part := dst[at:min(at+len(b), len(dst))]
		Bits(b[:len(part)], key, 0, uint64(at))
		for i := range part {
			part[i] = float32(math.FMA(hi-lo, float64(Uniform(b[i])), lo))
		}
	}
}

// FillNormal stores mean + std*z, rounded to float32, where elements 2j and
// 2j+1 of stream (key, 0) make the z of dst[2j] and dst[2j+1]. A last odd
// element uses the first of its pair.
func FillNormal(dst []float32, key [2]uint32, mean, std float64) {
	var b [64]uint32
	for at := 0; at < len(dst); at += len(b) {
		part := dst[at:min(at+len(b), len(dst))]
		Bits(b[:], key, 0, uint64(at))
		for i := range part {
			x, y := Normal(b[i&^1], b[i|1])
			if i%2 == 1 {
				x = y
			}
			part[i] = float32(math.FMA(std, x, mean))
		}
	}
}

// mulRange maps a uniform 64-bit number to 0..n-1; ok is false when it falls
// into the part that would bias the result.
//
// Source: Lemire, "Fast random integer generation in an interval" (2019).
func mulRange(x, n uint64) (v uint64, ok bool) {
	hi, lo := bits.Mul64(x, n)
	return hi, lo >= n || lo >= -n%n
}
