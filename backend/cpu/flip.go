package cpu

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// lowerFlip copies with strides that lead backwards.
func lowerFlip(l *Lowering, n *ir.Node) {
	x := n.In()[0]
	base, strides := n.Op().(ops.FlipOp).From(x.Shape())
	src, dst := l.read(x), l.dst(n)
	l.strided("flip", n, dst, src, x.DType().Size(), x.Shape(), base, strides)
}
