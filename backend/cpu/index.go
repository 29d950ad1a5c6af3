package cpu

import (
	"math"

	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
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

var nan32 = float32(math.NaN())

// lowerTake copies slices of x along an axis; an index outside gives NaN.
func lowerTake(l *Lowering, n *ir.Node) {
	x, idx := n.In()[0], n.In()[1]
	if !isF32Value(x) {
		l.interpret(n)
		return
	}
	axis := n.Op().(ops.TakeOp).Axis
	outer, inner := around(x, axis)
	size, count := x.Dim(axis), idx.Shape().Size()
	rx, ri, dst := l.read(x), l.read(idx), l.dst(n)
	v := &l.b.set.Vec
	l.step("take", n, func(m *memory) []kernel.Phase {
		xs, ys, at := m.f32(rx), m.f32(dst), indices(idx, m.bytes(ri))
		return []kernel.Phase{rowsOf(outer*count, inner, func(_, r int) {
			d, k := ys[r*inner:(r+1)*inner], at(r%count)
			if k < 0 || k >= size {
				v.Run(kernel.Fill, d, nil, nil, nil, nan32, 0)
				return
			}
			copy(d, xs[(r/count*size+k)*inner:])
		})}
	})
}

// indexColumns is the number of elements of a slice that one chunk of an
// IndexAdd takes: sums over indices stay within a chunk and keep their order.
const indexColumns = 64

// lowerIndexAdd adds slices of src to slices of x; an index outside is ignored.
func lowerIndexAdd(l *Lowering, n *ir.Node) {
	x, idx, src := n.In()[0], n.In()[1], n.In()[2]
	if !isF32Value(x) {
		l.interpret(n)
		return
	}
	axis := n.Op().(ops.IndexAddOp).Axis
	outer, inner := around(x, axis)
	size, count := x.Dim(axis), idx.Shape().Size()
	rx, ri, rs, dst := l.read(x), l.read(idx), l.read(src), l.dst(n)
	v := &l.b.set.Vec
	l.step("index_add", n, func(m *memory) []kernel.Phase {
		xs, ss, ys, at := m.f32(rx), m.f32(rs), m.f32(dst), indices(idx, m.bytes(ri))
		cuts := max(1, (inner+indexColumns-1)/indexColumns)
		if outer*(size+count)*inner < serialWork {
			cuts = 1
		}
		return []kernel.Phase{{Chunks: outer * cuts, Run: func(_, c int) {
			o, lo, hi := c/cuts, c%cuts*inner/cuts, (c%cuts+1)*inner/cuts
			for k := range size {
				copy(ys[(o*size+k)*inner+lo:(o*size+k)*inner+hi], xs[(o*size+k)*inner+lo:])
			}
			for i := range count {
				if k := at(i); k >= 0 && k < size {
					d := ys[(o*size+k)*inner+lo : (o*size+k)*inner+hi]
					v.AddTo(d, ss[(o*count+i)*inner+lo:(o*count+i)*inner+hi])
				}
			}
		}}}
	})
}

// alongAxis describes gather and scatter: out position p of idx meets, in x,
// the same position with the coordinate of axis replaced by idx[p]. Extents of
// idx may be smaller than those of x.
func alongAxis(x, idx *ir.Value, axis int) func(p int) (rest, stride int) {
	is, xs := idx.Shape(), x.Shape().Strides()
	rank := is.Rank()
	return func(p int) (rest, stride int) {
		for a := rank - 1; a >= 0; a-- {
			if a != axis {
				rest += p % is.Dim(a) * xs[a]
			}
			p /= is.Dim(a)
		}
		return rest, xs[axis]
	}
}

func lowerGather(l *Lowering, n *ir.Node) {
	x, idx := n.In()[0], n.In()[1]
	if !isF32Value(x) {
		l.interpret(n)
		return
	}
	axis := n.Op().(ops.GatherOp).Axis
	where, size, count := alongAxis(x, idx, axis), x.Dim(axis), idx.Shape().Size()
	rx, ri, dst := l.read(x), l.read(idx), l.dst(n)
	l.step("gather", n, func(m *memory) []kernel.Phase {
		xs, ys, at := m.f32(rx), m.f32(dst), indices(idx, m.bytes(ri))
		return []kernel.Phase{rowsOf(count, 8, func(_, p int) {
			if k := at(p); k >= 0 && k < size {
				rest, st := where(p)
				ys[p] = xs[rest+k*st]
				return
			}
			ys[p] = nan32
		})}
	})
}

// lowerScatterAdd runs on one worker: sums keep the order of src.
func lowerScatterAdd(l *Lowering, n *ir.Node) {
	x, idx, src := n.In()[0], n.In()[1], n.In()[2]
	if !isF32Value(x) || src.Shape() != idx.Shape() {
		l.interpret(n)
		return
	}
	axis := n.Op().(ops.ScatterAddOp).Axis
	where, size, count := alongAxis(x, idx, axis), x.Dim(axis), idx.Shape().Size()
	rx, ri, rs, dst := l.read(x), l.read(idx), l.read(src), l.dst(n)
	l.step("scatter_add", n, func(m *memory) []kernel.Phase {
		xs, ss, ys, at := m.f32(rx), m.f32(rs), m.f32(dst), indices(idx, m.bytes(ri))
		return []kernel.Phase{{Chunks: 1, Run: func(_, _ int) {
			copy(ys, xs)
			for p := range count {
				if k := at(p); k >= 0 && k < size {
					rest, st := where(p)
					ys[rest+k*st] += ss[p]
				}
			}
		}}}
	})
}
