package pass

import "github.com/gradus-ml/gradus/ir"

// A pruner is an op that can do without results that nobody uses.
type pruner interface {
	ir.Nested
	// Prune returns the results that are used of an op that makes no others, nil
	// in the place of those; or nil if there is nothing to drop.
	Prune(in []*ir.Value, used []bool) []*ir.Value
}

// Prune takes from loops and conditions what nobody uses: results, carries that
// only they themselves need, operands. It reaches into bodies. It wants to run
// when equal ops are one, for afterwards they may differ.
func Prune(g *ir.Graph) (*ir.Graph, error) {
	for again := true; again; { // results go from outside in, operands from inside out
		var err error
		if g, again, err = prune(g); err != nil {
			return nil, err
		}
	}
	return g, g.Err()
}

// prune goes once through a graph and its bodies, and tells whether it dropped
// anything.
func prune(g *ir.Graph) (to *ir.Graph, dropped bool, err error) {
	if !hasBodies(g) {
		return g, false, nil
	}
	uses := g.Uses()
	var failed error
	to, err = ir.Rewrite(g, func(to *ir.Graph, n *ir.Node, in []*ir.Value) []*ir.Value {
		op, ok := n.Op().(ir.Nested)
		if !ok {
			return nil
		}
		out := to.Add(op, in...)
		if p, ok := op.(pruner); ok {
			used := make([]bool, n.NumOut())
			for i, v := range n.Outs() {
				used[i] = uses[v] > 0
			}
			if fewer := p.Prune(in, used); fewer != nil {
				out, dropped = fewer, true
			}
		}
		out, inside, err := pruneBodies(to, out)
		if err != nil {
			failed = err
		}
		dropped = dropped || inside
		return out
	})
	if err == nil {
		err = failed
	}
	return to, dropped, err
}

// pruneBodies prunes the bodies of the op that makes the values in out.
func pruneBodies(to *ir.Graph, out []*ir.Value) (made []*ir.Value, dropped bool, err error) {
	var n *ir.Node
	for _, v := range out {
		if v != nil {
			n = v.Node()
		}
	}
	op := n.Op().(ir.Nested)
	bodies := append([]*ir.Body(nil), op.Bodies()...)
	for i, b := range bodies {
		g, inside, err := prune(b.Graph())
		if err != nil {
			return nil, false, err
		}
		if inside {
			bodies[i], dropped = to.BodyOf(g), true
		}
	}
	if !dropped {
		return out, false, nil
	}
	made = to.Add(op.WithBodies(bodies), n.In()...)
	for i, v := range out {
		if v != nil {
			out[i] = made[v.Index()]
		}
	}
	return out, true, nil
}
