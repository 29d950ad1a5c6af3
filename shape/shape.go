// Package shape describes the extents of tensors.
//
// A [Shape] is a comparable value, so that it can be an attribute of an op and
// part of a map key. The rank is at most [MaxRank].
package shape

import (
	"fmt"
	"math"
	"strings"
)

// MaxRank is the largest number of axes a tensor has.
const MaxRank = 8

// A Shape is a list of at most MaxRank extents. The zero Shape is a scalar's.
type Shape struct {
	rank int
	dim  [MaxRank]int // zero beyond rank, so that == compares shapes
}

// Of returns the shape with the given extents. It panics when there are more
// than MaxRank or one is negative; Make returns an error instead.
func Of(dims ...int) Shape {
	s, err := Make(dims...)
	if err != nil {
		panic("shape: internal error: " + err.Error())
	}
	return s
}

// Make returns the shape with the given extents.
func Make(dims ...int) (Shape, error) {
	var s Shape
	if len(dims) > MaxRank {
		return s, fmt.Errorf("shape: %d axes %v, at most %d are supported", len(dims), dims, MaxRank)
	}
	n := 1
	for i, d := range dims {
		if d < 0 {
			return Shape{}, fmt.Errorf("shape: axis %d of %v is negative", i, dims)
		}
		if d > 0 && n > math.MaxInt/8/d {
			return Shape{}, fmt.Errorf("shape: %v has too many elements", dims)
		}
		n *= max(d, 1)
		s.dim[i] = d
	}
	s.rank = len(dims)
	return s, nil
}

// Rank is the number of axes.
func (s Shape) Rank() int { return s.rank }

// Dim returns the extent of an axis; a negative axis counts from the end.
func (s Shape) Dim(axis int) int {
	if axis < 0 {
		axis += s.rank
	}
	if axis < 0 || axis >= s.rank {
		panic(fmt.Sprintf("shape: internal error: axis %d of %v", axis, s))
	}
	return s.dim[axis]
}

// Dims returns a new slice of the extents.
func (s Shape) Dims() []int { return append([]int(nil), s.dim[:s.rank]...) }

// Size is the number of elements.
func (s Shape) Size() int {
	n := 1
	for _, d := range s.dim[:s.rank] {
		n *= d
	}
	return n
}

// With returns a copy whose axis has another extent.
func (s Shape) With(axis, dim int) Shape {
	if axis < 0 {
		axis += s.rank
	}
	s.dim[axis] = dim
	return s
}

// Tail returns the shape without its first axis.
func (s Shape) Tail() Shape {
	t := Shape{rank: s.rank - 1}
	copy(t.dim[:], s.dim[1:s.rank])
	return t
}

// Strides returns the distance in elements between neighbours on each axis of
// a row-major array.
func (s Shape) Strides() []int {
	st := make([]int, s.rank)
	n := 1
	for i := s.rank - 1; i >= 0; i-- {
		st[i] = n
		n *= s.dim[i]
	}
	return st
}

// String prints the extents as "[64 1 28 28]".
func (s Shape) String() string {
	var b strings.Builder
	b.WriteByte('[')
	for i, d := range s.dim[:s.rank] {
		if i > 0 {
			b.WriteByte(' ')
		}
		fmt.Fprint(&b, d)
	}
	b.WriteByte(']')
	return b.String()
}

// Axis maps an axis that may count from the end to 0..rank-1.
func (s Shape) Axis(axis int) (int, error) {
	a := axis
	if a < 0 {
		a += s.rank
	}
	if a < 0 || a >= s.rank {
		return 0, fmt.Errorf("axis %d is outside a tensor of rank %d", axis, s.rank)
	}
	return a, nil
}

// Broadcast returns the shape that NumPy's rule gives two operands: axes are
// matched from the last, and an extent of 1 stretches.
func Broadcast(a, b Shape) (Shape, error) {
	r := max(a.rank, b.rank)
	out := Shape{rank: r}
	for i := 1; i <= r; i++ {
		x, y := 1, 1
		if i <= a.rank {
			x = a.dim[a.rank-i]
		}
		if i <= b.rank {
			y = b.dim[b.rank-i]
		}
		switch {
		case x == y || y == 1:
			out.dim[r-i] = x
		case x == 1:
			out.dim[r-i] = y
		default:
			return Shape{}, fmt.Errorf("shapes %v and %v do not broadcast: %d against %d", a, b, x, y)
		}
	}
	return out, nil
}

// An Error is a mistake in the shapes or types given to an op.
type Error struct {
	Op     string   // "matmul"
	Reason string   // "inner sizes differ"
	In     []string // operands as printed: "x f32[8 128 64]"
	Path   string   // module path: "blocks.3.attn.q_proj"; may be empty
	Site   string   // the user's "train.go:41"; may be empty
}

// Error prints op, reason, operands, module path and site.
func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", e.Op, e.Reason)
	if len(e.In) > 0 {
		fmt.Fprintf(&b, ": %s", strings.Join(e.In, ", "))
	}
	if e.Path != "" {
		fmt.Fprintf(&b, "; at %s", e.Path)
	}
	if e.Site != "" {
		if e.Path == "" {
			b.WriteString("; at")
		}
		fmt.Fprintf(&b, " (%s)", e.Site)
	}
	return b.String()
}
