package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
)

// lowerSumSquares adds up the squares of all operands in one phase, so that many
// small ones cost no fork each. They are cut in parts of reducePart elements,
// and small ones taken together; parts are added up in order, in float64.
func lowerSumSquares(l *Lowering, n *ir.Node) {
	type span struct {
		x      int // operand
		lo, hi int
	}
	var parts [][]span
	room := 0 // in the last part
	var src []ref
	for i, v := range n.In() {
		src = append(src, l.read(v))
		for at, size := 0, v.Shape().Size(); at < size; {
			if room == 0 {
				parts, room = append(parts, nil), reducePart
			}
			hi := min(size, at+room)
			parts[len(parts)-1] = append(parts[len(parts)-1], span{i, at, hi})
			room -= hi - at
			at = hi
		}
	}
	dst := l.dst(n)
	sums := l.scratch(2 * len(parts)) // float64
	v := &l.b.set.Vec
	l.step(n.Op().Name(), n, func(m *memory) []kernel.Phase {
		var x [][]float32
		for _, r := range src {
			x = append(x, m.f32(r))
		}
		s, y := view[float64](m.bytes(sums)), m.f32(dst)
		part := func(_, c int) {
			s[c] = 0
			for _, p := range parts[c] {
				s[c] += v.SumSq64(x[p.x][p.lo:p.hi])
			}
		}
		total := func(_, _ int) {
			sum := 0.0
			for _, t := range s {
				sum += t
			}
			y[0] = float32(sum)
		}
		return []kernel.Phase{{Chunks: len(parts), Run: part}, {Chunks: 1, Run: total}}
	})
}
