package cpu

import (
	"math"

	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// lowerReduceTyped reduces float64, integers and bool in plain loops, cut by
// shape alone as those of float32 are. It returns false for other types.
func (l *lowering) lowerReduceTyped(n *ir.Node) bool {
	f := n.Op().(ops.ReduceOp).F
	switch n.Out(0).DType() {
	case dtype.Float64:
		r := newTypedReducer[float64](f)
		switch f {
		case ops.AmaxFunc:
			r.start = math.Inf(-1)
		case ops.AminFunc:
			r.start = math.Inf(1)
		}
		r.lower(l, n)
	case dtype.Int32:
		newTypedReducer[int32](f).lower(l, n)
	case dtype.Int64:
		newTypedReducer[int64](f).lower(l, n)
	case dtype.Uint8:
		newTypedReducer[uint8](f).lower(l, n)
	case dtype.Uint32:
		newTypedReducer[uint32](f).lower(l, n)
	case dtype.Uint64:
		newTypedReducer[uint64](f).lower(l, n)
	case dtype.Bool: // 0 and 1: the largest tells whether one is true
		r := newTypedReducer[uint8](f)
		if f == ops.AminFunc {
			r.start = 1
		}
		r.lower(l, n)
	default:
		return false
	}
	return true
}

// A typedReducer is a reduction of one element type.
type typedReducer[T kernel.Number] struct {
	all   func(x []T) T // of one element at least
	pair  kernel.VecOp  // combines two vectors
	start T             // of no element
}

func newTypedReducer[T kernel.Number](f ops.ReduceFunc) typedReducer[T] {
	switch f {
	case ops.SumFunc:
		return typedReducer[T]{kernel.SumOf[T], kernel.Add, 0}
	case ops.ProdFunc:
		return typedReducer[T]{kernel.ProdOf[T], kernel.Mul, 1}
	case ops.AmaxFunc:
		return typedReducer[T]{kernel.MaxOf[T], kernel.Max, 0}
	}
	return typedReducer[T]{kernel.MinOf[T], kernel.Min, 0}
}

func (r typedReducer[T]) lower(l *lowering, n *ir.Node) {
	op, x, y := n.Op().(ops.ReduceOp), n.In()[0], n.Out(0)
	src, dst := l.read(x), l.write(y)
	outer, rows, cols, kind := reduceShape(op, x.Shape())
	switch {
	case y.Shape().Size() == 0:
	case x.Shape().Size() == 0:
		l.step(op.Name(), n, func(m *memory) []kernel.Phase {
			d := view[T](m.bytes(dst))
			return []kernel.Phase{{Chunks: 1, Run: func(_, _ int) { kernel.RunTyped(kernel.Fill, d, nil, nil, nil, r.start, 0) }}}
		})
	case kind == reduceMiddle:
		r.columns(l, n, dst, src, outer, rows, cols)
	case kind == reduceLast:
		r.rows(l, n, dst, src, outer, rows)
	default:
		size, bytes := x.Shape().Size(), x.DType().Size()
		tmp := l.scratch((size*bytes + 3) / 4)
		s, strides := reducedLast(op, x.Shape())
		l.strided("transpose", n, tmp, src, bytes, s, 0, strides)
		r.rows(l, n, dst, tmp, y.Shape().Size(), size/y.Shape().Size())
	}
}

// reducedLast returns the shape with the reduced axes last, and the strides by
// which that order reads the memory.
func reducedLast(op ops.ReduceOp, s shape.Shape) (shape.Shape, []int) {
	perm := make([]int, 0, s.Rank())
	for a := range s.Rank() {
		if !op.Has(a) {
			perm = append(perm, a)
		}
	}
	perm = append(perm, op.List()...)
	st := s.Strides()
	dims, strides := make([]int, len(perm)), make([]int, len(perm))
	for i, p := range perm {
		dims[i], strides[i] = s.Dim(p), st[p]
	}
	return shape.Of(dims...), strides
}

// rows reduces count rows of length n to one element each. A long row is cut in
// parts, whose results are combined in order.
func (r typedReducer[T]) rows(l *lowering, node *ir.Node, dst, src ref, count, n int) {
	parts := (n + reducePart - 1) / reducePart
	scratch := l.scratch(2 * count * parts) // of at most 8 bytes each
	l.step(node.Op().Name(), node, func(m *memory) []kernel.Phase {
		x, y := view[T](m.bytes(src)), view[T](m.bytes(dst))
		if parts == 1 {
			return []kernel.Phase{rowsOf(count, n, func(_, i int) { y[i] = r.all(x[i*n : (i+1)*n]) })}
		}
		p := view[T](m.bytes(scratch))
		return []kernel.Phase{
			{Chunks: count * parts, Run: func(_, c int) {
				i, k := c/parts, c%parts
				p[c] = r.all(x[i*n : (i+1)*n][k*reducePart : min((k+1)*reducePart, n)])
			}},
			{Chunks: 1, Run: func(_, _ int) {
				for i := range count {
					y[i] = r.all(p[i*parts : (i+1)*parts])
				}
			}},
		}
	})
}

// columns reduces outer matrices of rows by cols to a row each, some columns at
// a time, down all rows in order.
func (r typedReducer[T]) columns(l *lowering, node *ir.Node, dst, src ref, outer, rows, cols int) {
	cuts := (cols + blockLen - 1) / blockLen
	l.step(node.Op().Name(), node, func(m *memory) []kernel.Phase {
		x, y := view[T](m.bytes(src)), view[T](m.bytes(dst))
		return []kernel.Phase{rowsOf(outer*cuts, rows*cols/cuts, func(_, c int) {
			o, lo, hi := c/cuts, c%cuts*cols/cuts, (c%cuts+1)*cols/cuts
			d, mat := y[o*cols+lo:o*cols+hi], x[o*rows*cols:(o+1)*rows*cols]
			copy(d, mat[lo:hi])
			for k := 1; k < rows; k++ {
				kernel.RunTyped(r.pair, d, d, mat[k*cols+lo:k*cols+hi], nil, 0, 0)
			}
		})}
	})
}

// lowerArgReduce finds the place of the largest or smallest element: along the
// last axis by rows, along another down the columns.
func lowerArgReduce(l *Lowering, n *ir.Node) {
	switch n.In()[0].DType() {
	case dtype.Float32:
		v := &l.b.set.Vec
		argReduce(l, n, v.ArgMax, v.ArgMin)
	case dtype.Float64:
		argReduce(l, n, kernel.ArgMaxOf[float64], kernel.ArgMinOf[float64])
	case dtype.Int32:
		argReduce(l, n, kernel.ArgMaxOf[int32], kernel.ArgMinOf[int32])
	case dtype.Int64:
		argReduce(l, n, kernel.ArgMaxOf[int64], kernel.ArgMinOf[int64])
	case dtype.Uint8:
		argReduce(l, n, kernel.ArgMaxOf[uint8], kernel.ArgMinOf[uint8])
	case dtype.Uint32:
		argReduce(l, n, kernel.ArgMaxOf[uint32], kernel.ArgMinOf[uint32])
	case dtype.Uint64:
		argReduce(l, n, kernel.ArgMaxOf[uint64], kernel.ArgMinOf[uint64])
	default:
		l.interpret(n)
	}
}

func argReduce[T kernel.Number](l *Lowering, n *ir.Node, argMax, argMin func(x []T) int) {
	op, x := n.Op().(ops.ArgReduceOp), n.In()[0]
	outer, cols := around(x, op.Axis)
	rows := x.Dim(op.Axis)
	row := argMax
	if op.F == ops.AminFunc {
		row = argMin
	}
	src, dst := l.read(x), l.dst(n)
	l.step(op.Name(), n, func(m *memory) []kernel.Phase {
		xs, ys := view[T](m.bytes(src)), view[int64](m.bytes(dst))
		if cols == 1 {
			return []kernel.Phase{rowsOf(outer, 2*rows, func(_, r int) { ys[r] = int64(row(xs[r*rows : (r+1)*rows])) })}
		}
		cuts := (cols + blockLen - 1) / blockLen
		return []kernel.Phase{rowsOf(outer*cuts, 2*rows*cols/max(cuts, 1), func(_, c int) {
			o, lo, hi := c/cuts, c%cuts*cols/cuts, (c%cuts+1)*cols/cuts
			kernel.ArgColumns(ys[o*cols+lo:o*cols+hi], xs[o*rows*cols+lo:(o+1)*rows*cols], cols, op.F == ops.AminFunc)
		})}
	})
}
