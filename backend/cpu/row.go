package cpu

import (
	"math"

	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// rowsOf cuts work on rows in a phase. Each row is the business of one chunk
// alone, so chunks may be of any size; flops is the work on one row.
func rowsOf(rows, flops int, f func(worker, row int)) kernel.Phase {
	per := max(1, chunkBlocks*blockLen/max(flops, 1))
	if rows*flops < serialWork {
		per = max(1, rows)
	}
	return kernel.Phase{Chunks: (rows + per - 1) / per, Run: func(worker, chunk int) {
		for r := chunk * per; r < min((chunk+1)*per, rows); r++ {
			f(worker, r)
		}
	}}
}

// rowShape returns the number of rows, along the last axis, and their length.
func rowShape(v *ir.Value) (rows, cols int) {
	cols = v.Dim(-1)
	return v.Shape().Size() / max(cols, 1), cols
}

// lowerRows lowers ops that make one row from the rows of their operands.
func lowerRows(flops int, f func(v *kernel.Vec, dst []float32, in [][]float32)) Lower {
	return func(l *Lowering, n *ir.Node) {
		rows, cols := rowShape(n.Out(0))
		var rs []ref
		for _, v := range n.In() {
			rs = append(rs, l.read(v))
		}
		out := l.write(n.Out(0))
		v := &l.b.set.Vec
		l.step(n.Op().Name(), n, func(m *memory) []kernel.Phase {
			dst := m.f32(out)
			in := make([][]float32, len(rs))
			for i, r := range rs {
				in[i] = m.f32(r)
			}
			args := make([][][]float32, l.b.threads)
			for w := range args {
				args[w] = make([][]float32, len(rs))
			}
			return []kernel.Phase{rowsOf(rows, cols*flops, func(worker, r int) {
				a := args[worker]
				for i := range in {
					a[i] = in[i][r*cols : (r+1)*cols]
				}
				f(v, dst[r*cols:(r+1)*cols], a)
			})}
		})
	}
}

var (
	lowerSoftmax        = lowerRows(8, func(v *kernel.Vec, d []float32, in [][]float32) { v.Softmax(d, in[0]) })
	lowerSoftmaxGrad    = lowerRows(3, func(v *kernel.Vec, d []float32, in [][]float32) { v.SoftmaxGrad(d, in[0], in[1]) })
	lowerLogSoftmax     = lowerRows(8, func(v *kernel.Vec, d []float32, in [][]float32) { v.LogSoftmax(d, in[0]) })
	lowerLogSoftmaxGrad = lowerRows(8, func(v *kernel.Vec, d []float32, in [][]float32) { v.LogSoftmaxGrad(d, in[0], in[1]) })
)

func lowerCrossEntropy(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.CrossEntropyOp)
	x, labels := n.In()[0], n.In()[1]
	rows, cols := rowShape(x)
	rx, rl, loss, lse := l.read(x), l.read(labels), l.write(n.Out(0)), l.write(n.Out(1))
	v := &l.b.set.Vec
	l.step("cross_entropy", n, func(m *memory) []kernel.Phase {
		xs, ls, out, z := m.f32(rx), view[int64](m.bytes(rl)), m.f32(loss), m.f32(lse)
		return []kernel.Phase{rowsOf(rows, cols*8, func(_, r int) {
			row, label := xs[r*cols:(r+1)*cols], ls[r]
			known := label >= 0 && label < int64(cols)
			var nll float32
			nll, z[r] = v.CrossEntropy(row, label*int64(b2i(known)))
			switch {
			case label == op.IgnoreIndex:
				out[r] = 0
			case !known:
				out[r] = float32(math.NaN())
			case op.Smoothing == 0 && op.ZLoss == 0:
				out[r] = nll
			default:
				loss, lse := float64(nll), float64(z[r])
				if op.Smoothing != 0 {
					// The mean over classes of -log p is lse - mean(x).
					mean := v.Sum64(row) / float64(cols)
					loss = float64((1-op.Smoothing)*loss) + float64(op.Smoothing*(lse-mean))
				}
				out[r] = float32(loss + float64(op.ZLoss*lse*lse))
			}
		})}
	})
}

func b2i(b bool) int {
	if b {
		return 1
	}
	return 0
}

func lowerCrossEntropyGrad(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.CrossEntropyGradOp)
	x := n.In()[0]
	rows, cols := rowShape(x)
	rx, rl, lse, rg := l.read(x), l.read(n.In()[1]), l.read(n.In()[2]), l.read(n.In()[3])
	dx := l.writeOver(n.Out(0), map[ref]bool{rx: true})
	v := &l.b.set.Vec
	l.step("cross_entropy_grad", n, func(m *memory) []kernel.Phase {
		xs, ls, z, g, out := m.f32(rx), view[int64](m.bytes(rl)), m.f32(lse), m.f32(rg), m.f32(dx)
		return []kernel.Phase{rowsOf(rows, cols*8, func(_, r int) {
			d, row, label := out[r*cols:(r+1)*cols], xs[r*cols:(r+1)*cols], ls[r]
			switch {
			case label == op.IgnoreIndex:
				clear(d)
			case label < 0 || label >= int64(cols):
				v.Run(kernel.Fill, d, nil, nil, nil, float32(math.NaN()), 0)
			default:
				scale := float32(float64(g[r]) * (1 + float64(2*op.ZLoss*float64(z[r]))))
				v.CrossEntropyGrad(d, row, label, z[r], scale, g[r])
				if s := float32(op.Smoothing); s != 0 {
					d[label] += g[r] * s
					v.Run(kernel.AddS, d, d, nil, nil, -g[r]*s/float32(cols), 0)
				}
			}
		})}
	})
}

func lowerLayerNorm(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.LayerNormOp)
	x := n.In()[0]
	rows := n.Out(1).Shape().Size()
	cols := x.Shape().Size() / rows
	rx, weight, bias := l.read(x), l.optional(n, 1), l.optional(n, 2)
	y, mean, rstd := l.write(n.Out(0)), l.write(n.Out(1)), l.write(n.Out(2))
	v := &l.b.set.Vec
	l.step("layer_norm", n, func(m *memory) []kernel.Phase {
		xs, ys, mu, rs := m.f32(rx), m.f32(y), m.f32(mean), m.f32(rstd)
		w, b := weight(m), bias(m)
		return []kernel.Phase{rowsOf(rows, cols*4, func(_, r int) {
			mu[r], rs[r] = v.LayerNorm(ys[r*cols:(r+1)*cols], xs[r*cols:(r+1)*cols], w, b, float32(op.Eps))
		})}
	})
}

// optional reads operand i, if there is one.
func (l *lowering) optional(n *ir.Node, i int) func(m *memory) []float32 {
	if i >= len(n.In()) {
		return func(*memory) []float32 { return nil }
	}
	r := l.read(n.In()[i])
	return func(m *memory) []float32 { return m.f32(r) }
}

// normChunks is the number of parts in which rows are added up for the
// gradients of a norm's parameters: fixed, so that sums have one order.
const normChunks = 16

// rowSums is a step over rows that adds to vectors of cols numbers, outs: the
// rows are cut in parts, each of which has sums of its own, and these are added
// up in order. f handles one row; sums is empty where outs is.
func (l *lowering) rowSums(n *ir.Node, rows, cols int, outs []ref, f func(m *memory) func(r int, sums [][]float32)) {
	parts := min(normChunks, rows)
	scratch := l.scratch(len(outs) * parts * cols)
	v := &l.b.set.Vec
	l.step(n.Op().Name(), n, func(m *memory) []kernel.Phase {
		mem := m.f32(scratch)
		sums := make([][][]float32, parts)
		for i := range sums {
			for range outs {
				sums[i], mem = append(sums[i], mem[:cols]), mem[cols:]
			}
		}
		row := f(m)
		phases := []kernel.Phase{{Chunks: parts, Run: func(_, i int) {
			for _, s := range sums[i] {
				clear(s)
			}
			for r := i * rows / parts; r < (i+1)*rows/parts; r++ {
				row(r, sums[i])
			}
		}}}
		to := make([][]float32, len(outs))
		for k, r := range outs {
			to[k] = m.f32(r)
		}
		return append(phases, kernel.Phase{Chunks: len(outs), Run: func(_, k int) {
			copy(to[k], sums[0][k])
			for _, s := range sums[1:] {
				v.AddTo(to[k], s[k])
			}
		}})
	})
}

func lowerLayerNormGrad(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.LayerNormGradOp)
	in := n.In()
	x, k := in[0], len(in)-3
	rows := in[k].Shape().Size()
	cols := x.Shape().Size() / rows
	rx, mean, rstd, dy, dx := l.read(x), l.read(in[k]), l.read(in[k+1]), l.read(in[k+2]), l.write(n.Out(0))
	weight := func(*memory) []float32 { return nil }
	var outs []ref
	if op.Weighted {
		weight = l.optional(n, 1)
		outs = []ref{l.write(n.Out(1)), l.write(n.Out(2))}
	}
	v := &l.b.set.Vec
	l.rowSums(n, rows, cols, outs, func(m *memory) func(r int, sums [][]float32) {
		xs, mu, rs, g, out, w := m.f32(rx), m.f32(mean), m.f32(rstd), m.f32(dy), m.f32(dx), weight(m)
		return func(r int, sums [][]float32) {
			var dw, db []float32
			if len(sums) > 0 {
				dw, db = sums[0], sums[1]
			}
			v.LayerNormGrad(out[r*cols:(r+1)*cols], g[r*cols:(r+1)*cols], xs[r*cols:(r+1)*cols], w, dw, db, mu[r], rs[r])
		}
	})
}
