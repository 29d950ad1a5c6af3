package cpu

import (
	"math"

	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/rng"
)

// randomPart is the number of elements that one chunk draws: a multiple of
// four, the length of a block of the generator.
const randomPart = 1 << 13

// generator reads seed and step, at run time, and draws elements of a stream
// from the first on, a multiple of four.
func (l *lowering) generator(seed, step ref, stream uint64) func(m *memory) func(dst []uint32, first int) {
	v := &l.b.set.Vec
	return func(m *memory) func(dst []uint32, first int) {
		s, t := view[uint64](m.bytes(seed)), view[uint64](m.bytes(step))
		return func(dst []uint32, first int) {
			v.Philox(dst, rng.Mix(s[0], stream), uint64(first/4), [2]uint32{uint32(t[0]), uint32(t[0] >> 32)})
		}
	}
}

func lowerRandomBits(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.RandomBitsOp)
	draw := l.generator(l.read(n.In()[0]), l.read(n.In()[1]), op.Stream)
	dst := l.dst(n)
	size := op.Shape.Size()
	l.step("random_bits", n, func(m *memory) []kernel.Phase {
		d, gen := view[uint32](m.bytes(dst)), draw(m)
		return []kernel.Phase{{Chunks: (size + randomPart - 1) / randomPart, Run: func(_, i int) {
			gen(d[i*randomPart:min((i+1)*randomPart, size)], i*randomPart)
		}}}
	})
}

func lowerFoldIn(l *Lowering, n *ir.Node) {
	seed, number, dst := l.read(n.In()[0]), l.read(n.In()[1]), l.dst(n)
	l.step("fold_in", n, func(m *memory) []kernel.Phase {
		s, k, d := view[uint64](m.bytes(seed)), view[uint64](m.bytes(number)), view[uint64](m.bytes(dst))
		return []kernel.Phase{{Chunks: 1, Run: func(_, _ int) {
			key := rng.Mix(s[0], k[0])
			d[0] = uint64(key[0]) | uint64(key[1])<<32
		}}}
	})
}

// lowerDropout draws the mask block by block and never stores it.
func lowerDropout(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.DropoutOp)
	x := n.In()[0]
	draw := l.generator(l.read(n.In()[1]), l.read(n.In()[2]), op.Stream)
	src, dst := l.read(x), l.dst(n)
	bits := l.scratch(l.b.threads * blockLen)
	size := x.Shape().Size()
	scale := float32(1 / (1 - op.P))
	l.step("dropout", n, func(m *memory) []kernel.Phase {
		xs, ys, gen := m.f32(src), m.f32(dst), draw(m)
		room := view[uint32](m.bytes(bits))
		return []kernel.Phase{{Chunks: (size + randomPart - 1) / randomPart, Run: func(w, i int) {
			block := room[w*blockLen : (w+1)*blockLen]
			for lo := i * randomPart; lo < min((i+1)*randomPart, size); lo += blockLen {
				b := block[:min(blockLen, size-lo)]
				if op.Threshold() <= math.MaxUint32 {
					gen(b, lo)
				}
				drop(ys[lo:lo+len(b)], xs[lo:], b, op.Threshold(), scale)
			}
		}}}
	})
}

// drop keeps elements whose bits reach the threshold, scaled, and zeroes the
// others.
func drop(y, x []float32, bits []uint32, threshold uint64, scale float32) {
	for i, b := range bits {
		if uint64(b) >= threshold {
			y[i] = x[i] * scale
		} else {
			y[i] = 0
		}
	}
}
