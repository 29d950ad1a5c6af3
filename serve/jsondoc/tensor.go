package jsondoc

import (
	"iter"
	"math"
	"slices"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/tensor"
)

// Shape is the extents of arrays that are nested regularly, whatever they hold,
// and none for what is not an array. Arrays that differ in length are an error.
func (v Value) Shape() ([]int, error) {
	if v.Kind() != Array {
		return nil, nil
	}
	if dims, _, ok := v.Numbers(); ok {
		return dims, nil
	}
	dims := []int{v.Len()}
	for i, item := range v.Items() {
		inner, err := item.Shape()
		switch {
		case err != nil:
			return nil, err
		case i == 0:
			dims = append(dims, inner...)
		case !slices.Equal(inner, dims[1:]):
			return nil, item.Errorf("has shape %v, want %v as the one before; arrays must be nested regularly", inner, dims[1:])
		}
	}
	return dims, nil
}

// Leaves are the values within arrays, row by row, and what is not an array
// itself.
func (v Value) Leaves() iter.Seq[Value] {
	return func(yield func(Value) bool) { v.leaves(yield) }
}

func (v Value) leaves(yield func(Value) bool) bool {
	if v.Kind() != Array {
		return yield(v)
	}
	for _, item := range v.Items() {
		if !item.leaves(yield) {
			return false
		}
	}
	return true
}

// Size is the number of leaves.
func (v Value) Size() int {
	if _, nums, ok := v.Numbers(); ok {
		return len(nums)
	}
	n := 0
	for range v.Leaves() {
		n++
	}
	return n
}

// Fill puts the numbers or booleans of arrays into a tensor, row by row, however
// they are nested; there must be as many as it has elements. Floats are rounded
// to the element type. What it can't hold is an error: a fraction or a number
// beyond an integer type, a magnitude beyond a float type. A Bool takes false,
// true, 0 and 1; other types take no booleans.
func (v Value) Fill(t *tensor.Tensor) error {
	if _, nums, ok := v.Numbers(); ok && len(nums) == t.Size() {
		if fill(t, nums) {
			return nil
		}
	}
	n := 0
	for leaf := range v.Leaves() {
		if n < t.Size() {
			if err := leaf.set(t, n); err != nil {
				return err
			}
		}
		n++
	}
	if n != t.Size() {
		return v.Errorf("holds %d values, want %d", n, t.Size())
	}
	return nil
}

// fill takes all numbers at once, and is false where one does not fit.
func fill(t *tensor.Tensor, nums []float64) bool {
	switch t.DType() {
	case dtype.Float32:
		dst := t.F32()
		most := float32(0)
		for i, x := range nums {
			dst[i] = float32(x)
			if a := float32(math.Abs(x)); a > most {
				most = a
			}
		}
		return most <= math.MaxFloat32
	case dtype.Float64:
		copy(tensor.Data[float64](t), nums)
		return true
	case dtype.Uint8:
		dst := tensor.Data[uint8](t)
		for i, x := range nums {
			u := uint8(int64(x))
			if float64(u) != x {
				return false
			}
			dst[i] = u
		}
		return true
	}
	return false
}

// set puts one value into element i.
func (v Value) set(t *tensor.Tensor, i int) error {
	dt := t.DType()
	kind := v.Kind()
	if kind == Bool && dt == dtype.Bool {
		tensor.Data[bool](t)[i] = v.Bool()
		return nil
	}
	if kind != Number {
		want := "a number"
		if dt == dtype.Bool {
			want = "a boolean"
		}
		return v.Errorf("want %s, got %v", want, kind)
	}
	fits := true
	switch dt {
	case dtype.Uint32, dtype.Uint64, dtype.Uint8, dtype.Bool:
		var x uint64
		x, fits = v.Uint()
		if fits = fits && (dt == dtype.Uint64 || x <= 1<<(8*dt.Size())-1 && (dt != dtype.Bool || x <= 1)); fits {
			t.SetInt(i, int64(x))
		}
	case dtype.Int32, dtype.Int64:
		var x int64
		x, fits = v.Int()
		if fits = fits && (dt == dtype.Int64 || x == int64(int32(x))); fits {
			t.SetInt(i, x)
		}
	default:
		t.SetFloat(i, v.Float())
		fits = !math.IsInf(t.Float(i), 0)
	}
	if !fits {
		return v.Errorf("%s is no %v", v.source(), dt)
	}
	return nil
}

// source is a number as messages show it.
func (v Value) source() []byte {
	switch f, bits := v.number(); f {
	case positive:
		return AppendUint(nil, bits)
	case negative:
		return AppendUint([]byte{'-'}, bits)
	default:
		return appendFloat(nil, math.Float64frombits(bits), 64)
	}
}
