package pass

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// A sinker is an op whose bodies can make captured values themselves.
type sinker interface {
	ir.Nested
	// Sink returns the results of an op whose bodies make again what again says;
	// or nil if there is nothing to make.
	Sink(in []*ir.Value, again func(op ir.Op) bool) []*ir.Value
}

// Sink lets bodies make the constants, broadcasts and reshapes that they use
// themselves, rather than get them from outside: they cost nothing where they
// are used, and tell the passes that work on bodies more than a parameter does.
func Sink(g *ir.Graph) (*ir.Graph, error) {
	if !hasBodies(g) {
		return g, g.Err()
	}
	g, err := ir.Rewrite(g, func(to *ir.Graph, n *ir.Node, in []*ir.Value) []*ir.Value {
		if op, ok := n.Op().(sinker); ok {
			return op.Sink(in, free)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var failed error
	to, err := ir.Rewrite(g, func(to *ir.Graph, n *ir.Node, in []*ir.Value) []*ir.Value {
		op, ok := n.Op().(ir.Nested)
		if !ok {
			return nil
		}
		bodies := append([]*ir.Body(nil), op.Bodies()...)
		for i, b := range bodies {
			inner, err := Sink(b.Graph())
			if err != nil {
				failed = err
				return nil
			}
			if inner != b.Graph() {
				bodies[i] = to.BodyOf(inner)
			}
		}
		return to.Add(op.WithBodies(bodies), in...)
	})
	if failed != nil {
		return nil, failed
	}
	return to, err
}

func hasBodies(g *ir.Graph) bool {
	for _, n := range g.Nodes() {
		if _, ok := n.Op().(ir.Nested); ok {
			return true
		}
	}
	return false
}

// free reports whether a value may be made again at no cost.
func free(op ir.Op) bool {
	switch op.(type) {
	case ops.ConstantOp, ops.BroadcastOp, ops.ReshapeOp:
		return true
	}
	return false
}
