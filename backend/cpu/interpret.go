package cpu

import (
	"fmt"

	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/tensor"
)

// interpret lowers an op for which there is no kernel: its own Eval runs,
// slowly, on one worker. Stats lists it.
func (l *lowering) interpret(n *ir.Node) {
	op := n.Op()
	if _, ok := op.(ir.Composite); ok {
		panic(fmt.Sprintf("cpu: internal error: composite %s was not expanded", op.Name()))
	}
	l.fallback = append(l.fallback, op.Name())
	var src, dst []ref
	for _, v := range n.In() {
		src = append(src, l.read(v))
	}
	for _, v := range n.Outs() {
		dst = append(dst, l.write(v))
	}
	l.step("interpret "+op.Name(), n, func(m *memory) []kernel.Phase {
		in, out := make([]*tensor.Tensor, len(src)), make([]*tensor.Tensor, len(dst))
		for i, v := range n.In() {
			in[i] = tensor.Must(tensor.FromBytes(v.DType(), v.Shape(), m.bytes(src[i])))
		}
		for i, v := range n.Outs() {
			out[i] = tensor.Must(tensor.FromBytes(v.DType(), v.Shape(), m.bytes(dst[i])))
		}
		return []kernel.Phase{{Chunks: 1, Run: func(_, _ int) {
			for _, t := range out {
				clear(t.Bytes())
			}
			interp.Eval(l.b.print, op, in, out)
		}}}
	})
}
