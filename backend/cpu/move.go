package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// strided adds a step that fills dst, of shape s, with elements of src: base
// is the first, strides say how far an axis of dst moves in src.
func (l *lowering) strided(name string, n *ir.Node, dst, src ref, size int, s shape.Shape, base int, strides []int) {
	dims := s.Dims()
	l.step(name, n, func(m *memory) []kernel.Phase {
		d, x := m.bytes(dst), m.bytes(src)
		switch size {
		case 1:
			return copyPhases(d, x, base, dims, strides)
		case 2:
			return copyPhases(view[uint16](d), view[uint16](x), base, dims, strides)
		case 4:
			return copyPhases(view[uint32](d), view[uint32](x), base, dims, strides)
		}
		return copyPhases(view[uint64](d), view[uint64](x), base, dims, strides)
	})
}

func copyPhases[T kernel.Element](d, s []T, base int, dims, strides []int) []kernel.Phase {
	per := chunkBlocks * blockLen
	if len(d) < serialWork {
		per = max(1, len(d))
	}
	return []kernel.Phase{{Chunks: (len(d) + per - 1) / per, Run: func(_, i int) {
		kernel.CopyStridedRange(d, s, base, dims, strides, i*per, min((i+1)*per, len(d)))
	}}}
}

// copyStep copies memory as it is.
func (l *lowering) copyStep(name string, dst, src ref) {
	l.step(name, nil, func(m *memory) []kernel.Phase {
		d, s := m.bytes(dst), m.bytes(src)
		return []kernel.Phase{{Chunks: 1, Run: func(_, _ int) { copy(d, s) }}}
	})
}

func lowerCopy(l *Lowering, n *ir.Node) {
	src := l.read(n.In()[0])
	l.copyStep(n.Op().Name(), l.write(n.Out(0)), src)
}

// constantStep writes a constant out.
func (l *lowering) constantStep(dst ref, op ops.ConstantOp) {
	l.step("constant", nil, func(m *memory) []kernel.Phase {
		one := tensor.New(op.DType, shape.Shape{})
		op1 := op
		op1.Shape = shape.Shape{}
		op1.Eval(nil, []*tensor.Tensor{one})
		d, b := m.bytes(dst), one.Bytes()
		return []kernel.Phase{{Chunks: 1, Run: func(_, _ int) {
			if len(d) == 0 {
				return
			}
			for n := copy(d, b); n < len(d); n *= 2 {
				copy(d[n:], d[:n])
			}
		}}}
	})
}

// broadcastStep writes a broadcast out.
func (l *lowering) broadcastStep(dst, src ref, n *ir.Node, op ops.BroadcastOp) {
	x := n.In()[0]
	strides := make([]int, op.Shape.Rank())
	for i, st := range x.Shape().Strides() {
		if x.Dim(i) != 1 {
			strides[op.Axes[i]] = st
		}
	}
	l.strided("broadcast", n, dst, src, x.DType().Size(), op.Shape, 0, strides)
}

func lowerTranspose(l *Lowering, n *ir.Node) {
	x := n.In()[0]
	src, dst := l.read(x), l.write(n.Out(0))
	st := x.Shape().Strides()
	perm := n.Op().(ops.TransposeOp).Order(x.Rank())
	strides := make([]int, len(perm))
	for i, p := range perm {
		strides[i] = st[p]
	}
	if rows, cols, batch, ok := swapsTwo(x.Shape(), perm); ok && isF32Value(x) {
		l.step("transpose", n, func(m *memory) []kernel.Phase {
			d, s := m.f32(dst), m.f32(src)
			return []kernel.Phase{rowsOf(batch, rows*cols, func(_, b int) {
				l.b.set.Transpose2D(d[b*rows*cols:], rows, s[b*rows*cols:], cols, rows, cols)
			})}
		})
		return
	}
	l.strided("transpose", n, dst, src, x.DType().Size(), n.Out(0).Shape(), 0, strides)
}

// swapsTwo reports whether perm, axes of extent 1 aside, exchanges two
// neighbouring groups of axes at the end: matrices of rows by cols, batch of
// them, are transposed.
func swapsTwo(s shape.Shape, perm []int) (rows, cols, batch int, ok bool) {
	var p []int
	for _, a := range perm {
		if s.Dim(a) != 1 {
			p = append(p, a)
		}
	}
	rank := s.Rank()
	batch, rows, cols = 1, 1, 1
	i, next := 0, 0
	skip := func() {
		for next < rank && s.Dim(next) == 1 {
			next++
		}
	}
	for skip(); i < len(p) && p[i] == next; skip() {
		batch *= s.Dim(next)
		i++
		next++
	}
	split := i
	for ; i < len(p) && (i == split || p[i] > p[i-1]); i++ {
		cols *= s.Dim(p[i])
	}
	for k := i; k < len(p); k++ {
		if k > i && p[k] < p[k-1] {
			return 0, 0, 0, false
		}
		rows *= s.Dim(p[k])
	}
	// Both groups rise; the second must come wholly before the first.
	if i == len(p) || p[len(p)-1] > p[split] {
		return 0, 0, 0, false
	}
	return rows, cols, batch, true
}

func lowerSlice(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.SliceOp)
	x := n.In()[0]
	src, dst := l.read(x), l.write(n.Out(0))
	base, strides := 0, x.Shape().Strides()
	for a := range strides {
		base += op.Start[a] * strides[a]
		strides[a] *= op.Step[a]
	}
	l.strided("slice", n, dst, src, x.DType().Size(), n.Out(0).Shape(), base, strides)
}

// lowerPad fills and then copies the part of x that is not cropped.
func lowerPad(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.PadOp)
	x, y := n.In()[0], n.Out(0)
	src, value, dst := l.read(x), l.read(n.In()[1]), l.write(y)
	size := x.DType().Size()
	xs, ys := x.Shape().Strides(), y.Shape().Strides()
	from, to := 0, 0
	dims, strides := make([]int, x.Rank()), make([]int, x.Rank())
	for a := range dims {
		step := op.Interior[a] + 1
		lo := 0 // first element of x that is kept
		if op.Lo[a] < 0 {
			lo = (-op.Lo[a] + step - 1) / step
		}
		hi := x.Dim(a) // one after the last
		for hi > lo && op.Lo[a]+(hi-1)*step >= y.Dim(a) {
			hi--
		}
		dims[a] = max(0, hi-lo)
		from += lo * xs[a]
		to += (op.Lo[a] + lo*step) * ys[a]
		strides[a] = ys[a] * step
	}
	kept := shape.Of(dims...)
	l.step("pad", n, func(m *memory) []kernel.Phase {
		d, s, v := m.bytes(dst), m.bytes(src), m.bytes(value)
		switch size {
		case 1:
			return padPhase(d, s, v, kept, from, to, xs, strides)
		case 2:
			return padPhase(view[uint16](d), view[uint16](s), view[uint16](v), kept, from, to, xs, strides)
		case 4:
			return padPhase(view[uint32](d), view[uint32](s), view[uint32](v), kept, from, to, xs, strides)
		}
		return padPhase(view[uint64](d), view[uint64](s), view[uint64](v), kept, from, to, xs, strides)
	})
}

func padPhase[T kernel.Element](d, s, v []T, kept shape.Shape, from, to int, xs, ys []int) []kernel.Phase {
	dims := kept.Dims()
	return []kernel.Phase{{Chunks: 1, Run: func(_, _ int) {
		for i := range d {
			d[i] = v[0]
		}
		moveStrided(d, s, dims, from, to, xs, ys)
	}}}
}

// moveStrided copies between two strided arrays of one shape.
func moveStrided[T any](d, s []T, dims []int, from, to int, xs, ys []int) {
	if len(dims) == 0 {
		d[to] = s[from]
		return
	}
	for i := range dims[0] {
		f, t := from+i*xs[0], to+i*ys[0]
		if len(dims) == 1 {
			d[t] = s[f]
		} else {
			moveStrided(d, s, dims[1:], f, t, xs[1:], ys[1:])
		}
	}
}

func lowerConcat(l *Lowering, n *ir.Node) {
	axis := n.Op().(ops.ConcatOp).Axis
	y := n.Out(0)
	dst := l.dst(n)
	outer, inner := 1, y.DType().Size()
	for a := range y.Rank() {
		if a < axis {
			outer *= y.Dim(a)
		} else if a > axis {
			inner *= y.Dim(a)
		}
	}
	var src []ref
	var width []int
	for _, v := range n.In() {
		src, width = append(src, l.read(v)), append(width, v.Dim(axis)*inner)
	}
	row := y.Dim(axis) * inner
	l.step("concat", n, func(m *memory) []kernel.Phase {
		d := m.bytes(dst)
		in := make([][]byte, len(src))
		for i, r := range src {
			in[i] = m.bytes(r)
		}
		return []kernel.Phase{rowsOf(outer, row/4, func(_, r int) {
			at := r * row
			for i, w := range width {
				copy(d[at:at+w], in[i][r*w:])
				at += w
			}
		})}
	})
}

// dst is write for the one result of n.
func (l *lowering) dst(n *ir.Node) ref { return l.write(n.Out(0)) }

// lowerIota writes the numbers once a run; they are constant.
func lowerIota(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.IotaOp)
	dst := l.dst(n)
	l.step("iota", n, func(m *memory) []kernel.Phase {
		t := tensor.New(op.DType, op.Shape)
		op.Eval(nil, []*tensor.Tensor{t})
		d, s := m.bytes(dst), t.Bytes()
		return []kernel.Phase{{Chunks: 1, Run: func(_, _ int) { copy(d, s) }}}
	})
}
