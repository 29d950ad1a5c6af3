package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// lineColumns is the number of lines that a chunk of lineChunks takes.
const lineColumns = 64

// lineChunks cuts work on lines along an axis, each of which is the business
// of one chunk. f gets the place of a chunk's first element, the lines that lie
// side by side from there on, and the distance of neighbours on the axis.
func lineChunks(x *ir.Value, axis, flops int, f func(worker, at, cols, stride int)) kernel.Phase {
	outer, inner := around(x, axis)
	n := x.Dim(axis)
	cuts := (inner + lineColumns - 1) / lineColumns
	return rowsOf(outer*cuts, n*min(inner, lineColumns)*flops, func(worker, r int) {
		c := r % cuts * lineColumns
		f(worker, r/cuts*n*inner+c, min(lineColumns, inner-c), inner)
	})
}

var (
	lowerCumulative = byType{
		cumulate[float64, float32], cumulate[float64, float64], cumulate[int32, int32], cumulate[int64, int64],
		cumulate[uint8, uint8], cumulate[uint32, uint32], cumulate[uint64, uint64],
	}
	lowerCumExtreme = byType{
		cumExtreme[float32], cumExtreme[float64], cumExtreme[int32], cumExtreme[int64], cumExtreme[uint8], cumExtreme[uint32], cumExtreme[uint64],
	}
)

func cumulate[A, T kernel.Number](l *Lowering, n *ir.Node) {
	op, x := n.Op().(ops.CumulativeOp), n.In()[0]
	src, dst := l.read(x), l.dst(n)
	l.step(op.Name(), n, func(m *memory) []kernel.Phase {
		s, d := view[T](m.bytes(src)), view[T](m.bytes(dst))
		run := kernel.CumSum[A, T]
		if op.F == ops.CumProdFunc {
			run = kernel.CumProd[A, T]
		}
		flops := 2
		if op.F == ops.LogCumSumExpFunc {
			run, flops = kernel.LogCumSumExp[T], 50
		}
		return []kernel.Phase{lineChunks(x, op.Axis, flops, func(_, at, cols, stride int) {
			run(d[at:], s[at:], x.Dim(op.Axis), cols, stride, op.Reverse, op.Exclusive)
		})}
	})
}

func cumExtreme[T kernel.Number](l *Lowering, n *ir.Node) {
	op, x := n.Op().(ops.CumExtremeOp), n.In()[0]
	src, values, index := l.read(x), l.write(n.Out(0)), l.write(n.Out(1))
	l.step(op.Name(), n, func(m *memory) []kernel.Phase {
		s, d, i := view[T](m.bytes(src)), view[T](m.bytes(values)), view[int64](m.bytes(index))
		return []kernel.Phase{lineChunks(x, op.Axis, 4, func(_, at, cols, stride int) {
			kernel.CumMax(d[at:], i[at:], s[at:], x.Dim(op.Axis), cols, stride, op.Reverse, op.F == ops.AminFunc)
		})}
	})
}
