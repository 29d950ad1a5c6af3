package grad

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
)

// JVP extends the graph by the Jacobian-vector products: for each y, the sum
// over xs of dy/dx times tangent, which is the slope of y where each x moves
// along its tangent. Tangents have the types of xs, results those of ys.
//
// It is the reverse mode used twice: the vector-Jacobian product is linear in its
// seed, and the gradient by the seed is the Jacobian-vector product. Of the first
// pass, what no result needs is dropped when the graph is compiled, so the cost
// is that of about one more forward pass.
//
// Source: Townsend, "A new trick for calculating Jacobian vector products" (2017);
// torch.func.jvp has the same results.
func JVP(ys, xs, tangents []*ir.Value) []*ir.Value {
	if !alike("jvp", "tangent", xs, tangents) {
		return ys
	}
	seeds := make([]*ir.Value, len(ys))
	for i, y := range ys {
		seeds[i] = ops.StopGradient(ops.OnesLike(y)) // any value will do, but it must be of its own
	}
	back := products(ys, seeds, xs)
	var reached, along []*ir.Value
	for i, b := range back {
		if b != nil {
			reached, along = append(reached, b), append(along, tangents[i])
		}
	}
	if len(reached) == 0 { // ys don't depend on xs
		out := make([]*ir.Value, len(ys))
		for i, y := range ys {
			out[i] = ops.ZerosLike(y)
		}
		return out
	}
	return VJP(reached, along, seeds...)
}

// HVP extends the graph by the Hessian of y, a scalar, times a vector: for each x
// the sum over all x' of d2y/(dx dx') times the vector of x'. Vectors have the
// types of xs. The Hessian is never there as a whole.
//
// Source: Pearlmutter, "Fast exact multiplication by the Hessian" (1994).
func HVP(y *ir.Value, xs, vectors []*ir.Value) []*ir.Value {
	if !alike("hvp", "vector", xs, vectors) {
		return xs
	}
	return VJP(Of(y, xs...), vectors, xs...)
}

// Jacobian extends the graph by dy/dx, of the shape of y followed by that of x.
// It takes a backward pass for each element of y, one after another, so that
// memory for one is enough.
func Jacobian(y, x *ir.Value) *ir.Value {
	return jacobian(x, y, func(row *ir.Value) *ir.Value { return VJP([]*ir.Value{y}, []*ir.Value{row}, x)[0] })
}

// Hessian extends the graph by the second derivatives of y, a scalar, of the
// shape of x twice. It takes one product with the Hessian for each element of x.
func Hessian(y, x *ir.Value) *ir.Value {
	slope := Of(y, x)[0]
	return jacobian(x, slope, func(row *ir.Value) *ir.Value { return VJP([]*ir.Value{slope}, []*ir.Value{row}, x)[0] })
}

// jacobian stacks what product gives for the unit vectors of y.
func jacobian(x, y *ir.Value, product func(unit *ir.Value) *ir.Value) *ir.Value {
	g := y.Graph()
	if g.Err() != nil {
		return x
	}
	n, all := y.Shape().Size(), append(y.Shape().Dims(), x.Shape().Dims()...)
	if n == 0 {
		return ops.Full(g, x.DType(), shape.Of(all...), 0)
	}
	unit := ops.Reshape(ops.Eye(g, y.DType(), n), append([]int{n}, y.Shape().Dims()...)...)
	_, rows := ops.Scan(nil, []*ir.Value{unit}, func(_, in []*ir.Value) (next, ys []*ir.Value) {
		return nil, []*ir.Value{product(in[0])}
	})
	if g.Err() != nil {
		return x
	}
	return ops.Reshape(rows[0], all...)
}

// alike wants each of given to have the type of its value.
func alike(op, what string, xs, given []*ir.Value) bool {
	g := xs[0].Graph()
	if g.Err() == nil && len(given) != len(xs) {
		g.Fail(op, fmt.Sprintf("%d %ss for %d values", len(given), what, len(xs)), nil)
	}
	for i, x := range xs {
		if g.Err() == nil && x.Type() != given[i].Type() {
			g.Fail(op, fmt.Sprintf("%s %d has another type than its value", what, i), []*ir.Value{x, given[i]})
		}
	}
	return g.Err() == nil
}
