package cpu

import (
	"math"
	"unsafe"

	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// indices reads memory of an integer type as indices. One beyond the range of
// int is the largest there is: outside any axis.
func indices(v *ir.Value, mem []byte) func(i int) int {
	switch v.DType() {
	case dtype.Int32:
		return ints[int32](mem)
	case dtype.Uint8:
		return ints[uint8](mem)
	case dtype.Uint32:
		return ints[uint32](mem)
	case dtype.Uint64:
		s := view[uint64](mem)
		return func(i int) int { return int(min(s[i], math.MaxInt)) }
	}
	return ints[int64](mem)
}

func ints[T int32 | int64 | uint8 | uint32](mem []byte) func(i int) int {
	s := view[T](mem)
	return func(i int) int { return int(s[i]) }
}

// around returns the product of the extents before and after an axis.
func around(v *ir.Value, axis int) (outer, inner int) {
	outer, inner = 1, 1
	for a := range v.Rank() {
		if a < axis {
			outer *= v.Dim(a)
		} else if a > axis {
			inner *= v.Dim(a)
		}
	}
	return outer, inner
}

// outsideBytes is the element that a read out of range gives.
func outsideBytes(d dtype.DType) []byte {
	t := tensor.New(d, shape.Shape{})
	if d.IsFloat() {
		t.SetFloat(0, math.NaN())
	}
	return t.Bytes()
}

// lowerTake copies slices of x along an axis.
func lowerTake(l *Lowering, n *ir.Node) {
	x, idx := n.In()[0], n.In()[1]
	axis := n.Op().(ops.TakeOp).Axis
	outer, inner := around(x, axis)
	size, count := x.Dim(axis), idx.Shape().Size()
	run := inner * x.DType().Size()
	rx, ri, dst := l.read(x), l.read(idx), l.dst(n)
	nowhere := outsideBytes(x.DType())
	l.step("take", n, func(m *memory) []kernel.Phase {
		xs, ys, at := m.bytes(rx), m.bytes(dst), indices(idx, m.bytes(ri))
		return []kernel.Phase{rowsOf(outer*count, run/4, func(_, r int) {
			d, k := ys[r*run:(r+1)*run], at(r%count)
			if k >= 0 && k < size {
				copy(d, xs[(r/count*size+k)*run:])
				return
			}
			for i := 0; i < len(d); i += len(nowhere) {
				copy(d[i:], nowhere)
			}
		})}
	})
}

// indexColumns is the part of a slice of n bytes that one chunk of an index_add
// takes: sums over indices stay within a chunk and keep their order. Long runs
// are read faster, and a few chunks keep all workers busy (gradus bench --profile
// lstm).
func indexColumns(n int) int { return min(max(n/4, 256), 1024) &^ 63 }

var (
	lowerIndexAdd = byType{
		indexAddF32, indexAdd[float64], indexAdd[int32], indexAdd[int64], indexAdd[uint8], indexAdd[uint32], indexAdd[uint64],
	}
	lowerScatter = byType{
		scatter[float32], scatter[float64], scatter[int32], scatter[int64], scatter[uint8], scatter[uint32], scatter[uint64],
	}
)

func indexAddF32(l *Lowering, n *ir.Node) { intoSlices(l, n, l.b.set.Vec.AddTo) }

func indexAdd[T kernel.Number](l *Lowering, n *ir.Node) {
	intoSlices(l, n, func(dst, src []T) {
		for i, v := range src {
			dst[i] += v
		}
	})
}

// lowerIndexCopy replaces slices.
func lowerIndexCopy(l *Lowering, n *ir.Node) {
	intoSlices(l, n, func(dst, src []byte) { copy(dst, src) })
}

// intoSlices combines slices of src with slices of x: f takes a part of each,
// in elements of type T. An index outside is ignored.
func intoSlices[T any](l *Lowering, n *ir.Node, f func(dst, src []T)) {
	x, idx, src := n.In()[0], n.In()[1], n.In()[2]
	axis := axisOf(n.Op())
	outer, inner := around(x, axis)
	width := int(unsafe.Sizeof(*new(T)))
	inner = inner * x.DType().Size() / width
	cols := indexColumns(inner*width) / width
	size, count := x.Dim(axis), idx.Shape().Size()
	ri, rs := l.read(idx), l.read(src)
	dst, copyFirst := l.over(n, x, idx, src)
	l.step(n.Op().Name(), n, func(m *memory) []kernel.Phase {
		ss, ys, at := view[T](m.bytes(rs)), view[T](m.bytes(dst)), indices(idx, m.bytes(ri))
		cuts := (inner + cols - 1) / cols
		return append(copyFirst(m), rowsOf(outer*cuts, count*min(inner, cols), func(_, c int) {
			o, lo := c/cuts, c%cuts*cols
			hi := min(lo+cols, inner)
			for i := range count {
				if k := at(i); k >= 0 && k < size {
					f(ys[(o*size+k)*inner+lo:(o*size+k)*inner+hi], ss[(o*count+i)*inner+lo:(o*count+i)*inner+hi])
				}
			}
		}))
	})
}

// axisOf is the axis that an index counts along.
func axisOf(op ir.Op) int {
	switch op := op.(type) {
	case ops.IndexAddOp:
		return op.Axis
	case ops.IndexCopyOp:
		return op.Axis
	case ops.GatherOp:
		return op.Axis
	case ops.ScatterOp:
		return op.Axis
	case ops.ScatterSetOp:
		return op.Axis
	}
	panic("cpu: internal error: an op without an axis to index")
}

// indexLines describes gather and scatter by the lines of idx along the axis:
// line r begins at element at of idx and meets in x, whose extents may be
// larger, the line that begins at in. Neighbours lie idxStride and xStride
// apart.
type indexLines struct {
	lines, length, size int // of lines; of a line of idx; of a line of x
	idxStride, xStride  int
	where               func(r int) (at, in int)
}

func linesOf(x, idx *ir.Value, axis int) indexLines {
	is, xs, dims := idx.Shape().Strides(), x.Shape().Strides(), idx.Shape().Dims()
	n := indexLines{length: dims[axis], size: x.Dim(axis), idxStride: is[axis], xStride: xs[axis], lines: 1}
	dims[axis] = 1
	for _, d := range dims {
		n.lines *= d
	}
	n.where = func(r int) (at, in int) {
		for a := len(dims) - 1; a >= 0; a-- {
			p := r % dims[a]
			at, in, r = at+p*is[a], in+p*xs[a], r/dims[a]
		}
		return at, in
	}
	return n
}

func lowerGather(l *Lowering, n *ir.Node) {
	switch n.Out(0).DType().Size() {
	case 1:
		gather[uint8](l, n)
	case 2:
		gather[uint16](l, n)
	case 4:
		gather[uint32](l, n)
	default:
		gather[uint64](l, n)
	}
}

func gather[T uint8 | uint16 | uint32 | uint64](l *Lowering, n *ir.Node) {
	x, idx := n.In()[0], n.In()[1]
	axis := axisOf(n.Op())
	lines := linesOf(x, idx, axis)
	rx, ri, dst := l.read(x), l.read(idx), l.dst(n)
	nowhere := view[T](outsideBytes(x.DType()))[0]
	l.step(n.Op().Name(), n, func(m *memory) []kernel.Phase {
		xs, ys, index := view[T](m.bytes(rx)), view[T](m.bytes(dst)), indices(idx, m.bytes(ri))
		return []kernel.Phase{rowsOf(lines.lines, 8*lines.length, func(_, r int) {
			at, in := lines.where(r)
			for range lines.length {
				if k := index(at); k >= 0 && k < lines.size {
					ys[at] = xs[in+k*lines.xStride]
				} else {
					ys[at] = nowhere
				}
				at += lines.idxStride
			}
		})}
	})
}

// intoElements combines elements of src with those of x, each line by one
// worker in the order of src. An index outside is ignored.
func intoElements[T any](l *Lowering, n *ir.Node, f func(dst *T, src T)) {
	x, idx, src := n.In()[0], n.In()[1], n.In()[2]
	axis := axisOf(n.Op())
	lines := linesOf(x, idx, axis)
	ri, rs := l.read(idx), l.read(src)
	dst, copyFirst := l.over(n, x, idx, src)
	l.step(n.Op().Name(), n, func(m *memory) []kernel.Phase {
		ss, ys, index := view[T](m.bytes(rs)), view[T](m.bytes(dst)), indices(idx, m.bytes(ri))
		return append(copyFirst(m), rowsOf(lines.lines, 8*lines.length, func(_, r int) {
			at, in := lines.where(r)
			for range lines.length {
				if k := index(at); k >= 0 && k < lines.size {
					f(&ys[in+k*lines.xStride], ss[at])
				}
				at += lines.idxStride
			}
		}))
	})
}

func scatter[T kernel.Number](l *Lowering, n *ir.Node) {
	f := func(d *T, v T) { *d += v }
	switch n.Op().(ops.ScatterOp).F {
	case ops.ProdFunc:
		f = func(d *T, v T) { *d *= v }
	case ops.AmaxFunc: // NaN stays, and comes in
		f = func(d *T, v T) {
			if v > *d || v != v {
				*d = v
			}
		}
	case ops.AminFunc:
		f = func(d *T, v T) {
			if v < *d || v != v {
				*d = v
			}
		}
	}
	intoElements(l, n, f)
}

func lowerScatterSet(l *Lowering, n *ir.Node) {
	switch n.Out(0).DType().Size() {
	case 1:
		intoElements(l, n, set[uint8])
	case 2:
		intoElements(l, n, set[uint16])
	case 4:
		intoElements(l, n, set[uint32])
	default:
		intoElements(l, n, set[uint64])
	}
}

func set[T any](dst *T, src T) { *dst = src }
