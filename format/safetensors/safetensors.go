// Package safetensors reads and writes the safetensors format of Hugging Face:
// an 8-byte little-endian header length, a JSON header that gives each tensor
// its dtype, shape and data_offsets, then the tensors' bytes, little-endian.
//
// Reading takes the file as hostile: everything the header says is checked
// against the file's size before the first use. The rules are those of the
// reference implementation (safetensors 0.8.0): the header is at most 100 MB
// of JSON that begins with '{', no name appears twice, each tensor's byte range
// has exactly the size of its dtype and shape, and the ranges cover the data
// without hole or overlap. Writing gives the bytes that the reference gives.
package safetensors

import (
	"errors"
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/dtype"
)

// maxHeader is the reference implementation's bound on the header's length.
const maxHeader = 100_000_000

// metadataKey is the header's key for the map of strings about the file.
const metadataKey = "__metadata__"

// ErrUnsupported is wrapped by the error for a tensor whose element type, rank
// or size this program has no tensor for. File.Raw reads its bytes.
var ErrUnsupported = errors.New("unsupported tensor")

// elementBits gives the size of every element type of the format.
var elementBits = map[string]int64{
	"BOOL": 8,
	"F4":   4, "F6_E2M3": 6, "F6_E3M2": 6,
	"U8": 8, "I8": 8,
	"F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8,
	"I16": 16, "U16": 16, "F16": 16, "BF16": 16,
	"I32": 32, "U32": 32, "F32": 32,
	"C64": 64, "F64": 64, "I64": 64, "U64": 64,
}

// written lists the types that have a dtype, in the order in which the
// reference implementation lays tensors out: largest alignment first.
var written = []struct {
	dt   dtype.DType
	name string
}{
	{dtype.Uint64, "U64"},
	{dtype.Int64, "I64"},
	{dtype.Float64, "F64"},
	{dtype.Float32, "F32"},
	{dtype.Uint32, "U32"},
	{dtype.Int32, "I32"},
	{dtype.BFloat16, "BF16"},
	{dtype.Float16, "F16"},
	{dtype.Uint8, "U8"},
	{dtype.Bool, "BOOL"},
}

// dtypeOf returns the element type with a name of the format.
func dtypeOf(name string) (dtype.DType, bool) {
	for _, w := range written {
		if w.name == name {
			return w.dt, true
		}
	}
	return dtype.Invalid, false
}

// place returns the place of an element type in the layout order; ok is false
// when the format lacks it.
func place(dt dtype.DType) (i int, ok bool) {
	for i, w := range written {
		if w.dt == dt {
			return i, true
		}
	}
	return 0, false
}

// dataSize returns the bytes that a tensor takes. Each partial product is
// checked, in the order of the axes, as the reference does.
func dataSize(elem string, dims []int) (int64, error) {
	bits, ok := elementBits[elem]
	if !ok {
		return 0, fmt.Errorf("unknown dtype %q", elem)
	}
	n := int64(1)
	for _, d := range dims {
		if d > 0 && n > math.MaxInt64/int64(d) {
			return 0, fmt.Errorf("shape %v overflows", dims)
		}
		n *= int64(d)
	}
	if n > math.MaxInt64/bits {
		return 0, fmt.Errorf("shape %v of %s overflows", dims, elem)
	}
	if n*bits%8 != 0 {
		return 0, fmt.Errorf("shape %v of %s does not fill whole bytes", dims, elem)
	}
	return n * bits / 8, nil
}

// swap reverses the bytes of each element: between the file's order and the
// memory's where the machine is big-endian.
func swap(mem []byte, size int) {
	for ; len(mem) >= size && size > 1; mem = mem[size:] {
		for i, j := 0, size-1; i < j; i, j = i+1, j-1 {
			mem[i], mem[j] = mem[j], mem[i]
		}
	}
}
