package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

var (
	lowerSort = byType{
		sortLines[float32], sortLines[float64], sortLines[int32], sortLines[int64], sortLines[uint8], sortLines[uint32], sortLines[uint64],
	}
	lowerTopK = byType{
		topK[float32], topK[float64], topK[int32], topK[int64], topK[uint8], topK[uint32], topK[uint64],
	}
	lowerSearchSorted = byType{
		searchSorted[float32], searchSorted[float64], searchSorted[int32], searchSorted[int64], searchSorted[uint8], searchSorted[uint32], searchSorted[uint64],
	}
)

// words is scratch memory of n numbers of 64 bits for each worker.
func (l *lowering) words(n int) func(m *memory, worker int) []byte {
	r := l.scratch(2 * n * l.b.threads)
	return func(m *memory, worker int) []byte { return m.bytes(r)[8*n*worker : 8*n*(worker+1)] }
}

// line gives the place of the first element of line r along an axis of n
// elements; inner lines lie side by side.
func line(r, n, inner int) int { return r/inner*n*inner + r%inner }

func sortLines[T kernel.Number](l *Lowering, n *ir.Node) {
	op, x := n.Op().(ops.SortOp), n.In()[0]
	src, values, index := l.read(x), l.write(n.Out(0)), l.write(n.Out(1))
	size := x.Dim(op.Axis)
	outer, inner := around(x, op.Axis)
	scratch := l.words(4 * size)
	l.step("sort", n, func(m *memory) []kernel.Phase {
		s, d, at := view[T](m.bytes(src)), view[T](m.bytes(values)), view[int64](m.bytes(index))
		keys, orders := make([][]uint64, l.b.threads), make([][]int64, l.b.threads)
		for w := range keys {
			mem := scratch(m, w)
			keys[w], orders[w] = view[uint64](mem[:16*size]), view[int64](mem[16*size:])
		}
		return []kernel.Phase{rowsOf(outer*inner*min(size, 1), 40*size, func(worker, r int) {
			first, k, o := line(r, size, inner), keys[worker], orders[worker]
			order := o[:size]
			kernel.Keys(k[:size], s[first:], inner, op.Descending)
			kernel.SortKeys(k[:size], k[size:], order, o[size:])
			for i, from := range order {
				d[first+i*inner], at[first+i*inner] = s[first+int(from)*inner], from
			}
		})}
	})
}

func topK[T kernel.Number](l *Lowering, n *ir.Node) {
	op, x := n.Op().(ops.TopKOp), n.In()[0]
	src, values, index := l.read(x), l.write(n.Out(0)), l.write(n.Out(1))
	size := x.Dim(op.Axis)
	outer, inner := around(x, op.Axis)
	scratch := l.words(size + 2*op.K)
	l.step("topk", n, func(m *memory) []kernel.Phase {
		s, d, at := view[T](m.bytes(src)), view[T](m.bytes(values)), view[int64](m.bytes(index))
		keys, orders := make([][]uint64, l.b.threads), make([][]int64, l.b.threads)
		for w := range keys {
			mem := scratch(m, w)
			cut := 8 * (size + op.K)
			keys[w], orders[w] = view[uint64](mem[:cut]), view[int64](mem[cut:])
		}
		return []kernel.Phase{rowsOf(outer*inner*min(op.K, 1), 4*size, func(worker, r int) {
			from, to, k, order := line(r, size, inner), line(r, op.K, inner), keys[worker], orders[worker]
			kernel.Keys(k[:size], s[from:], inner, !op.Smallest)
			kernel.Smallest(order, k[size:], k[:size])
			for i, p := range order {
				d[to+i*inner], at[to+i*inner] = s[from+int(p)*inner], p
			}
		})}
	})
}

// searchPart is the number of values that a chunk looks for.
const searchPart = 1 << 10

func searchSorted[T kernel.Number](l *Lowering, n *ir.Node) {
	op, rows, values := n.Op().(ops.SearchSortedOp), n.In()[0], n.In()[1]
	rr, rv, dst := l.read(rows), l.read(values), l.dst(n)
	size := rows.Dim(-1)
	each, count := values.Shape().Size(), 1 // values for a row; rows
	if rows.Rank() > 1 {
		each = values.Dim(-1)
		count = values.Shape().Size() / max(each, 1)
	}
	cuts := (each + searchPart - 1) / searchPart
	l.step("searchsorted", n, func(m *memory) []kernel.Phase {
		s, v, d := view[T](m.bytes(rr)), view[T](m.bytes(rv)), view[int64](m.bytes(dst))
		return []kernel.Phase{rowsOf(count*cuts, 32*min(each, searchPart), func(_, c int) {
			r, lo := c/cuts, c%cuts*searchPart
			lo, hi := r*each+lo, r*each+min(lo+searchPart, each)
			kernel.SearchSorted(d[lo:hi], v[lo:hi], s[r*size:(r+1)*size], op.Right)
		})}
	})
}
