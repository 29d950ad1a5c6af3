package cpu

import (
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
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
	var in [3]typedOperand
	piece := reducePart
	for i, v := range n.In() {
		in[i] = l.typedOperand(v, n.Out(0).Shape())
		if in[i].repeated {
			piece = repeats
		}
	}
	out, width := l.dst(n), n.Out(0).DType().Size()
	size := n.Out(0).Shape().Size()
	l.step(n.Op().Name(), n, func(m *memory) []kernel.Phase {
		d := m.bytes(out)
		var mem [3][]byte
		for i := range n.In() {
			mem[i] = m.bytes(in[i].ref)
		}
		run := func(lo, hi int) {
			f(d[lo*width:hi*width], in[0].cut(mem[0], lo, hi), in[1].cut(mem[1], lo, hi), in[2].cut(mem[2], lo, hi))
		}
		return []kernel.Phase{{Chunks: (size + reducePart - 1) / reducePart, Run: func(_, i int) {
			end := min((i+1)*reducePart, size)
			for lo := i * reducePart; lo < end; lo += piece {
				run(lo, min(lo+piece, end))
			}
		}}}
	})
}

// A loop computes the elements of d from those of the operands, the first of
// which is a; those that there are not are empty.
type loop = func(d, a, b, c []byte)

// repeats is how often the one element of an operand that is a broadcast scalar
// or a constant is written out: for a piece of a loop, not for all of it.
const repeats = blockLen

// A typedOperand is an operand of a loop: an element for each of the result's, or
// one that is repeated.
type typedOperand struct {
	ref
	width    int // bytes of an element
	repeated bool
}

// cut returns the elements lo..hi; repeated ones are all equal.
func (o typedOperand) cut(mem []byte, lo, hi int) []byte {
	if o.repeated {
		lo, hi = 0, hi-lo
	}
	return mem[lo*o.width : hi*o.width]
}

// typedOperand declares that the unit reads v over shape s.
func (l *lowering) typedOperand(v *ir.Value, s shape.Shape) typedOperand {
	o := typedOperand{width: v.DType().Size()}
	k := classify(v, s)
	if s.Size() <= repeats || k.kind != constant && k.kind != scalarRef {
		o.ref = l.read(v)
		return o
	}
	o.repeated = true
	o.ref = l.scratch((repeats*o.width + 3) / 4)
	if k.kind == constant {
		l.constantStep(o.ref, k.c)
		return o
	}
	src := l.read(k.v)
	l.step("repeat", nil, func(m *memory) []kernel.Phase {
		d, one := m.bytes(o.ref), m.bytes(src)
		return []kernel.Phase{{Chunks: 1, Run: func(_, _ int) {
			for n := copy(d, one); n < len(d); n *= 2 {
				copy(d[n:], d[:n])
			}
		}}}
	})
	return o
}

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
	if op, ok := op.(ops.UnaryOp); ok {
		f := op.Value
		return func(d, a, _, _ []byte) { kernel.Map(view[float64](d), view[float64](a), f) }
	}
	f := op.(ops.BinaryOp).Value
	return func(d, a, b, _ []byte) { kernel.MapPair(view[float64](d), view[float64](a), view[float64](b), f) }
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
	return func(d, a, b, _ []byte) { kernel.RunInt(op, view[T](d), view[T](a), view[T](b)) }
}

func arithmetic[T kernel.Number](op kernel.VecOp, compares bool) loop {
	if compares {
		return func(d, a, b, _ []byte) { kernel.Compare(op, view[bool](d), view[T](a), view[T](b)) }
	}
	return func(d, a, b, _ []byte) { kernel.RunTyped(op, view[T](d), view[T](a), view[T](b), nil, 0, 0) }
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

func choose[T kernel.Element](d, a, b, c []byte) {
	kernel.Choose(view[T](d), view[bool](a), view[T](b), view[T](c))
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
	return func(d, a, _, _ []byte) { kernel.FromHalf(set, h, view[D](d), view[uint16](a)) }
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
	return func(d, a, _, _ []byte) { kernel.ToHalf(set, h, view[uint16](d), view[S](a)) }
}

func convert[D, S kernel.Number](d, a, _, _ []byte) { kernel.Convert(view[D](d), view[S](a)) }

func truth[S kernel.Number](d, a, _, _ []byte) { kernel.ToBool(view[bool](d), view[S](a)) }
