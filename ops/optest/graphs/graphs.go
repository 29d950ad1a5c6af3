// Package graphs makes random graphs, to test that what rewrites and runs
// graphs changes no result.
//
// All numbers in them are small integers, so that float32 arithmetic is exact
// in any order and with or without fused multiply-adds: two ways to run a graph
// must give equal values, not close ones. What is at stake is which element
// meets which, and in whose memory; how exactly functions are computed is the
// business of the op tables.
package graphs

import (
	"fmt"
	"math/rand/v2"
	"slices"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A Random is a random graph with its inputs, in the order of Graph.Inputs.
type Random struct {
	Graph  *ir.Graph
	Inputs []*tensor.Tensor
}

// Config says what a random graph may hold.
type Config struct {
	Nodes    int  // about this many ops
	Products bool // matrix products and convolutions
	Updates  bool // variables that take new values
	Halves   bool // floats of 16 bits
	Bodies   bool // loops and conditions
}

// exact is the magnitude up to which values are kept. It is so small that the
// tolerance of float32 is far below 1, by which two unequal values differ.
const exact = 1 << 13

// Make builds the random graph of a seed.
func Make(seed uint64, cfg Config) *Random {
	b := &builder{
		rand:   rand.New(rand.NewPCG(seed, 1)),
		cfg:    cfg,
		Random: &Random{Graph: ir.NewGraph()},
		bound:  map[*ir.Value]float64{},
	}
	b.shape = b.anyShape()
	for range 2 + b.rand.IntN(4) {
		b.source(b.shape)
	}
	for range cfg.Nodes {
		b.op()
	}
	b.finish()
	return b.Random
}

type builder struct {
	*Random
	rand   *rand.Rand
	cfg    Config
	shape  shape.Shape // what the pool broadcasts to
	pool   []*ir.Value // float32
	bools  []*ir.Value
	vars   []*ir.Value
	bound  map[*ir.Value]float64 // largest magnitude of a value
	leaves int
	depth  int // bodies that are being built
}

// anyShape draws a shape of at most about 8000 elements; now and then its rows
// are longer than a block of any kernel.
func (b *builder) anyShape() shape.Shape {
	if b.rand.IntN(8) == 0 {
		return shape.Of(1+b.rand.IntN(4), 1020+b.rand.IntN(1100))
	}
	sizes := []int{1, 2, 3, 4, 5, 7, 8, 9, 16, 17, 33}
	dims := make([]int, 1+b.rand.IntN(4))
	n := 1
	for i := range dims {
		dims[i] = sizes[b.rand.IntN(len(sizes))]
		if n*dims[i] > 8000 {
			dims[i] = 1
		}
		n *= dims[i]
	}
	return shape.Of(dims...)
}

// part draws a shape that broadcasts to s: all of it, a row, a column, single
// axes, or one element.
func (b *builder) part(s shape.Shape) shape.Shape {
	dims := s.Dims()
	switch b.rand.IntN(8) {
	case 0, 1, 2:
		return s
	case 3: // the last axes
		return shape.Of(dims[b.rand.IntN(len(dims)):]...)
	case 4: // the first axes
		for i := 1 + b.rand.IntN(len(dims)); i < len(dims); i++ {
			dims[i] = 1
		}
	case 5: // any axes
		for i := range dims {
			if b.rand.IntN(2) == 0 {
				dims[i] = 1
			}
		}
	case 6:
		return shape.Shape{}
	case 7: // one element
		for i := range dims {
			dims[i] = 1
		}
	}
	return shape.Of(dims...)
}

// input adds an argument or a variable of whole numbers from -limit to limit.
func (b *builder) input(dt dtype.DType, s shape.Shape, limit int) *ir.Value {
	t := tensor.New(dt, s)
	for i := range t.Size() {
		v := float64(b.rand.IntN(2*limit+1) - limit)
		if dt == dtype.Bool {
			v = float64(b.rand.IntN(2))
		}
		t.SetFloat(i, v)
	}
	kind := ir.Arg
	if b.cfg.Updates && dt.IsFloat() && b.rand.IntN(2) == 0 {
		kind = ir.Variable
	}
	v := b.Graph.Input(kind, fmt.Sprintf("v%d", b.leaves), ir.Type{DType: dt, Shape: s})
	b.leaves++
	b.Inputs = append(b.Inputs, t)
	if kind == ir.Variable {
		b.vars = append(b.vars, v)
	}
	b.bound[v] = float64(limit)
	return v
}

func (b *builder) add(v *ir.Value, bound float64) *ir.Value {
	b.bound[v] = bound
	if bound > exact {
		v = ops.Minimum(ops.Maximum(v, ops.Scalar(v, -3)), ops.Scalar(v, 3))
		b.bound[v] = 3
	}
	b.pool = append(b.pool, v)
	return v
}

// source adds a value of shape s, or of a part of it, to the pool.
func (b *builder) source(s shape.Shape) {
	switch k := b.rand.IntN(8); {
	case b.cfg.Products && k < 2:
		b.product(s)
	case k == 2:
		b.bools = append(b.bools, b.input(dtype.Bool, b.part(s), 1))
	case k == 3:
		c := float64(b.rand.IntN(7) - 3)
		b.add(ops.Full(b.Graph, dtype.Float32, b.part(s), c), 3)
	default:
		b.add(b.input(dtype.Float32, b.part(s), 4), 4)
	}
}

// pick draws a value, rather a young one, so that chains grow.
func (b *builder) pick() *ir.Value {
	for len(b.pool) == 0 {
		b.source(b.shape)
	}
	if n := len(b.pool); n > 3 && b.rand.IntN(2) == 0 {
		return b.pool[n-1-b.rand.IntN(3)]
	}
	return b.pool[b.rand.IntN(len(b.pool))]
}

func (b *builder) pickBool() *ir.Value {
	if len(b.bools) == 0 {
		b.bools = append(b.bools, b.input(dtype.Bool, b.part(b.shape), 1))
	}
	return b.bools[b.rand.IntN(len(b.bools))]
}

// op adds one op.
func (b *builder) op() {
	if b.cfg.Bodies && b.depth < depth && b.rand.IntN(5) == 0 {
		b.loop()
		return
	}
	x := b.pick()
	bx := b.bound[x]
	if b.cfg.Halves && b.rand.IntN(3) == 0 {
		b.halves(x)
		return
	}
	kinds := 23
	if b.cfg.Products {
		kinds = 27
	}
	switch k := b.rand.IntN(kinds); k {
	case 0:
		b.source(b.shape)
	case 1, 2, 3, 4, 5, 6, 7:
		b.binary(k, x, b.pick())
	case 8:
		unary := []func(*ir.Value) *ir.Value{ops.Neg, ops.Abs, ops.Sign, ops.ReLU, ops.StopGradient, ops.Trunc, ops.Round, limit}
		b.add(unary[b.rand.IntN(len(unary))](x), bx)
	case 9:
		c := ops.Scalar(x, float64(b.rand.IntN(5)-2))
		b.binary(1+b.rand.IntN(5), []*ir.Value{x, c}[b.rand.IntN(2)], c)
	case 10, 11:
		compare := []func(x, y *ir.Value) *ir.Value{ops.Eq, ops.Ne, ops.Lt, ops.Le, ops.Gt, ops.Ge}
		b.bools = append(b.bools, compare[b.rand.IntN(6)](x, b.pick()))
	case 12:
		logic := []func(x, y *ir.Value) *ir.Value{ops.And, ops.Or, ops.Xor, func(x, _ *ir.Value) *ir.Value { return ops.Not(x) }}
		b.bools = append(b.bools, logic[b.rand.IntN(4)](b.pickBool(), b.pickBool()))
		b.truth(b.pickBool())
	case 13:
		y := b.pick()
		b.add(ops.Select(b.pickBool(), x, y), max(bx, b.bound[y]))
	case 14:
		b.add(ops.Cast(b.pickBool(), dtype.Float32), 1)
		b.bools = append(b.bools, ops.Cast(x, dtype.Bool))
	case 15:
		b.reduce(x)
	case 16, 17:
		b.inOtherShape(x)
	case 18:
		b.move(x)
	case 19:
		b.manyOperands(x)
	case 20:
		b.optimizer(x)
	case 21:
		b.rests(x, b.pick())
	case 22:
		b.whole(x, b.pick())
	default:
		b.onPool()
	}
}

func (b *builder) binary(k int, x, y *ir.Value) {
	bx, by := max(b.bound[x], 3), max(b.bound[y], 3) // 3 for constants
	switch k {
	case 1, 2:
		b.add(ops.Add(x, y), bx+by)
	case 3:
		b.add(ops.Sub(x, y), bx+by)
	case 4:
		b.add(ops.Maximum(x, y), max(bx, by))
	case 5:
		b.add(ops.Minimum(x, y), max(bx, by))
	default: // a product that a sum may take in
		if bx*by > exact {
			return
		}
		p := ops.Mul(x, y)
		if b.rand.IntN(2) == 0 {
			z := b.pick()
			b.add(ops.Add(p, z), bx*by+b.bound[z])
			if b.rand.IntN(3) > 0 {
				return // else the product is wanted too
			}
		}
		b.add(p, bx*by)
	}
}

// reduce sums along some axes that are kept, so that the result broadcasts.
func (b *builder) reduce(x *ir.Value) {
	if x.Rank() == 0 {
		return
	}
	var axes []int
	n := 1
	for a := range x.Rank() {
		if b.rand.IntN(2) == 0 {
			axes = append(axes, a)
			n *= x.Dim(a)
		}
	}
	if len(axes) == 0 {
		return
	}
	if k := b.rand.IntN(4); k == 0 {
		b.add(ops.KeepDims(ops.Amax(x, axes...), x, axes...), b.bound[x])
	} else if k == 1 {
		b.add(ops.KeepDims(ops.Amin(x, axes...), x, axes...), b.bound[x])
	} else if float64(n)*b.bound[x] <= exact {
		b.add(ops.KeepDims(ops.Sum(x, axes...), x, axes...), float64(n)*b.bound[x])
	}
}

// limit clamps.
func limit(x *ir.Value) *ir.Value { return ops.Clamp(x, -2, 3) }

// rests divides, by numbers that are not 0, into whole quotients and rests.
func (b *builder) rests(x, y *ir.Value) {
	y = ops.Sub(ops.Mul(y, ops.Scalar(y, 2)), ops.Scalar(y, 1)) // odd
	f := []func(x, y *ir.Value) *ir.Value{ops.Remainder, ops.Fmod, ops.FloorDivide}
	b.add(f[b.rand.IntN(3)](x, y), max(b.bound[x], 2*b.bound[y]+7)) // of constants, 3
}

// whole computes with integers.
func (b *builder) whole(x, y *ir.Value) {
	dt := []dtype.DType{dtype.Int32, dtype.Int64}[b.rand.IntN(2)]
	i, j := ops.Cast(x, dt), ops.Cast(y, dt)
	f := []func(x, y *ir.Value) *ir.Value{ops.Add, ops.Sub, ops.Maximum, ops.Minimum, ops.And, ops.Or, ops.Xor, ops.Remainder, ops.Fmod, ops.FloorDivide}
	z := f[b.rand.IntN(len(f))](i, j)
	bound := 2*(b.bound[x]+b.bound[y]) + 7 // bits of smaller numbers make no larger power of 2
	if z.Rank() > 0 && b.rand.IntN(2) == 0 {
		axis := b.rand.IntN(z.Rank())
		if bound *= float64(z.Dim(axis)); bound <= exact {
			z = ops.KeepDims(ops.Sum(z, axis), z, axis)
		} else {
			z = ops.KeepDims(ops.Amin(z, axis), z, axis)
		}
	}
	b.add(ops.Cast(z, dtype.Float32), bound)
}

// truth asks for one or all of some axes that are kept.
func (b *builder) truth(x *ir.Value) {
	var axes []int
	for a := range x.Rank() {
		if b.rand.IntN(2) == 0 {
			axes = append(axes, a)
		}
	}
	if len(axes) > 0 {
		f := []func(x *ir.Value, axes ...int) *ir.Value{ops.Any, ops.All}[b.rand.IntN(2)]
		b.bools = append(b.bools, ops.KeepDims(f(x, axes...), x, axes...))
	}
}

// inOtherShape computes on x reshaped, with row and column vectors of that
// shape, and reshapes back.
func (b *builder) inOtherShape(x *ir.Value) {
	size := x.Shape().Size()
	var dims []int
	for n := size; n > 1 && len(dims) < 3; {
		d := 1 + b.rand.IntN(n)
		for n%d != 0 {
			d--
		}
		dims = append(dims, d)
		n /= d
		if len(dims) == 3 {
			dims[2] *= n
		}
	}
	n := 1
	for _, d := range dims {
		n *= d
	}
	dims = append(dims, size/n)
	s := shape.Of(dims...)
	y := ops.Reshape(x, dims...)
	bound := b.bound[x]
	for range 1 + b.rand.IntN(3) {
		z := b.input(dtype.Float32, b.part(s), 3)
		switch b.rand.IntN(3) {
		case 0:
			y, bound = ops.Add(y, z), bound+3
		case 1:
			y, bound = ops.Maximum(z, y), max(bound, 3)
		case 2:
			if 3*bound < exact {
				y, bound = ops.Mul(z, y), 3*bound
			}
		}
	}
	if b.rand.IntN(3) == 0 && b.depth == 0 { // what has a shape of its own goes out
		b.Graph.SetOutputs(append(b.Graph.Outputs(), y)...)
	}
	b.add(ops.Reshape(y, x.Shape().Dims()...), bound)
}

// move transposes, slices and joins, to a value of the same shape.
func (b *builder) move(x *ir.Value) {
	if x.Rank() == 0 {
		return
	}
	axis := b.rand.IntN(x.Rank())
	n := x.Dim(axis)
	if n > 1 && b.rand.IntN(2) == 0 {
		cut := 1 + b.rand.IntN(n-1)
		b.add(ops.Concat(axis, ops.Narrow(x, axis, cut, n-cut), ops.Narrow(x, axis, 0, cut)), b.bound[x])
		return
	}
	perm := b.rand.Perm(x.Rank())
	y := ops.Transpose(x, perm...)
	y = ops.Add(y, b.input(dtype.Float32, b.part(y.Shape()), 3))
	b.add(ops.Transpose(y, ops.Inverse(perm)...), b.bound[x]+3)
}

// manyOperands joins many values in one chain: a group of many streams.
func (b *builder) manyOperands(x *ir.Value) {
	y, bound := x, b.bound[x]
	for range 2 + b.rand.IntN(30) {
		z := b.pick()
		y, bound = ops.Maximum(ops.Sub(y, z), ops.Neg(z)), bound+b.bound[z]
		if bound > exact {
			break
		}
	}
	b.add(y, bound)
}

// optimizer takes a step of momentum on x, or on a variable, with whole numbers
// for scalars.
func (b *builder) optimizer(x *ir.Value) {
	p := x
	if len(b.vars) > 0 && b.rand.IntN(2) == 0 {
		if v := b.vars[b.rand.IntN(len(b.vars))]; slices.Contains(b.pool, v) { // others have shapes of their own
			p = v
		}
	}
	like := func() *ir.Value {
		for range 8 {
			if v := b.pick(); v.Shape() == p.Shape() {
				return v
			}
		}
		return b.input(dtype.Float32, p.Shape(), 3)
	}
	g, buf := like(), like()
	bound := b.bound[p] + 2*(2*b.bound[buf]+2*(b.bound[g]+b.bound[p]))
	if p.Rank() == 0 || bound > exact {
		return
	}
	scalar := func() *ir.Value {
		if b.rand.IntN(3) == 0 {
			return b.input(dtype.Float32, shape.Shape{}, 2)
		}
		return ops.Scalar(p, float64(b.rand.IntN(5)-2))
	}
	f, scalars := ops.SGDMomentumUpdate, []*ir.Value{scalar(), ops.Scalar(p, 1), scalar(), scalar()}
	next, state := ops.Update(f, p, g, []*ir.Value{buf}, scalars)
	b.add(next, bound)
	if b.rand.IntN(4) > 0 {
		b.add(state[0], bound)
	}
}

// finish names outputs and updates.
func (b *builder) finish() {
	out := b.Graph.Outputs()
	for range 1 + b.rand.IntN(3) {
		out = append(out, b.pick())
	}
	if b.rand.IntN(3) == 0 {
		out = append(out, b.pickBool())
	}
	if b.rand.IntN(4) == 0 && len(b.vars) > 0 { // its value before the step
		out = append(out, b.vars[b.rand.IntN(len(b.vars))])
	}
	b.Graph.SetOutputs(out...)
	for _, v := range b.vars {
		if b.rand.IntN(5) > 0 {
			b.Graph.Update(v, b.newValue(v))
		}
	}
}

// newValue finds something of the variable's shape for it to become: a value
// as it is, another variable or the result of one more op on the variable.
func (b *builder) newValue(v *ir.Value) *ir.Value {
	var fit []*ir.Value
	for _, p := range append(append([]*ir.Value(nil), b.pool...), b.vars...) {
		if p.Shape() == v.Shape() {
			fit = append(fit, p)
		}
	}
	if len(fit) == 0 {
		return ops.Neg(v)
	}
	x := ops.Cast(fit[b.rand.IntN(len(fit))], v.DType())
	if v.DType().IsHalf() || b.rand.IntN(2) == 0 {
		return x
	}
	return ops.Add(v, ops.Mul(x, ops.Scalar(x, float64(b.rand.IntN(5)-2))))
}
