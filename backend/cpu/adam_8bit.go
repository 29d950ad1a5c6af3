package cpu

import (
	"sync"

	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

var codebooks = sync.OnceValue(func() [2]*kernel.Codebook {
	return [2]*kernel.Codebook{kernel.NewCodebook(ops.Dynamic8Bit(true)), kernel.NewCodebook(ops.Dynamic8Bit(false))}
})

// lowerAdam8Bit goes through parameter and means once, in place where what is
// replaced is read by nobody else.
func lowerAdam8Bit(l *Lowering, n *ir.Node) {
	if !isF32Value(n.In()[0]) {
		l.interpret(n)
		return
	}
	var in []ref
	times := map[ref]int{}
	for _, v := range n.In() {
		r := l.read(v)
		in = append(in, r)
		times[r]++
	}
	replaced := [5]int{0, 2, 3, 4, 5} // operands, by result
	var out [5]ref
	for i, v := range n.Outs() {
		r := in[replaced[i]]
		out[i] = l.writeOver(v, map[ref]bool{r: times[r] == 1})
	}
	const block = ops.Adam8BitBlock
	size := n.In()[0].Shape().Size()
	scratch := l.words(block)
	l.step(n.Op().Name(), n, func(m *memory) []kernel.Phase {
		books, v := codebooks(), &l.b.set.Vec
		p, g, newP := m.f32(in[0]), m.f32(in[1]), m.f32(out[0])
		var old, new [2][]byte
		var scale, newScale [2][]float32
		for j := range 2 {
			old[j], new[j] = m.bytes(in[2+j]), m.bytes(out[1+j])
			scale[j], newScale[j] = m.f32(in[4+j]), m.f32(out[3+j])
		}
		var scalars [8][]float32
		for i := range scalars {
			scalars[i] = m.f32(in[6+i])
		}
		work := make([][]float32, l.b.threads)
		for w := range work {
			work[w] = view[float32](scratch(m, w))
		}
		return []kernel.Phase{rowsOf((size+block-1)/block, 60*block, func(worker, b int) {
			at, end := b*block, min((b+1)*block, size)
			if in[0] != out[0] {
				copy(newP[at:end], p[at:end])
			}
			var s [8]float32
			for i := range s {
				s[i] = scalars[i][0]
			}
			now := [2]float32{scale[0][b], scale[1][b]}
			v.Adam8Bit(books, newP[at:end], g[at:end], [2][]byte{old[0][at:end], old[1][at:end]}, [2][]byte{new[0][at:end], new[1][at:end]}, &now, &s, work[worker])
			newScale[0][b], newScale[1][b] = now[0], now[1]
		})}
	})
}
