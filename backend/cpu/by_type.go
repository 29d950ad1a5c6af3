package cpu

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
)

// byType holds a lowering for each element type of the first operand. Bool goes
// as u8.
type byType struct{ f32, f64, i32, i64, u8, u32, u64 Lower }

func (b byType) of(d dtype.DType) Lower {
	switch d {
	case dtype.Float32:
		return b.f32
	case dtype.Float64:
		return b.f64
	case dtype.Int32:
		return b.i32
	case dtype.Int64:
		return b.i64
	case dtype.Uint8, dtype.Bool:
		return b.u8
	case dtype.Uint32:
		return b.u32
	case dtype.Uint64:
		return b.u64
	}
	return nil
}

// lower lowers n, or interprets it where its type has no lowering.
func (b byType) lower(l *Lowering, n *ir.Node) {
	if f := b.of(n.In()[0].DType()); f != nil {
		f(l, n)
		return
	}
	l.interpret(n)
}
