package graphs

import (
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// depth bounds bodies in bodies.
const depth = 2

// loop adds a loop or a condition whose bodies are random graphs over their
// parameters and everything around them.
func (b *builder) loop() {
	switch b.rand.IntN(4) {
	case 0:
		b.while()
	case 1:
		b.cond()
	default:
		b.scan()
	}
}

// small keeps a value from -3 to 3, so that it can go round.
func (b *builder) small(v *ir.Value) *ir.Value {
	if b.bound[v] > 3 {
		v = ops.Minimum(ops.Maximum(v, ops.Scalar(v, -3)), ops.Scalar(v, 3))
	}
	b.bound[v] = 3
	return v
}

// inBody builds a few ops over params and the pool, hands over to results, and
// forgets what was made.
func (b *builder) inBody(params []*ir.Value, results func()) {
	pool, bools := len(b.pool), len(b.bools)
	b.depth++
	for _, v := range params {
		b.bound[v] = 3
		b.pool = append(b.pool, v)
	}
	for range 1 + b.rand.IntN(6) {
		b.op()
	}
	results()
	b.depth--
	b.pool, b.bools = b.pool[:pool], b.bools[:bools]
}

// like finds a small value of the type of v: one of the young ones, or v.
func (b *builder) like(v *ir.Value) *ir.Value {
	for range 12 {
		if w := b.pick(); w.Type() == v.Type() {
			return b.small(w)
		}
	}
	if b.rand.IntN(4) > 0 {
		return b.small(ops.Add(v, ops.Scalar(v, 1)))
	}
	return v
}

// carries draws up to three values to begin with, perhaps one of them twice.
func (b *builder) carries() (init []*ir.Value) {
	for range 1 + b.rand.IntN(3) {
		init = append(init, b.small(b.pick()))
	}
	return init
}

// next gives new values of carries: computed ones, or old ones in another order.
func (b *builder) next(carry []*ir.Value) (next []*ir.Value) {
	for _, v := range carry {
		w := carry[b.rand.IntN(len(carry))]
		if b.rand.IntN(4) > 0 || w.Type() != v.Type() {
			w = b.like(v)
		}
		next = append(next, w)
	}
	return next
}

func (b *builder) scan() {
	length := []int{0, 1, 1, 2, 3, 5}[b.rand.IntN(6)]
	init := b.carries()
	if b.rand.IntN(4) == 0 {
		init = nil
	}
	var xs []*ir.Value
	for range b.rand.IntN(3) {
		s := b.part(b.shape)
		if s.Rank() < shape.MaxRank {
			x := b.input(dtype.Float32, shape.Of(append([]int{length}, s.Dims()...)...), 3)
			xs = append(xs, x)
		}
	}
	if len(xs) == 0 && len(init) == 0 {
		init = b.carries()
	}
	var bounds []float64
	body := func(carry, x []*ir.Value) (next, ys []*ir.Value) {
		b.inBody(append(append([]*ir.Value(nil), carry...), x...), func() {
			next = b.next(carry)
			for range b.rand.IntN(3) {
				y := b.pick()
				ys, bounds = append(ys, y), append(bounds, b.bound[y])
			}
			if len(carry)+len(ys) == 0 {
				ys, bounds = x[:1], []float64{3}
			}
		})
		return next, ys
	}
	var carry, ys []*ir.Value
	switch {
	case len(xs) == 0:
		carry, ys = ops.ScanN(length, init, func(t *ir.Value, carry []*ir.Value) (next, ys []*ir.Value) {
			n := ops.Cast(t, dtype.Float32)
			b.bound[n] = float64(length)
			return body(carry, []*ir.Value{b.small(n)})
		})
	case b.rand.IntN(2) == 0:
		carry, ys = ops.ScanReverse(init, xs, body)
	default:
		carry, ys = ops.Scan(init, xs, body)
	}
	for _, v := range carry {
		b.add(v, 3)
	}
	for i, y := range ys {
		if bound := bounds[i] * float64(length); bound <= exact && b.rand.IntN(2) == 0 {
			b.add(ops.Sum(y, 0), bound)
		} else if length > 0 {
			t := b.rand.IntN(length)
			b.add(ops.Reshape(ops.Narrow(y, 0, t, 1), y.Shape().Dims()[1:]...), bounds[i])
		}
	}
}

func (b *builder) while() {
	init := b.carries()
	whole := func(v int64) *ir.Value { return ops.FullInt(b.Graph, dtype.Int32, shape.Shape{}, v) }
	limit := whole(int64(b.rand.IntN(4)))
	n := len(init)
	last := ops.While(append(init, whole(0)), func(c []*ir.Value) *ir.Value {
		return ops.Lt(c[n], limit)
	}, func(c []*ir.Value) (next []*ir.Value) {
		b.inBody(c[:n], func() { next = append(b.next(c[:n]), ops.Add(c[n], whole(1))) })
		return next
	})
	for _, v := range last[:n] {
		b.add(v, 3)
	}
}

func (b *builder) cond() {
	likes := b.carries()
	branch := func() (out []*ir.Value) {
		b.inBody(nil, func() {
			for _, v := range likes {
				out = append(out, b.like(v))
			}
		})
		return out
	}
	pred := ops.Gt(ops.Amax(b.pick()), ops.Amax(b.pick()))
	for _, v := range ops.Cond(pred, branch, branch) {
		b.add(v, 3)
	}
}
