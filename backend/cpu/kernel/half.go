package kernel

import (
	"math"
	"unsafe"
)

// A Half is a format of floats of 16 bits. Kernels compute in float32: Widen
// reads such floats, Narrow rounds to them.
type Half uint8

const (
	BF16 Half = iota // the upper half of a float32
	F16              // IEEE 754 binary16

	numHalves = iota
)

// halves are the conversions of one instruction set.
type halves struct {
	widen  [numHalves]func(n int, d *float32, s *uint16)
	narrow [numHalves]func(n int, d *uint16, s *float32)
}

var genericHalves = halves{
	widen:  [numHalves]func(n int, d *float32, s *uint16){widenBF16, widenF16},
	narrow: [numHalves]func(n int, d *uint16, s *float32){narrowBF16, narrowF16},
}

// Widen sets dst[i] to the number whose bits in format h are src[i], for all of
// dst: exactly, subnormals and NaN included. The operands do not overlap.
func (s *Set) Widen(h Half, dst []float32, src []uint16) {
	n := len(dst)
	if n == 0 {
		return
	}
	_ = src[n-1]
	for i := 0; i < n; i += maxCall {
		s.halves.widen[h](min(maxCall, n-i), &dst[i], &src[i])
	}
}

// Narrow sets dst[i] to the bits of the number of format h nearest to src[i],
// for all of dst: halves go to even, what is too large to infinity, subnormals
// stay, and a NaN keeps its sign and the upper bits of its payload and becomes
// quiet. The same bits in every set. The operands do not overlap.
func (s *Set) Narrow(h Half, dst []uint16, src []float32) {
	n := len(dst)
	if n == 0 {
		return
	}
	_ = src[n-1]
	for i := 0; i < n; i += maxCall {
		s.halves.narrow[h](min(maxCall, n-i), &dst[i], &src[i])
	}
}

// RoundHalf sets dst[i] to src[i] rounded to format h, for all of dst, which may
// be src.
func (s *Set) RoundHalf(h Half, dst, src []float32) {
	var bits [256]uint16
	for i := 0; i < len(dst); i += len(bits) {
		n := min(len(bits), len(dst)-i)
		s.Narrow(h, bits[:n], src[i:])
		s.Widen(h, dst[i:i+n], bits[:n])
	}
}

// FromHalf sets dst[i] to src[i], of format h, converted as [Convert] does.
func FromHalf[D Number](s *Set, h Half, dst []D, src []uint16) {
	var x [256]float32
	for i := 0; i < len(dst); i += len(x) {
		n := min(len(x), len(dst)-i)
		s.Widen(h, x[:n], src[i:])
		Convert(dst[i:i+n], x[:n])
	}
}

// ToHalf sets dst[i] to src[i] rounded to format h: once, but that integers
// beyond 2^53 are rounded to float64 first.
func ToHalf[S Number](s *Set, h Half, dst []uint16, src []S) {
	var x [256]float32
	for i := 0; i < len(dst); i += len(x) {
		n := min(len(x), len(dst)-i)
		for j, v := range src[i : i+n] {
			x[j] = roundToOdd(float64(v))
		}
		s.Narrow(h, dst[i:i+n], x[:n])
	}
}

// roundToOdd gives one of the two float32 around x: x itself if it is one, else
// the one whose last bit is 1. A second rounding, to fewer bits, gives then what
// rounding x itself would give.
func roundToOdd(x float64) float32 {
	f := float32(x)
	switch y := float64(f); {
	case y == x || x != x:
		return f
	case math.Abs(y) > math.Abs(x): // towards zero
		f = math.Float32frombits(math.Float32bits(f) - 1)
	}
	return math.Float32frombits(math.Float32bits(f) | 1)
}

func wideBF16(b uint16) float32 { return math.Float32frombits(uint32(b) << 16) }

func wideF16(b uint16) float32 {
	sign, fraction := uint32(b)>>15<<31, uint32(b)&0x3ff
	switch exponent := uint32(b) >> 10 & 0x1f; {
	case exponent == 0x1f && fraction != 0:
		return math.Float32frombits(sign | 0x7fc00000 | fraction<<13)
	case exponent == 0x1f:
		return math.Float32frombits(sign | 0x7f800000)
	case exponent == 0:
		x := float32(fraction) * 0x1p-24
		return math.Float32frombits(math.Float32bits(x) | sign)
	default:
		return math.Float32frombits(sign | (exponent+127-15)<<23 | fraction<<13)
	}
}

func bitsBF16(x float32) uint16 {
	b := math.Float32bits(x)
	if x != x {
		return uint16(b>>16) | 0x40
	}
	return uint16((b + 0x7fff + b>>16&1) >> 16)
}

func bitsF16(x float32) uint16 {
	b := math.Float32bits(x)
	sign, size := uint16(b>>16)&0x8000, b&0x7fffffff
	switch {
	case x != x:
		return sign | 0x7e00 | uint16(size>>13)&0x3ff
	case size >= 0x477ff000: // 65520, halfway to what would be next
		return sign | 0x7c00
	case size >= 0x38800000: // 2^-14, the smallest normal number
		return sign | uint16((size+0xfff+size>>13&1-(127-15)<<23)>>13)
	}
	// Beside 1/2 the floats are 2^-24 apart, as subnormals are.
	return sign | uint16(math.Float32bits(math.Float32frombits(size)+0.5)-math.Float32bits(0.5))
}

func widenBF16(n int, d *float32, s *uint16) {
	dst := unsafe.Slice(d, n)
	for i, x := range unsafe.Slice(s, n) {
		dst[i] = wideBF16(x)
	}
}

func widenF16(n int, d *float32, s *uint16) {
	dst := unsafe.Slice(d, n)
	for i, x := range unsafe.Slice(s, n) {
		dst[i] = wideF16(x)
	}
}

func narrowBF16(n int, d *uint16, s *float32) {
	dst := unsafe.Slice(d, n)
	for i, x := range unsafe.Slice(s, n) {
		dst[i] = bitsBF16(x)
	}
}

func narrowF16(n int, d *uint16, s *float32) {
	dst := unsafe.Slice(d, n)
	for i, x := range unsafe.Slice(s, n) {
		dst[i] = bitsF16(x)
	}
}
