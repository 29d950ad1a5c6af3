package cpu

import (
	"io"

	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/tensor"
)

// WithPrint sets where ops.Print writes; the default is standard error.
func WithPrint(w io.Writer) Option { return func(b *Backend) { b.print = w } }

// lowerProbe tells and copies, on the caller. It allocates.
func lowerProbe(l *lowering, n *ir.Node, op ir.Probe) {
	x := n.In()[0]
	src, dst := l.read(x), l.dst(n)
	l.step(op.Name(), n, func(m *memory) []kernel.Phase {
		t := tensor.Must(tensor.FromBytes(x.DType(), x.Shape(), m.bytes(src)))
		d := m.bytes(dst)
		return []kernel.Phase{{Chunks: 1, Run: func(_, _ int) {
			op.Tell(l.b.print, n.Path(), t)
			copy(d, t.Bytes())
		}}}
	})
}

// tells reports whether a node is a probe or has one in a body: such nodes run
// in the order in which they were made.
func tells(n *ir.Node) bool {
	switch op := n.Op().(type) {
	case ir.Probe:
		return true
	case ir.Nested:
		for _, b := range op.Bodies() {
			for _, m := range b.Graph().Nodes() {
				if tells(m) {
					return true
				}
			}
		}
	}
	return false
}
