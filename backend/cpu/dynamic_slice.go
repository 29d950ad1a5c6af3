package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// A block is a part of a tensor: runs of bytes that lie together in both.
type block struct {
	runs, size int // number of runs, and their bytes
	lead       []int
	strides    []int // of all axes of the whole, in bytes
	room       []int // by axis: largest start
}

// blockOf describes a part of the given extents of a tensor. Axes behind the
// last one that is cut go into a run whole.
func blockOf(whole, part shape.Shape, elementBytes int) block {
	b := block{runs: 1, size: elementBytes, strides: whole.Strides()}
	for a := range b.strides {
		b.strides[a] *= elementBytes
		b.room = append(b.room, whole.Dim(a)-part.Dim(a))
	}
	a := part.Rank() - 1
	for ; a >= 0; a-- {
		b.size *= part.Dim(a)
		if part.Dim(a) != whole.Dim(a) {
			break
		}
	}
	for i := range max(a, 0) {
		b.lead = append(b.lead, part.Dim(i))
		b.runs *= part.Dim(i)
	}
	return b
}

// run is where run r of the block that begins at base lies in the whole.
func (b *block) run(base, r int) int {
	for a := len(b.lead) - 1; a >= 0; a-- {
		base += r % b.lead[a] * b.strides[a]
		r /= b.lead[a]
	}
	return base
}

// base is the place of the block's first byte, given the starts.
func (b *block) base(starts []func(int) int) (at int) {
	for a, s := range starts {
		at += max(0, min(s(0), b.room[a])) * b.strides[a]
	}
	return at
}

// starts reads the starts of a block.
func (l *lowering) starts(vs []*ir.Value) func(m *memory) []func(int) int {
	refs := make([]ref, len(vs))
	for i, v := range vs {
		refs[i] = l.read(v)
	}
	return func(m *memory) []func(int) int {
		fs := make([]func(int) int, len(refs))
		for i, r := range refs {
			fs[i] = indices(vs[i], m.bytes(r))
		}
		return fs
	}
}

func lowerDynamicSlice(l *Lowering, n *ir.Node) {
	x := n.In()[0]
	src, starts, dst := l.read(x), l.starts(n.In()[1:]), l.dst(n)
	b := blockOf(x.Shape(), n.Op().(ops.DynamicSliceOp).Size, x.DType().Size())
	l.step("dynamic_slice", n, func(m *memory) []kernel.Phase {
		d, s, at := m.bytes(dst), m.bytes(src), starts(m)
		return []kernel.Phase{rowsOf(b.runs, b.size/4, func(_, r int) {
			copy(d[r*b.size:(r+1)*b.size], s[b.run(b.base(at), r):])
		})}
	})
}

// lowerDynamicUpdate writes the block over x where x dies with it or is the
// variable whose new value this is; else it copies x first.
func lowerDynamicUpdate(l *Lowering, n *ir.Node) {
	x, part := n.In()[0], n.In()[1]
	rp, starts := l.read(part), l.starts(n.In()[2:])
	dst, copyFirst := l.over(n, x, n.In()[1:]...)
	b := blockOf(x.Shape(), part.Shape(), x.DType().Size())
	l.step("dynamic_update", n, func(m *memory) []kernel.Phase {
		d, s, at := m.bytes(dst), m.bytes(rp), starts(m)
		return append(copyFirst(m), rowsOf(b.runs, b.size/4, func(_, r int) {
			to := b.run(b.base(at), r)
			copy(d[to:to+b.size], s[r*b.size:])
		}))
	})
}

// over declares the one result of n, which differs from operand x in parts
// only: in the memory of x, if that is free to be overwritten and none of the
// other operands lies there, or else in new memory. copyFirst gives the phase
// that copies x there, or none.
func (l *lowering) over(n *ir.Node, x *ir.Value, others ...*ir.Value) (dst ref, copyFirst func(m *memory) []kernel.Phase) {
	src := l.read(x)
	safe := map[ref]bool{src: true}
	for _, v := range others {
		safe[l.read(v)] = false
	}
	if dst = l.writeOver(n.Out(0), safe); dst == src {
		return dst, func(*memory) []kernel.Phase { return nil }
	}
	return dst, func(m *memory) []kernel.Phase {
		d, s := m.bytes(dst), m.bytes(src)
		per := 4 * chunkBlocks * blockLen
		return []kernel.Phase{{Chunks: (len(d) + per - 1) / per, Run: func(_, i int) {
			copy(d[i*per:min((i+1)*per, len(d))], s[i*per:])
		}}}
	}
}
