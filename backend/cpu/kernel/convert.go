package kernel

import "math"

// A Number is an arithmetic element type.
type Number interface {
	float32 | float64 | int32 | int64 | uint8 | uint32 | uint64
}

// Convert sets dst[i] = src[i] converted to the type of dst, over len(dst).
// Floats become integers by truncation; what does not fit becomes the nearest
// integer that does, a NaN 0, the same on every platform. Integers wrap.
func Convert[D, S Number](dst []D, src []S) {
	src = src[:len(dst)]
	half := 0.5
	if S(half) == 0 || D(half) != 0 { // not from float to integer
		for i, x := range src {
			dst[i] = D(x)
		}
		return
	}
	low, high := limits[D]()
	for i, x := range src {
		f := float64(x)
		switch {
		case f != f:
			dst[i] = 0
		case f <= float64(low):
			dst[i] = low
		case f >= float64(high): // for 64 bits, float64(high) is one above high
			dst[i] = high
		default:
			dst[i] = D(x)
		}
	}
}

// limits returns the least and the greatest value of an integer type.
func limits[T Number]() (low, high T) {
	switch any(low).(type) {
	case int32:
		l, h := int64(math.MinInt32), int64(math.MaxInt32)
		return T(l), T(h)
	case int64:
		l, h := int64(math.MinInt64), int64(math.MaxInt64)
		return T(l), T(h)
	case uint8:
		h := uint64(math.MaxUint8)
		return 0, T(h)
	case uint32:
		h := uint64(math.MaxUint32)
		return 0, T(h)
	case uint64:
		h := uint64(math.MaxUint64)
		return 0, T(h)
	}
	return 0, 0
}

// FromBool sets dst[i] to 1 or 0.
func FromBool[D Number](dst []D, src []bool) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = 0
		if x {
			dst[i] = 1
		}
	}
}

// ToBool sets dst[i] = src[i] != 0; a NaN is true.
func ToBool[S Number](dst []bool, src []S) {
	src = src[:len(dst)]
	for i, x := range src {
		dst[i] = x != 0
	}
}
