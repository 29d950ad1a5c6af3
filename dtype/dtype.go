// Package dtype names the element types of tensors.
package dtype

import "fmt"

// A DType is the type of every element of a tensor.
type DType uint8

// The element types. The zero value is no type.
const (
	Invalid DType = iota
	Float32
	Float64
	BFloat16 // 8 bits of exponent and 7 of fraction: storage, see BF16
	Float16  // 5 bits of exponent and 10 of fraction: storage, see F16
	Int32
	Int64
	Uint8
	Uint32
	Uint64
	Bool // one byte, 0 or 1
)

var info = [...]struct {
	name string
	size int
}{
	Invalid:  {"invalid", 0},
	Float32:  {"f32", 4},
	Float64:  {"f64", 8},
	BFloat16: {"bf16", 2},
	Float16:  {"f16", 2},
	Int32:    {"i32", 4},
	Int64:    {"i64", 8},
	Uint8:    {"u8", 1},
	Uint32:   {"u32", 4},
	Uint64:   {"u64", 8},
	Bool:     {"bool", 1},
}

// All lists every element type.
func All() []DType {
	return []DType{Float32, Float64, BFloat16, Float16, Int32, Int64, Uint8, Uint32, Uint64, Bool}
}

// String returns the short name: "f32", "bf16", "i64", "bool".
func (d DType) String() string {
	if int(d) < len(info) {
		return info[d].name
	}
	return fmt.Sprintf("dtype(%d)", uint8(d))
}

// Size is the number of bytes an element takes.
func (d DType) Size() int { return info[d].size }

// IsFloat reports whether d is a floating-point type.
func (d DType) IsFloat() bool { return d >= Float32 && d <= Float16 }

// IsHalf reports whether d is a floating-point type of 16 bits.
func (d DType) IsHalf() bool { return d == BFloat16 || d == Float16 }

// IsInt reports whether d is a signed or unsigned integer type. Bool is not.
func (d DType) IsInt() bool { return d >= Int32 && d <= Uint64 }

// IsUnsigned reports whether d is an unsigned integer type.
func (d DType) IsUnsigned() bool { return d == Uint8 || d == Uint32 || d == Uint64 }

// Parse returns the type of a short name.
func Parse(name string) (DType, error) {
	for d, i := range info {
		if i.name == name && d != 0 {
			return DType(d), nil
		}
	}
	return Invalid, fmt.Errorf("dtype: no element type %q", name)
}

// Go is the set of Go types that hold elements.
type Go interface {
	float32 | float64 | BF16 | F16 | int32 | int64 | uint8 | uint32 | uint64 | bool
}

// Of returns the element type of a Go type.
func Of[T Go]() DType {
	var z T
	switch any(z).(type) {
	case float32:
		return Float32
	case float64:
		return Float64
	case BF16:
		return BFloat16
	case F16:
		return Float16
	case int32:
		return Int32
	case int64:
		return Int64
	case uint8:
		return Uint8
	case uint32:
		return Uint32
	case uint64:
		return Uint64
	}
	return Bool
}
