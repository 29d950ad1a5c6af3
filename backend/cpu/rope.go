package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// lowerRoPE computes sine and cosine of a place once for all its heads.
func lowerRoPE(l *Lowering, n *ir.Node) {
	op := n.Op().(ops.RoPEOp)
	x, positions := n.In()[0], n.In()[1]
	places, t, heads, width := x.Dim(0)*x.Dim(1), x.Dim(1), x.Dim(2), x.Dim(3)
	frequencies := op.Frequencies.List()
	if op.Reverse {
		for i := range frequencies {
			frequencies[i] = -frequencies[i]
		}
	}
	shared := positions.Rank() == 1
	rx, rp, ry := l.read(x), l.read(positions), l.write(n.Out(0))
	half := len(frequencies)
	room := l.scratch(l.b.threads * 2 * half)
	l.step("rope", n, func(m *memory) []kernel.Phase {
		xs, ps, ys, scratch := m.f32(rx), view[int64](m.bytes(rp)), m.f32(ry), m.f32(room)
		return []kernel.Phase{rowsOf(places, heads*width+40*half, func(worker, r int) {
			sin := scratch[2*half*worker:][:half]
			cos := scratch[2*half*worker+half:][:half]
			p := ps[r%t]
			if !shared {
				p = ps[r]
			}
			kernel.Waves(sin, cos, frequencies, float64(p), op.Scale)
			for h := r * heads; h < (r+1)*heads; h++ {
				y, x := ys[h*width:(h+1)*width], xs[h*width:(h+1)*width]
				if op.Interleaved {
					kernel.TurnPairs(y, x, sin, cos)
				} else {
					l.b.set.Vec.TurnHalves(y, x, sin, cos)
				}
				copy(y[2*half:], x[2*half:])
			}
		})}
	})
}
