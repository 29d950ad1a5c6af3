package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// lowerTyped lowers one element-wise op on types that groups do not handle:
// plain loops, a type at a time.
func lowerTyped(l *Lowering, n *ir.Node) {
	var f loop
	switch op := n.Op().(type) {
	case ops.CastOp:
		f = l.castLoop(n.In()[0].DType(), op.To)
	case ops.SelectOp:
		f = selectLoop(n.Out(0).DType().Size())
	default:
		f = arithmeticLoop(n)
	}
	if f == nil {
		l.interpret(n)
		return
	}
	var in []ref
	for _, v := range n.In() {
		in = append(in, l.read(v))
	}
	out := l.dst(n)
	size := n.Out(0).Shape().Size()
	l.step(n.Op().Name(), n, func(m *memory) []kernel.Phase {
		loop := f(m, in, out)
		per := reducePart
		return []kernel.Phase{{Chunks: (size + per - 1) / per, Run: func(_, i int) { loop(i*per, min((i+1)*per, size)) }}}
	})
}

type loop = func(m *memory, in []ref, out ref) func(lo, hi int)

// intForms are the functions that mean something else to integers, or nothing
// to floats.
var intForms = map[ops.BinaryFunc]kernel.IntOp{
	ops.AndFunc: kernel.BitAnd, ops.OrFunc: kernel.BitOr, ops.XorFunc: kernel.BitXor,
	ops.ShiftLeftFunc: kernel.ShiftLeft, ops.ShiftRightFunc: kernel.ShiftRight,
	ops.FloorDivideFunc: kernel.IntFloorDiv, ops.RemainderFunc: kernel.IntRemainder, ops.FmodFunc: kernel.IntFmod,
}

// arithmeticLoop returns the loop of a unary, binary or compare op.
func arithmeticLoop(n *ir.Node) loop {
	d := n.In()[0].DType()
	form, ok := vecOf(n)
	if d == dtype.Float64 && form.op > kernel.Not { // kernels have it for float32 alone
		return mapLoop(n.Op())
	}
	var i kernel.IntOp
	var isInt bool
	switch op := n.Op().(type) {
	case ops.UnaryOp:
		i, isInt = kernel.BitNot, op.F == ops.NotFunc
	case ops.BinaryOp:
		i, isInt = intForms[op.F]
	}
	if isInt && d.IsInt() {
		return intLoop(d, i)
	}
	if !ok {
		return nil
	}
	compares := n.Out(0).DType() == dtype.Bool
	switch d {
	case dtype.Float64:
		return arithmetic[float64](form.op, compares)
	case dtype.Int32:
		return arithmetic[int32](form.op, compares)
	case dtype.Int64:
		return arithmetic[int64](form.op, compares)
	case dtype.Uint8, dtype.Bool:
		return arithmetic[uint8](form.op, compares)
	case dtype.Uint32:
		return arithmetic[uint32](form.op, compares)
	case dtype.Uint64:
		return arithmetic[uint64](form.op, compares)
	}
	return nil
}

// mapLoop calls the function of a unary or binary op on float64.
func mapLoop(op ir.Op) loop {
	return func(m *memory, in []ref, out ref) func(lo, hi int) {
		x, z := view[float64](m.bytes(in[0])), view[float64](m.bytes(out))
		if op, ok := op.(ops.UnaryOp); ok {
			f := op.Value
			return func(lo, hi int) { kernel.Map(z[lo:hi], x[lo:hi], f) }
		}
		y, f := view[float64](m.bytes(in[1])), op.(ops.BinaryOp).Value
		return func(lo, hi int) { kernel.MapPair(z[lo:hi], x[lo:hi], y[lo:hi], f) }
	}
}

func intLoop(d dtype.DType, op kernel.IntOp) loop {
	switch d {
	case dtype.Int32:
		return intArithmetic[int32](op)
	case dtype.Int64:
		return intArithmetic[int64](op)
	case dtype.Uint8:
		return intArithmetic[uint8](op)
	case dtype.Uint32:
		return intArithmetic[uint32](op)
	case dtype.Uint64:
		return intArithmetic[uint64](op)
	}
	return nil
}

func intArithmetic[T kernel.Integer](op kernel.IntOp) loop {
	return func(m *memory, in []ref, out ref) func(lo, hi int) {
		x, z := view[T](m.bytes(in[0])), view[T](m.bytes(out))
		y := x
		if len(in) > 1 {
			y = view[T](m.bytes(in[1]))
		}
		return func(lo, hi int) { kernel.RunInt(op, z[lo:hi], x[lo:hi], y[lo:hi]) }
	}
}

func arithmetic[T kernel.Number](op kernel.VecOp, compares bool) loop {
	return func(m *memory, in []ref, out ref) func(lo, hi int) {
		x := view[T](m.bytes(in[0]))
		y := x
		if len(in) > 1 {
			y = view[T](m.bytes(in[1]))
		}
		if compares {
			z := view[bool](m.bytes(out))
			return func(lo, hi int) { kernel.Compare(op, z[lo:hi], x[lo:hi], y[lo:hi]) }
		}
		z := view[T](m.bytes(out))
		return func(lo, hi int) { kernel.RunTyped(op, z[lo:hi], x[lo:hi], y[lo:hi], nil, 0, 0) }
	}
}

func selectLoop(size int) loop {
	switch size {
	case 1:
		return choose[uint8]
	case 2:
		return choose[uint16]
	case 4:
		return choose[uint32]
	}
	return choose[uint64]
}

func choose[T kernel.Element](m *memory, in []ref, out ref) func(lo, hi int) {
	c, x, y, z := view[bool](m.bytes(in[0])), view[T](m.bytes(in[1])), view[T](m.bytes(in[2])), view[T](m.bytes(out))
	return func(lo, hi int) { kernel.Choose(z[lo:hi], c[lo:hi], x[lo:hi], y[lo:hi]) }
}

func (l *lowering) castLoop(from, to dtype.DType) loop {
	if h, ok := halfOf(from); ok {
		return castFromHalf(l.b.set, h, to)
	}
	if h, ok := halfOf(to); ok {
		return castToHalf(l.b.set, from, h)
	}
	switch from {
	case dtype.Float32:
		return castFrom[float32](to)
	case dtype.Float64:
		return castFrom[float64](to)
	case dtype.Int32:
		return castFrom[int32](to)
	case dtype.Int64:
		return castFrom[int64](to)
	case dtype.Uint8, dtype.Bool:
		return castFrom[uint8](to)
	case dtype.Uint32:
		return castFrom[uint32](to)
	case dtype.Uint64:
		return castFrom[uint64](to)
	}
	return nil
}

func castFrom[S kernel.Number](to dtype.DType) loop {
	switch to {
	case dtype.Float32:
		return convert[float32, S]
	case dtype.Float64:
		return convert[float64, S]
	case dtype.Int32:
		return convert[int32, S]
	case dtype.Int64:
		return convert[int64, S]
	case dtype.Uint8:
		return convert[uint8, S]
	case dtype.Uint32:
		return convert[uint32, S]
	case dtype.Uint64:
		return convert[uint64, S]
	case dtype.Bool:
		return truth[S]
	}
	return nil
}

// castFromHalf casts to the types that groups do not handle.
func castFromHalf(set *kernel.Set, h kernel.Half, to dtype.DType) loop {
	switch to {
	case dtype.Float64:
		return fromHalf[float64](set, h)
	case dtype.Int32:
		return fromHalf[int32](set, h)
	case dtype.Int64:
		return fromHalf[int64](set, h)
	case dtype.Uint8:
		return fromHalf[uint8](set, h)
	case dtype.Uint32:
		return fromHalf[uint32](set, h)
	case dtype.Uint64:
		return fromHalf[uint64](set, h)
	}
	return nil
}

func fromHalf[D kernel.Number](set *kernel.Set, h kernel.Half) loop {
	return func(m *memory, in []ref, out ref) func(lo, hi int) {
		x, z := view[uint16](m.bytes(in[0])), view[D](m.bytes(out))
		return func(lo, hi int) { kernel.FromHalf(set, h, z[lo:hi], x[lo:hi]) }
	}
}

// castToHalf casts from the types that groups do not handle.
func castToHalf(set *kernel.Set, from dtype.DType, h kernel.Half) loop {
	switch from {
	case dtype.Float64:
		return toHalf[float64](set, h)
	case dtype.Int32:
		return toHalf[int32](set, h)
	case dtype.Int64:
		return toHalf[int64](set, h)
	case dtype.Uint8:
		return toHalf[uint8](set, h)
	case dtype.Uint32:
		return toHalf[uint32](set, h)
	case dtype.Uint64:
		return toHalf[uint64](set, h)
	}
	return nil
}

func toHalf[S kernel.Number](set *kernel.Set, h kernel.Half) loop {
	return func(m *memory, in []ref, out ref) func(lo, hi int) {
		x, z := view[S](m.bytes(in[0])), view[uint16](m.bytes(out))
		return func(lo, hi int) { kernel.ToHalf(set, h, z[lo:hi], x[lo:hi]) }
	}
}

func convert[D, S kernel.Number](m *memory, in []ref, out ref) func(lo, hi int) {
	x, z := view[S](m.bytes(in[0])), view[D](m.bytes(out))
	return func(lo, hi int) { kernel.Convert(z[lo:hi], x[lo:hi]) }
}

func truth[S kernel.Number](m *memory, in []ref, out ref) func(lo, hi int) {
	x, z := view[S](m.bytes(in[0])), view[bool](m.bytes(out))
	return func(lo, hi int) {
		for i, v := range x[lo:hi] {
			z[lo+i] = v != 0
		}
	}
}
