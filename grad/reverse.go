// Package grad differentiates graphs in reverse mode.
//
// The walk knows no op by name: each op brings its own rule, and a composite
// without one is differentiated through its expansion. Gradients are graphs
// like any other, so gradients of gradients work, and with them products with the
// Jacobian from the other side ([JVP]) and with the Hessian ([HVP]).
package grad

import (
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// Of extends the graph by the gradients of y, a scalar, with respect to xs,
// which may be any values of the graph, inputs or not. A gradient that is
// constantly zero is returned as zeros.
func Of(y *ir.Value, xs ...*ir.Value) []*ir.Value {
	if !y.DType().IsFloat() {
		y.Graph().Fail("grad", "wants a loss of a floating-point type", []*ir.Value{y})
	}
	if y.Graph().Err() == nil && y.Shape().Size() != 1 {
		y.Graph().Fail("grad", "wants a loss of one element; take a mean or a sum, or use grad.VJP", []*ir.Value{y})
	}
	return VJP([]*ir.Value{y}, []*ir.Value{ops.OnesLike(y)}, xs...)
}

// VJP extends the graph by the vector-Jacobian products: for each x, the sum
// over ys of seed times dy/dx.
//
// In the body of a loop or condition that is being built, xs may be values of
// the graphs around it too.
func VJP(ys, seeds []*ir.Value, xs ...*ir.Value) []*ir.Value {
	g := ys[0].Graph()
	for i, y := range ys {
		if g.Err() == nil && y.Type() != seeds[i].Type() {
			g.Fail("grad", fmt.Sprintf("seed %d has another type than its value", i), []*ir.Value{y, seeds[i]})
		}
	}
	if g.Err() != nil {
		return xs // shapes no longer matter: the mistake is kept
	}
	out := products(ys, seeds, xs)
	for i, x := range xs {
		if out[i] == nil {
			out[i] = ops.ZerosLike(x)
		}
	}
	return out
}

// products is VJP with nil for gradients that are constantly zero.
func products(ys, seeds, xs []*ir.Value) []*ir.Value {
	out := make([]*ir.Value, len(xs))
	if len(ys) == 0 || len(xs) == 0 {
		return out
	}
	graphs := around(ys, xs)
	r := reverse{sum: map[*ir.Value]*ir.Value{}, onPath: pathsFrom(graphs, xs)}
	graphs[0].Backward(func() {
		for i, y := range ys {
			r.add(y, seeds[i])
		}
		for _, g := range graphs {
			r.run(g.Nodes())
		}
	})
	for i, x := range xs {
		out[i] = r.sum[x]
	}
	return out
}

// around lists the graphs through which gradients flow from ys to xs: that of
// ys, the innermost, and those around it, out to that of the outermost x.
func around(ys, xs []*ir.Value) (graphs []*ir.Graph) {
	g, depth := ys[0].Graph(), xs[0].Graph().Depth()
	for _, y := range ys {
		if y.Graph().Depth() > g.Depth() {
			g = y.Graph()
		}
	}
	for _, x := range xs {
		depth = min(depth, x.Graph().Depth())
	}
	for ; g != nil && g.Depth() >= depth; g = g.Parent() {
		graphs = append(graphs, g)
	}
	return graphs
}

// pathsFrom marks the values that depend on one of xs: only they need
// gradients.
func pathsFrom(graphs []*ir.Graph, xs []*ir.Value) map[*ir.Value]bool {
	on := map[*ir.Value]bool{}
	for _, x := range xs {
		on[x] = true
	}
	for _, g := range slices.Backward(graphs) {
		for _, v := range g.Inputs() {
			if on[v.Outer()] {
				on[v] = true
			}
		}
		mark(on, g.Nodes())
	}
	return on
}

// mark marks what depends on something marked.
func mark(on map[*ir.Value]bool, nodes []*ir.Node) {
	for _, n := range nodes {
		for _, v := range n.In() {
			if on[v] {
				for _, o := range n.Outs() {
					on[o] = true
				}
				break
			}
		}
	}
}

type reverse struct {
	sum    map[*ir.Value]*ir.Value // gradient of each value so far
	onPath map[*ir.Value]bool
}

// run walks nodes backwards; only those between xs and ys get gradients.
func (r *reverse) run(nodes []*ir.Node) {
	for _, n := range slices.Backward(nodes) {
		r.node(n)
	}
}

func (r *reverse) node(n *ir.Node) {
	outs := n.Outs()
	gout := make([]*ir.Value, len(outs))
	reached, wanted := false, false
	for i, o := range outs {
		gout[i] = r.sum[o]
		reached = reached || gout[i] != nil
	}
	for _, v := range n.In() {
		wanted = wanted || r.onPath[v]
	}
	if _, ok := n.Op().(ir.Input); ok && reached {
		if v := outs[0].Outer(); v != nil && r.onPath[v] {
			r.add(v, gout[0])
		}
		return
	}
	if !reached || !wanted {
		return
	}
	n.Graph().For(n, func() {
		switch op := n.Op().(type) {
		case ir.Differentiable:
			r.operands(n, op.Grad(n.In(), outs, gout))
		case ir.NestedDifferentiable:
			wanted := make([]bool, len(n.In()))
			for i, v := range n.In() {
				wanted[i] = r.onPath[v]
			}
			r.operands(n, op.GradBodies(n.In(), outs, gout, wanted, products))
		case ir.Composite:
			r.expand(n, op, gout)
		default:
			n.Graph().Fail("grad", fmt.Sprintf("op %s has no gradient rule; use ops.StopGradient on its operand, or give the op a Grad method", op.Name()), n.In())
		}
	})
}

// operands adds the gradients by the operands of n to theirs.
func (r *reverse) operands(n *ir.Node, grads []*ir.Value) {
	for i, g := range grads {
		if v := n.In()[i]; g != nil && r.onPath[v] {
			r.add(v, g)
		}
	}
}

// expand differentiates a composite through ops of which it is made. The
// expansion computes the same values again; common subexpressions are merged
// when the graph is compiled.
func (r *reverse) expand(n *ir.Node, op ir.Composite, gout []*ir.Value) {
	g := n.Graph()
	from := len(g.Nodes())
	outs := op.Expand(n.In())
	if g.Err() != nil {
		return
	}
	inner := g.Nodes()[from:]
	mark(r.onPath, inner)
	for i, s := range gout {
		if s != nil && outs[i] != nil {
			r.add(outs[i], s)
		}
	}
	r.run(inner)
}

func (r *reverse) add(v, g *ir.Value) {
	if v.Graph().Err() == nil && v.Type() != g.Type() {
		v.Graph().Fail("grad", fmt.Sprintf("internal error: gradient %v of a value %v", g.Type(), v.Type()), nil)
		return
	}
	if old := r.sum[v]; old != nil {
		g = ops.Add(old, g)
	}
	r.sum[v] = g
}
