package kernel

import (
	"fmt"
	"unsafe"
)

// An Integer is an integer element type; Bool is uint8, 0 and 1.
type Integer interface {
	int32 | int64 | uint8 | uint32 | uint64
}

// An IntOp is an operation that only integers have, or that has a meaning of
// its own for them. See [RunInt].
type IntOp uint8

const (
	BitAnd       IntOp = iota // a & b
	BitOr                     // a | b
	BitXor                    // a ^ b
	BitNot                    // ^a
	ShiftLeft                 // a << b; 0 for b below 0 or not below the bits of a
	ShiftRight                // a >> b, with the sign; for such b as by all bits
	IntFmod                   // rest of a / b with the sign of a; a for b = 0
	IntRemainder              // rest of a / b with the sign of b; a for b = 0
	IntFloorDiv               // a / b rounded down; 0 for b = 0
)

// RunInt sets d[i] = op(a[i], b[i]) for every i below len(d); d may be a or b.
// Results wrap around. BitNot does not read b.
func RunInt[T Integer](op IntOp, d, a, b []T) {
	a = a[:len(d)]
	if op != BitNot {
		b = b[:len(d)]
	}
	bits := uint64(8 * unsafe.Sizeof(T(0)))
	switch op {
	case BitAnd:
		for i, x := range a {
			d[i] = x & b[i]
		}
	case BitOr:
		for i, x := range a {
			d[i] = x | b[i]
		}
	case BitXor:
		for i, x := range a {
			d[i] = x ^ b[i]
		}
	case BitNot:
		for i, x := range a {
			d[i] = ^x
		}
	case ShiftLeft: // a negative shift is a large one
		for i, x := range a {
			d[i] = x << min(uint64(b[i]), bits)
		}
	case ShiftRight:
		for i, x := range a {
			d[i] = x >> min(uint64(b[i]), bits)
		}
	case IntFmod:
		for i, x := range a {
			if y := b[i]; y != 0 {
				x %= y
			}
			d[i] = x
		}
	case IntRemainder:
		for i, x := range a {
			if y := b[i]; y != 0 {
				if x %= y; x != 0 && x < 0 != (y < 0) {
					x += y
				}
			}
			d[i] = x
		}
	case IntFloorDiv:
		for i, x := range a {
			var q T
			if y := b[i]; y != 0 {
				if q = x / y; x%y != 0 && x < 0 != (y < 0) {
					q--
				}
			}
			d[i] = q
		}
	default:
		panic(fmt.Sprintf("kernel: internal error: there is no IntOp %d", op))
	}
}

// Map sets d[i] = f(a[i]) for every i below len(d).
func Map[T Number](d, a []T, f func(x T) T) {
	for i, x := range a[:len(d)] {
		d[i] = f(x)
	}
}

// MapPair sets d[i] = f(a[i], b[i]) for every i below len(d).
func MapPair[T Number](d, a, b []T, f func(x, y T) T) {
	a, b = a[:len(d)], b[:len(d)]
	for i, x := range a {
		d[i] = f(x, b[i])
	}
}
