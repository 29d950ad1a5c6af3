// Package tensor holds arrays on the host: a shape, an element type and
// row-major memory.
package tensor

import (
	"fmt"
	"unsafe"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
)

// A Tensor is a row-major array on the host. Copies share memory.
// A Tensor is safe for concurrent reading.
type Tensor struct {
	dt    dtype.DType
	shape shape.Shape
	mem   []byte // aligned to 8 bytes at least
}

// New returns a tensor of zeros.
func New(dt dtype.DType, s shape.Shape) *Tensor {
	n := s.Size() * dt.Size()
	words := make([]uint64, (n+7)/8)
	return &Tensor{dt, s, unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), n)}
}

// FromBytes wraps memory in native byte order; it does not copy. The memory
// must be aligned for the element type and have exactly the right length.
func FromBytes(dt dtype.DType, s shape.Shape, mem []byte) (*Tensor, error) {
	if want := s.Size() * dt.Size(); len(mem) != want {
		return nil, fmt.Errorf("tensor: %v%v takes %d bytes, got %d", dt, s, want, len(mem))
	}
	if len(mem) > 0 && uintptr(unsafe.Pointer(unsafe.SliceData(mem)))%uintptr(dt.Size()) != 0 {
		return nil, fmt.Errorf("tensor: memory of %v%v is not aligned", dt, s)
	}
	return &Tensor{dt, s, mem}, nil
}

// Of wraps a Go slice; it does not copy. Without dims the tensor has rank 1.
func Of[T dtype.Go](data []T, dims ...int) (*Tensor, error) {
	if dims == nil {
		dims = []int{len(data)}
	}
	s, err := shape.Make(dims...)
	if err != nil {
		return nil, err
	}
	if s.Size() != len(data) {
		return nil, fmt.Errorf("tensor: shape %v has %d elements, the slice has %d", s, s.Size(), len(data))
	}
	var z T
	mem := unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(data))), len(data)*int(unsafe.Sizeof(z)))
	return &Tensor{dtype.Of[T](), s, mem}, nil
}

// Must returns t and panics on an error: for literals in tests and examples.
func Must(t *Tensor, err error) *Tensor {
	if err != nil {
		panic(err)
	}
	return t
}

// Scalar returns a tensor of rank 0.
func Scalar[T dtype.Go](v T) *Tensor {
	t := New(dtype.Of[T](), shape.Shape{})
	Data[T](t)[0] = v
	return t
}

// Data returns the elements as a Go slice that shares the tensor's memory.
// It panics when T is not the element type.
func Data[T dtype.Go](t *Tensor) []T {
	if t.dt != dtype.Of[T]() {
		panic(fmt.Sprintf("tensor: internal error: elements of %v%v asked for as %v", t.dt, t.shape, dtype.Of[T]()))
	}
	return unsafe.Slice((*T)(unsafe.Pointer(unsafe.SliceData(t.mem))), t.shape.Size())
}

// F32 returns the elements of a float32 tensor.
func (t *Tensor) F32() []float32 { return Data[float32](t) }

// DType is the element type.
func (t *Tensor) DType() dtype.DType { return t.dt }

// Shape is the list of extents.
func (t *Tensor) Shape() shape.Shape { return t.shape }

// Size is the number of elements.
func (t *Tensor) Size() int { return t.shape.Size() }

// Bytes returns the memory in native byte order.
func (t *Tensor) Bytes() []byte { return t.mem }

// Clone returns a copy with memory of its own.
func (t *Tensor) Clone() *Tensor {
	c := New(t.dt, t.shape)
	copy(c.mem, t.mem)
	return c
}

// Reshape returns a tensor that shares memory and has another shape of the
// same size.
func (t *Tensor) Reshape(dims ...int) (*Tensor, error) {
	s, err := shape.Make(dims...)
	if err != nil {
		return nil, err
	}
	if s.Size() != t.shape.Size() {
		return nil, fmt.Errorf("tensor: %v%v has %d elements and can't have shape %v", t.dt, t.shape, t.shape.Size(), s)
	}
	return &Tensor{t.dt, s, t.mem}, nil
}

// Rows returns rows lo..hi of the first axis; it shares memory.
func (t *Tensor) Rows(lo, hi int) *Tensor {
	row := t.dt.Size()
	for _, d := range t.shape.Dims()[1:] {
		row *= d
	}
	return &Tensor{t.dt, t.shape.With(0, hi-lo), t.mem[lo*row : hi*row]}
}

// Row returns row i of the first axis, without that axis; it shares memory. It
// allocates nothing when the caller keeps the value.
func (t *Tensor) Row(i int) Tensor {
	tail := t.shape.Tail()
	n := tail.Size() * t.dt.Size()
	return Tensor{t.dt, tail, t.mem[i*n : (i+1)*n]}
}

// Float returns element i as a float64, whatever the element type.
// 64-bit integers beyond 2^53 are rounded.
func (t *Tensor) Float(i int) float64 {
	switch t.dt {
	case dtype.Float32:
		return float64(Data[float32](t)[i])
	case dtype.Float64:
		return Data[float64](t)[i]
	case dtype.BFloat16:
		return Data[dtype.BF16](t)[i].Float()
	case dtype.Float16:
		return Data[dtype.F16](t)[i].Float()
	case dtype.Int32:
		return float64(Data[int32](t)[i])
	case dtype.Int64:
		return float64(Data[int64](t)[i])
	case dtype.Uint8:
		return float64(Data[uint8](t)[i])
	case dtype.Uint32:
		return float64(Data[uint32](t)[i])
	case dtype.Uint64:
		return float64(Data[uint64](t)[i])
	}
	if Data[bool](t)[i] {
		return 1
	}
	return 0
}

// SetFloat stores v in element i, converted as Go converts to the element
// type; a Bool becomes v != 0.
func (t *Tensor) SetFloat(i int, v float64) {
	switch t.dt {
	case dtype.Float32:
		Data[float32](t)[i] = float32(v)
	case dtype.Float64:
		Data[float64](t)[i] = v
	case dtype.BFloat16:
		Data[dtype.BF16](t)[i] = dtype.NewBF16(v)
	case dtype.Float16:
		Data[dtype.F16](t)[i] = dtype.NewF16(v)
	case dtype.Int32:
		Data[int32](t)[i] = int32(v)
	case dtype.Int64:
		Data[int64](t)[i] = int64(v)
	case dtype.Uint8:
		Data[uint8](t)[i] = uint8(v)
	case dtype.Uint32:
		Data[uint32](t)[i] = uint32(v)
	case dtype.Uint64:
		Data[uint64](t)[i] = uint64(v)
	default:
		Data[bool](t)[i] = v != 0
	}
}

// String prints type and shape, not the elements: "f32[64 10]".
func (t *Tensor) String() string { return t.dt.String() + t.shape.String() }

// Int returns element i of an integer or Bool tensor; a Uint64 wraps around.
func (t *Tensor) Int(i int) int64 {
	switch t.dt {
	case dtype.Int64:
		return Data[int64](t)[i]
	case dtype.Uint64:
		return int64(Data[uint64](t)[i])
	}
	return int64(t.Float(i))
}

// SetInt stores v in element i, converted as Go converts integers.
func (t *Tensor) SetInt(i int, v int64) {
	switch t.dt {
	case dtype.Int32:
		Data[int32](t)[i] = int32(v)
	case dtype.Int64:
		Data[int64](t)[i] = v
	case dtype.Uint8:
		Data[uint8](t)[i] = uint8(v)
	case dtype.Uint32:
		Data[uint32](t)[i] = uint32(v)
	case dtype.Uint64:
		Data[uint64](t)[i] = uint64(v)
	default:
		t.SetFloat(i, float64(v))
	}
}
