package ir

import (
	"fmt"
	"hash/fnv"

	"github.com/gradus-ml/gradus/dtype"
)

// A Body is a graph that an op holds and runs as a part of itself: what a loop
// repeats, a branch of a condition. Its inputs are its parameters, its outputs
// its results. A body is complete in itself and never changes. Two bodies that
// one graph made and that compute the same are one pointer, so that an op which
// holds bodies compares like any other.
type Body struct{ g *Graph }

// Graph is what the body computes. It must not be changed.
func (b *Body) Graph() *Graph { return b.g }

// In are the types of the parameters.
func (b *Body) In() []Type { return typesOf(b.g.inputs) }

// Out are the types of the results.
func (b *Body) Out() []Type { return typesOf(b.g.outputs) }

// Build computes in g, from parameters there, what the body computes. As a part
// of a gradient it leaves out probes, which have told already.
func (b *Body) Build(g *Graph, in []*Value) []*Value {
	wanted := make([]bool, len(b.g.outputs))
	for i := range wanted {
		wanted[i] = true
	}
	return b.BuildSome(g, in, wanted)
}

// BuildSome is Build for the results that are wanted; the others are nil, and so
// may be parameters that only they need.
func (b *Body) BuildSome(g *Graph, in []*Value, wanted []bool) []*Value {
	var ends []*Value
	for i, v := range b.g.outputs {
		if wanted[i] {
			ends = append(ends, v)
		}
	}
	live := b.g.needed(ends)
	made := make(map[*Value]*Value, len(b.g.nodes))
	for i, v := range b.g.inputs {
		made[v] = in[i]
	}
	for _, n := range b.g.nodes {
		if _, ok := n.op.(Input); ok || !live[n.id] {
			continue
		}
		args := make([]*Value, len(n.in))
		for i, v := range n.in {
			args[i] = made[v]
		}
		if _, ok := n.op.(Probe); ok && g.back {
			made[&n.out[0]] = args[0]
			continue
		}
		g.For(n, func() {
			for i, v := range g.Add(n.op, args...) {
				made[&n.out[i]] = v
			}
		})
	}
	out := make([]*Value, len(b.g.outputs))
	for i, v := range b.g.outputs {
		if wanted[i] {
			out[i] = made[v]
		}
	}
	return out
}

// A BodySpec says what body is to be built.
type BodySpec struct {
	Op     string  // that it is for, in mistakes
	Params []Input // the parameters that f gets
	// Loop says that the first parameter is the number of the iteration, a u64
	// scalar, which random ops within the body draw by.
	Loop bool
	// Whole keeps what f computes from values around the body alone in the
	// body, so that it is not computed when the body does not run.
	Whole bool
}

// BuildBody builds a body for an op of g or of a graph inside it: f gets the
// parameters and returns the results. Values of the graphs around the body that
// f uses are captured: each becomes one more parameter, behind those of spec,
// and captured lists them in that order. What f computes from such values alone
// is computed outside, once, unless the body is whole. b is nil where a mistake
// is kept, but f is called in any case.
func (g *Graph) BuildBody(spec BodySpec, f func(in []*Value) []*Value) (b *Body, captured []*Value) {
	inner := &Graph{family: g.family, parent: g.innermost(), captures: map[*Value]*Value{}, of: spec.Op, whole: spec.Whole}
	inner.depth = inner.parent.depth + 1
	g.open = append(g.open, inner)
	defer func() {
		g.open = g.open[:len(g.open)-1]
		inner.closed = true
	}()
	in := make([]*Value, len(spec.Params))
	for i, p := range spec.Params {
		if p.Type.DType == dtype.Invalid {
			p.Type = Type{DType: dtype.Float32, Shape: harmlessShape}
		}
		in[i] = inner.Input(p.Kind, p.Label, p.Type)
	}
	if spec.Loop {
		inner.iteration = in[0]
	}
	out := f(in)
	for i, v := range out {
		switch {
		case g.err != nil:
			return nil, nil
		case v == nil:
			g.Fail(spec.Op, fmt.Sprintf("result %d of the body is nil", i), nil)
			return nil, nil
		case !inner.inside(v.Graph()):
			g.Fail(spec.Op, fmt.Sprintf("result %d of the body: %s", i, foreign(v)), []*Value{v})
			return nil, nil
		}
		inner.outputs = append(inner.outputs, inner.local(v))
	}
	if g.err != nil {
		return nil, nil
	}
	return inner.seal(len(in))
}

// seal makes the body of a graph whose building has ended: without what it does
// not need, captured values included.
func (g *Graph) seal(params int) (*Body, []*Value) {
	live := g.Live()
	wanted := func(i int, v *Value) bool { return i < params || live[v.node.id] }
	var captured []*Value
	for i, v := range g.captured {
		if wanted(params+i, g.inputs[params+i]) {
			captured = append(captured, v)
		}
	}
	to, err := rewrite(g, wanted, func(*Graph, *Node, []*Value) []*Value { return nil })
	if err != nil {
		g.Fail(g.of, err.Error(), nil)
		return nil, nil
	}
	return g.bodies.intern(to), captured
}

// innermost is the graph under construction: a body, while BuildBody calls the
// function that builds it, or the graph around all.
func (g *Graph) innermost() *Graph {
	if n := len(g.open); n > 0 {
		return g.open[n-1]
	}
	for g.parent != nil {
		g = g.parent
	}
	return g
}

// Parent is the graph around a body that is being built, nil for any other.
func (g *Graph) Parent() *Graph { return g.parent }

// Depth is the number of bodies that are being built inside each other, g the
// innermost of them.
func (g *Graph) Depth() int { return g.depth }

// Iterations are the numbers of the iterations of the loops whose bodies are
// being built, the outermost loop first: u64 scalars, to be used in the
// innermost body.
func (g *Graph) Iterations() (list []*Value) {
	for _, b := range g.open {
		if b.iteration != nil {
			list = append(list, b.iteration)
		}
	}
	return list
}

// inside reports whether a value of o can be used in g: o is g or a graph
// around it.
func (g *Graph) inside(o *Graph) bool {
	for g.depth > o.depth {
		g = g.parent
	}
	return g == o
}

// home is the graph for a node made in g of operands in: the innermost of
// theirs, g, and the whole bodies that are being built. If they don't belong
// together the reason is not "".
func (g *Graph) home(op Op, in []*Value) (home *Graph, reason string) {
	home = g
	if _, ok := op.(Input); ok {
		return home, ""
	}
	for _, b := range g.open {
		if b.whole && b.depth > home.depth {
			home = b
		}
	}
	for _, v := range in {
		if o := v.node.graph; o.depth > home.depth {
			home = o
		}
	}
	if home.closed {
		for _, v := range in {
			if v.node.graph == home {
				return g, foreign(v)
			}
		}
	}
	if !home.inside(g) {
		return g, "operands come from different graphs"
	}
	for _, v := range in {
		if !home.inside(v.node.graph) {
			return g, foreign(v)
		}
	}
	return home, ""
}

// foreign says why v can't be used where it is.
func foreign(v *Value) string {
	if g := v.node.graph; g.of != "" {
		return fmt.Sprintf("a value made in the body of %s is used outside that body; return it from the body", g.of)
	}
	return "operands come from different graphs"
}

// local gives v in g: v itself, or the parameter that stands for it.
func (g *Graph) local(v *Value) *Value {
	if v.node.graph == g {
		return v
	}
	c := g.captures[v]
	if c == nil {
		in, _ := v.node.op.(Input)
		g.For(v.node, func() { c = g.Input(Arg, in.Label, v.typ) })
		c.outer, c.sharding = v, v.sharding
		g.captured = append(g.captured, v)
		g.captures[v] = c
	}
	return c
}

// BodyOf makes a graph a body of ops of g. The graph must not change any more.
func (g *Graph) BodyOf(of *Graph) *Body { return g.bodies.intern(of) }

// bodies holds the bodies that a graph has made, by hash.
type bodies map[uint64][]*Body

// intern returns the body that computes what g does, the one that is there or
// a new one.
func (t bodies) intern(g *Graph) *Body {
	h := fnv.New64a()
	for _, n := range g.nodes {
		fmt.Fprint(h, n.op.Name())
		for _, v := range n.in {
			fmt.Fprint(h, " ", v.node.id, v.index)
		}
	}
	key := h.Sum64()
	for _, b := range t[key] {
		if equal(b.g, g) {
			return b
		}
	}
	b := &Body{g}
	t[key] = append(t[key], b)
	return b
}

// equal reports whether two graphs are built of equal ops in one order. Names
// of inputs don't count.
func equal(a, b *Graph) bool {
	sameValues := func(x, y []*Value) bool {
		for i := range min(len(x), len(y)) {
			if x[i].node.id != y[i].node.id || x[i].index != y[i].index {
				return false
			}
		}
		return len(x) == len(y)
	}
	if len(a.nodes) != len(b.nodes) || !sameValues(a.inputs, b.inputs) || !sameValues(a.outputs, b.outputs) {
		return false
	}
	for i, n := range a.nodes {
		m := b.nodes[i]
		x, isInput := n.op.(Input)
		y, isInputToo := m.op.(Input)
		if isInput && isInputToo {
			if x.Kind != y.Kind || x.Type != y.Type {
				return false
			}
		} else if n.op != m.op {
			return false
		}
		if !sameValues(n.in, m.in) {
			return false
		}
	}
	return true
}

// Deep applies a pass to the bodies of the ops of g, the innermost first, and
// then to g. A pass keeps inputs and outputs.
func Deep(g *Graph, pass func(g *Graph) (*Graph, error)) (*Graph, error) {
	d := deep{pass, map[*Body]*Body{}, bodies{}}
	return d.graph(g)
}

type deep struct {
	pass func(g *Graph) (*Graph, error)
	done map[*Body]*Body
	made bodies
}

func (d *deep) graph(g *Graph) (*Graph, error) {
	if g.err != nil {
		return nil, g.err
	}
	changed := false
	for _, n := range g.nodes {
		op, ok := n.op.(Nested)
		if !ok {
			continue
		}
		for _, b := range op.Bodies() {
			if d.done[b] == nil {
				to, err := d.graph(b.g)
				if err != nil {
					return nil, err
				}
				d.done[b] = d.made.intern(to)
			}
			changed = changed || d.done[b] != b
		}
	}
	if changed {
		var err error
		g, err = Rewrite(g, func(to *Graph, n *Node, in []*Value) []*Value {
			op, ok := n.op.(Nested)
			if !ok {
				return nil
			}
			bodies := append([]*Body(nil), op.Bodies()...)
			for i, b := range bodies {
				bodies[i] = d.done[b]
			}
			return to.Add(op.WithBodies(bodies), in...)
		})
		if err != nil {
			return nil, err
		}
	}
	return d.pass(g)
}
