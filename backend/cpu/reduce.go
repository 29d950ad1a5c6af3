package cpu

import (
	"math"

	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// A reduction is cut in parts that depend on the shape alone: their results
// are combined in order, so that no sum depends on the number of workers.
const reducePart = 1 << 14

// A reducer is a reduction as kernels see it.
type reducer struct {
	v     *kernel.Vec
	f     ops.ReduceFunc
	pair  kernel.VecOp // combines two vectors
	start float32      // of no element
}

func newReducer(set *kernel.Set, f ops.ReduceFunc) reducer {
	r := reducer{v: &set.Vec, f: f}
	switch f {
	case ops.SumFunc:
		r.pair = kernel.Add
	case ops.ProdFunc:
		r.pair, r.start = kernel.Mul, 1
	case ops.AmaxFunc:
		r.pair, r.start = kernel.Max, float32(math.Inf(-1))
	case ops.AminFunc:
		r.pair, r.start = kernel.Min, float32(math.Inf(1))
	}
	return r
}

// row reduces elements that lie together.
func (r reducer) row(x []float32) float64 {
	switch {
	case len(x) == 0:
		return float64(r.start)
	case r.f == ops.SumFunc:
		return r.v.Sum64(x)
	case r.f == ops.ProdFunc:
		return float64(r.v.Prod(x))
	case r.f == ops.AmaxFunc:
		return float64(r.v.Max(x))
	}
	return float64(r.v.Min(x))
}

// two combines two partial results.
func (r reducer) two(a, b float64) float64 {
	switch r.f {
	case ops.SumFunc:
		return a + b
	case ops.ProdFunc:
		return a * b
	}
	if a != a || b != b {
		return math.NaN()
	}
	if r.f == ops.AmaxFunc {
		return max(a, b)
	}
	return min(a, b)
}

// lowerReduce reduces; float32 over the last axes, by rows; over the first, by
// columns; anything else after a transpose that brings the reduced axes last.
func lowerReduce(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.ReduceOp)
	x, y := n.In()[0], n.Out(0)
	if !isF32(n) {
		if !l.lowerReduceTyped(n) {
			l.interpret(n)
		}
		return
	}
	r := newReducer(l.b.set, op.F)
	outer, rows, cols, kind := reduceShape(op, x.Shape())
	src, dst := l.read(x), l.dst(n)
	if y.Shape().Size() == 0 {
		return
	}
	switch kind {
	case reduceLast:
		l.reduceRows(n, r, dst, src, outer, rows)
	case reduceMiddle:
		l.reduceColumns(n, r, dst, src, outer, rows, cols)
	default:
		tmp := l.scratch(x.Shape().Size())
		turned, strides := reducedLast(op, x.Shape())
		l.strided("transpose", n, tmp, src, 4, turned, 0, strides)
		l.reduceRows(n, r, dst, tmp, y.Shape().Size(), x.Shape().Size()/max(1, y.Shape().Size()))
	}
}

type reduceKind uint8

const (
	reduceLast   reduceKind = iota // outer results of rows elements each
	reduceMiddle                   // outer matrices of rows by cols, to outer rows of cols
	reduceMixed
)

// reduceShape merges axes: those before the first reduced one, the reduced
// ones, those behind.
func reduceShape(op ops.ReduceOp, s shape.Shape) (outer, rows, cols int, kind reduceKind) {
	outer, rows, cols = 1, 1, 1
	state := 0
	for a := range s.Rank() {
		d := s.Dim(a)
		if d == 1 {
			continue
		}
		switch {
		case op.Has(a) && state <= 1:
			state = 1
			rows *= d
		case op.Has(a):
			return 0, 0, 0, reduceMixed
		case state == 0:
			outer *= d
		default:
			state = 2
			cols *= d
		}
	}
	if state == 2 {
		return outer, rows, cols, reduceMiddle
	}
	return outer, rows, 1, reduceLast
}

// reduceRows reduces count rows of length n to one number each. A long row is
// cut in parts.
func (l *lowering) reduceRows(node *ir.Node, r reducer, dst, src ref, count, n int) {
	parts := max(1, (n+reducePart-1)/reducePart)
	scratch := l.scratch(2 * count * parts) // float64
	l.step(node.Op().Name(), node, func(m *memory) []kernel.Phase {
		x, y := m.f32(src), m.f32(dst)
		if parts == 1 {
			return []kernel.Phase{rowsOf(count, max(n, 1), func(_, i int) { y[i] = float32(r.row(x[i*n : (i+1)*n])) })}
		}
		p := view[float64](m.bytes(scratch))
		return []kernel.Phase{
			{Chunks: count * parts, Run: func(_, c int) {
				i, k := c/parts, c%parts
				row := x[i*n : (i+1)*n]
				p[c] = r.row(row[k*reducePart : min((k+1)*reducePart, n)])
			}},
			{Chunks: 1, Run: func(_, _ int) {
				for i := range count {
					acc := p[i*parts]
					for _, v := range p[i*parts+1 : (i+1)*parts] {
						acc = r.two(acc, v)
					}
					y[i] = float32(acc)
				}
			}},
		}
	})
}

// reduceColumns reduces outer matrices of rows by cols to a row each. Narrow
// rows are taken several at a time, as one wide row that is folded at the end;
// rows of which one is a part are cut in blocks of columns instead.
func (l *lowering) reduceColumns(node *ir.Node, r reducer, dst, src ref, outer, rows, cols int) {
	if cols > reducePart/2 && rows > 0 {
		l.reduceBlocks(node, r, dst, src, outer, rows, cols)
		return
	}
	fold := max(1, min(rows, 512/cols))
	wide := fold * cols
	per := fold * max(1, reducePart/wide) // rows of a part
	parts := max(1, (rows+per-1)/per)
	scratch := l.scratch(outer * parts * wide)
	l.step(node.Op().Name(), node, func(m *memory) []kernel.Phase {
		x, y, s := m.f32(src), m.f32(dst), m.f32(scratch)
		first := kernel.Phase{Chunks: outer * parts, Run: func(_, c int) {
			o, k := c/parts, c%parts
			mat := x[o*rows*cols : (o+1)*rows*cols]
			r.columns(s[c*wide:(c+1)*wide], mat[k*per*cols:min((k+1)*per, rows)*cols], cols)
		}}
		second := kernel.Phase{Chunks: outer, Run: func(_, o int) {
			d := y[o*cols : (o+1)*cols]
			copy(d, s[o*parts*wide:])
			for k := 1; k < parts; k++ {
				p := s[(o*parts+k)*wide:]
				r.v.Run(r.pair, d, d, p[:cols], nil, 0, 0)
			}
		}}
		if outer*rows*cols < serialWork {
			return []kernel.Phase{{Chunks: 1, Run: func(w, _ int) {
				for c := range first.Chunks {
					first.Run(w, c)
				}
				for c := range second.Chunks {
					second.Run(w, c)
				}
			}}}
		}
		return []kernel.Phase{first, second}
	})
}

// reduceBlocks is reduceColumns for wide rows: a block of columns goes down all
// rows, and needs no memory but the result's.
func (l *lowering) reduceBlocks(node *ir.Node, r reducer, dst, src ref, outer, rows, cols int) {
	const block = reducePart / 8 // with what is read of a row or two, in the first cache
	blocks := (cols + block - 1) / block
	l.step(node.Op().Name(), node, func(m *memory) []kernel.Phase {
		x, y := m.f32(src), m.f32(dst)
		return []kernel.Phase{{Chunks: outer * blocks, Run: func(_, c int) {
			o, lo := c/blocks, c%blocks*block
			r.down(y[o*cols+lo:o*cols+min(lo+block, cols)], x[o*rows*cols+lo:], rows, cols)
		}}}
	})
}

// down reduces rows that begin stride elements apart in x into acc, of their
// width, in order.
func (r reducer) down(acc, x []float32, rows, stride int) {
	copy(acc, x)
	row := func(i int) []float32 { return x[i*stride : i*stride+len(acc)] }
	i := 1
	if r.f == ops.SumFunc {
		for ; i+1 < rows; i += 2 {
			r.v.Run(kernel.Add3, acc, acc, row(i), row(i+1), 0, 0)
		}
	}
	for ; i < rows; i++ {
		r.v.Run(r.pair, acc, acc, row(i), nil, 0, 0)
	}
}

// columns reduces the rows of x by column into the first cols elements of acc,
// a wide row.
func (r reducer) columns(acc, x []float32, cols int) {
	if len(x) == 0 {
		r.v.Run(kernel.Fill, acc, nil, nil, nil, r.start, 0)
		return
	}
	n := min(len(acc), len(x))
	whole := len(x) / n
	r.down(acc[:n], x, whole, n)
	rest := x[whole*n:]
	r.v.Run(r.pair, acc[:len(rest)], acc[:len(rest)], rest, nil, 0, 0)
	for at := cols; at < n; at += cols {
		r.v.Run(r.pair, acc[:cols], acc[:cols], acc[at:at+cols], nil, 0, 0)
	}
}
