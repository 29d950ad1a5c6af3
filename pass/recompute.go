package pass

import (
	"slices"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// Recompute makes a training step keep only what goes into and out of some
// modules, and compute what the backward pass reads of their inner values again,
// just before it reads it: gradient checkpointing. That saves memory and costs
// about the time of their forward pass. Results are the same bit for bit; a
// random op draws the same numbers again.
//
// module tells for the module path of a node which module it is computed again
// with, "" for none. Each module is computed again when its gradient is there.
//
// The pass runs on a graph as it was traced, gradients included. Modules that no
// gradient flows through stay as they are.
func Recompute(g *ir.Graph, module func(path string) string) (*ir.Graph, error) {
	if err := g.Err(); err != nil {
		return nil, err
	}
	r := newRecomputer(g, module)
	r.choose()
	return ir.Rewrite(g, r.node)
}

// A segment is what a module is computed by.
type segment struct {
	needed  []*ir.Node // that are computed again
	at      int        // id of the first node that reads what they make; they come before it
	trigger *ir.Value  // gradient that the module gets; they run when it is there
	arrived *ir.Value  // that in the new graph
	after   map[*ir.Value]*ir.Value
}

type recomputer struct {
	g        *ir.Graph
	live     []bool
	segment  []*segment // by node id: the module's that the path is in, or nil
	kept     map[*ir.Value]bool
	segments []*segment
	needs    []bool                   // by node id
	in       [][]*ir.Value            // by node id: operands in the new graph, of nodes that are needed
	again    map[*ir.Value]*ir.Value  // by value of a needed node: what it is computed again as
	starts   map[int][]*segment       // by node id: modules that are computed again before it
	awaited  map[*ir.Value][]*segment // by trigger
}

// newRecomputer finds the nodes of each module.
func newRecomputer(g *ir.Graph, module func(path string) string) *recomputer {
	n := len(g.Nodes())
	r := &recomputer{g: g, live: g.Live(), segment: make([]*segment, n), needs: make([]bool, n), in: make([][]*ir.Value, n),
		kept: map[*ir.Value]bool{}, again: map[*ir.Value]*ir.Value{}, starts: map[int][]*segment{}, awaited: map[*ir.Value][]*segment{}}
	byPath, byModule := map[string]*segment{}, map[string]*segment{}
	for _, node := range g.Nodes() {
		p := node.Path()
		s, ok := byPath[p]
		if !ok {
			if name := module(p); name != "" {
				if s = byModule[name]; s == nil {
					s = &segment{at: n, after: map[*ir.Value]*ir.Value{}}
					byModule[name] = s
					r.segments = append(r.segments, s)
				}
			}
			byPath[p] = s
		}
		r.segment[node.ID()] = s
	}
	return r
}

// inner reports whether v is made by a module that is computed again, and is not
// kept. Constants, which take no memory, are not among these.
func (r *recomputer) inner(v *ir.Value) bool {
	n := v.Node()
	switch n.Op().(type) {
	case ir.Input, ops.ConstantOp, ir.Probe:
		return false
	}
	return r.segment[n.ID()] != nil && !n.Backward() && !r.kept[v]
}

// choose finds the values that are kept and the nodes that are computed again.
func (r *recomputer) choose() {
	for _, v := range r.g.Outputs() {
		r.kept[v] = true
	}
	for _, u := range r.g.Updates() {
		r.kept[u.New] = true
	}
	nodes := r.g.Nodes()
	for id, n := range nodes {
		if !r.live[id] || n.Backward() {
			continue
		}
		for _, v := range n.In() {
			if r.segment[v.Node().ID()] != r.segment[id] {
				r.kept[v] = true
			}
		}
	}
	for id, n := range nodes {
		if !r.live[id] || !n.Backward() {
			continue
		}
		for _, v := range n.In() {
			if r.inner(v) {
				s := r.segment[v.Node().ID()]
				s.at = min(s.at, id)
				r.need(v.Node())
			}
		}
	}
	for _, s := range r.segments {
		if s.trigger = r.arrives(s); s.trigger == nil {
			for _, n := range s.needed {
				r.needs[n.ID()] = false
			}
			continue
		}
		slices.SortFunc(s.needed, func(a, b *ir.Node) int { return a.ID() - b.ID() })
		r.starts[s.at] = append(r.starts[s.at], s)
		r.awaited[s.trigger] = append(r.awaited[s.trigger], s)
	}
}

// need marks a node and the inner ones that it is computed from.
func (r *recomputer) need(n *ir.Node) {
	if r.needs[n.ID()] {
		return
	}
	r.needs[n.ID()] = true
	s := r.segment[n.ID()]
	s.needed = append(s.needed, n)
	for _, v := range n.In() {
		if r.inner(v) {
			r.need(v.Node())
		}
	}
}

// arrives returns the first gradient from outside that the backward pass of a
// module reads, if it is there when the module is computed again: a value that
// depends on what the module gives.
func (r *recomputer) arrives(s *segment) *ir.Value {
	if len(s.needed) == 0 {
		return nil
	}
	nodes := r.g.Nodes()
	depends := make([]bool, len(nodes))
	for id, n := range nodes {
		if !r.live[id] {
			continue
		}
		for _, v := range n.In() {
			at := v.Node().ID()
			if depends[at] && n.Backward() && r.segment[id] == s && v.Node().Backward() && at < s.at {
				return v
			}
			depends[id] = depends[id] || depends[at] || r.kept[v] && r.segment[at] == s && !v.Node().Backward()
		}
		if n.Backward() && r.segment[id] == s {
			depends[id] = false // what comes from within does not count
		}
	}
	return nil
}

// node moves a node to the new graph, and what is computed again before it.
func (r *recomputer) node(to *ir.Graph, n *ir.Node, in []*ir.Value) []*ir.Value {
	id := n.ID()
	if r.needs[id] {
		r.in[id] = slices.Clone(in)
	}
	if !n.Backward() {
		return nil
	}
	for _, s := range r.starts[id] {
		r.compute(to, s)
	}
	// Of what is kept, the backward pass of a module reads a name of its own too:
	// what it computes of that is no part of the forward pass, from which it
	// would have to be held.
	own := r.segment[id]
	reads := slices.Clone(in)
	for i, v := range n.In() {
		if x := r.again[v]; x != nil {
			reads[i] = x
		} else if own != nil && own.arrived != nil && own.at <= id && !v.Node().Backward() && !isConstant(v) && !isInput(v) {
			reads[i] = own.later(v, in[i])
		}
	}
	out := to.Add(n.Op(), reads...)
	for i, v := range n.Outs() {
		for _, s := range r.awaited[v] {
			s.arrived = out[i]
		}
	}
	return out
}

// compute computes a module again.
func (r *recomputer) compute(to *ir.Graph, s *segment) {
	for _, n := range s.needed {
		reads := slices.Clone(r.in[n.ID()])
		apart := false // from the node that computes the same in the forward pass
		for i, v := range n.In() {
			if x := r.again[v]; x != nil {
				reads[i], apart = x, true
			} else if !isConstant(v) && !isInput(v) {
				reads[i], apart = s.later(v, reads[i]), true
			}
		}
		for i, v := range n.In() {
			if isInput(v) && !apart {
				reads[i] = s.later(v, reads[i])
			}
		}
		to.Backward(func() {
			to.For(n, func() {
				for i, v := range to.Add(n.Op(), reads...) {
					r.again[n.Out(i)] = v.SetSharding(n.Out(i).Sharding())
				}
			})
		})
	}
}

// later is v, which is x in the new graph, when the gradient has arrived.
func (s *segment) later(v, x *ir.Value) *ir.Value {
	if s.after[v] == nil {
		s.after[v] = ops.After(x, s.arrived)
	}
	return s.after[v]
}

func isConstant(v *ir.Value) bool {
	_, ok := v.Node().Op().(ops.ConstantOp)
	return ok
}

func isInput(v *ir.Value) bool {
	_, ok := v.Node().Op().(ir.Input)
	return ok
}
