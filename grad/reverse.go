// Package grad differentiates graphs in reverse mode.
//
// The walk knows no op by name: each op brings its own rule, and a composite
// without one is differentiated through its expansion. Gradients are graphs
// like any other, so gradients of gradients work.
package grad

import (
	"fmt"

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
	r := reverse{sum: map[*ir.Value]*ir.Value{}, onPath: pathsFrom(g, xs)}
	g.Backward(func() { r.run(g.Nodes(), ys, seeds) })
	out := make([]*ir.Value, len(xs))
	for i, x := range xs {
		if out[i] = r.sum[x]; out[i] == nil {
			out[i] = ops.ZerosLike(x)
		}
	}
	return out
}

// pathsFrom marks the nodes that depend on one of xs: only they need gradients.
func pathsFrom(g *ir.Graph, xs []*ir.Value) map[*ir.Value]bool {
	on := make(map[*ir.Value]bool, len(g.Nodes()))
	for _, x := range xs {
		on[x] = true
	}
	for _, n := range g.Nodes() {
		for _, v := range n.In() {
			if on[v] {
				for _, o := range n.Outs() {
					on[o] = true
				}
				break
			}
		}
	}
	return on
}

type reverse struct {
	sum    map[*ir.Value]*ir.Value // gradient of each value so far
	onPath map[*ir.Value]bool
}

// run walks nodes backwards; only those between xs and ys get gradients.
func (r *reverse) run(nodes []*ir.Node, ys, seeds []*ir.Value) {
	for i, y := range ys {
		r.add(y, seeds[i])
	}
	for i := len(nodes) - 1; i >= 0; i-- {
		r.node(nodes[i])
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
	if !reached || !wanted {
		return
	}
	n.Graph().For(n, func() {
		switch op := n.Op().(type) {
		case ir.Differentiable:
			for i, gv := range op.Grad(n.In(), outs, gout) {
				if gv != nil && r.onPath[n.In()[i]] {
					r.add(n.In()[i], gv)
				}
			}
		case ir.Composite:
			r.expand(n, op, gout)
		default:
			n.Graph().Fail("grad", fmt.Sprintf("op %s has no gradient rule; use ops.StopGradient on its operand, or give the op a Grad method", op.Name()), n.In())
		}
	})
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
	for _, m := range inner {
		for _, v := range m.In() {
			if r.onPath[v] {
				for _, o := range m.Outs() {
					r.onPath[o] = true
				}
				break
			}
		}
	}
	var ys, seeds []*ir.Value
	for i, s := range gout {
		if s != nil && outs[i] != nil {
			ys, seeds = append(ys, outs[i]), append(seeds, s)
		}
	}
	r.run(inner, ys, seeds)
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
