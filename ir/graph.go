// Package ir is the graph that everything meets in: models build it, gradients
// extend it, passes rewrite it, backends compile it.
//
// A [Graph] is a list of nodes in an order in which every node comes after
// those it reads. A [Node] applies an [Op] to values; a [Value] is one result
// of one node. Shapes and element types are known when a node is made.
package ir

import (
	"errors"
	"fmt"
	"runtime"
	"strings"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/shape"
)

// A Type is what is known of a value before it exists.
type Type struct {
	DType dtype.DType
	Shape shape.Shape
}

// String prints "f32[64 10]".
func (t Type) String() string { return t.DType.String() + t.Shape.String() }

// SizeBytes is the memory a value of this type takes.
func (t Type) SizeBytes() int { return t.Shape.Size() * t.DType.Size() }

// Sharding says along which axis of a device mesh each axis of a value is
// split. The empty string means: not split. It is carried through the graph
// and has no meaning on one device.
type Sharding [shape.MaxRank]string

// A Value is one result of a node. Values are compared by pointer.
type Value struct {
	node     *Node
	index    int
	typ      Type
	sharding Sharding
	outer    *Value // what a captured value stands for, while the body is built
}

// Node is the node that makes the value.
func (v *Value) Node() *Node { return v.node }

// Index is the number of the result that the value is.
func (v *Value) Index() int { return v.index }

// Graph is the graph the value belongs to.
func (v *Value) Graph() *Graph { return v.node.graph }

// Outer is the value of a graph further out that v, a captured value of a body
// that is being built, stands for; nil for any other value.
func (v *Value) Outer() *Value { return v.outer }

// Type is the element type and shape.
func (v *Value) Type() Type { return v.typ }

// DType is the element type.
func (v *Value) DType() dtype.DType { return v.typ.DType }

// Shape is the list of extents.
func (v *Value) Shape() shape.Shape { return v.typ.Shape }

// Rank is the number of axes.
func (v *Value) Rank() int { return v.typ.Shape.Rank() }

// Dim is the extent of an axis; a negative axis counts from the end. It is 1
// for an axis that does not exist, which is kept as a mistake, and wherever a
// mistake is kept: nothing computed from shapes may fail then.
func (v *Value) Dim(axis int) int {
	g := v.Graph()
	a, err := v.typ.Shape.Axis(axis)
	if err != nil {
		g.Fail("dim", err.Error(), []*Value{v})
	}
	if g.err != nil {
		return 1
	}
	return v.typ.Shape.Dim(a)
}

// Sharding is the annotation of the value.
func (v *Value) Sharding() Sharding { return v.sharding }

// SetSharding annotates the value and returns it.
func (v *Value) SetSharding(s Sharding) *Value {
	v.sharding = s
	return v
}

// A Node is one application of an op.
type Node struct {
	graph *Graph
	id    int
	op    Op
	in    []*Value
	out   []Value
	path  string
	pcs   []uintptr // call stack of the builder; the graph's own frames included
	back  bool      // part of a gradient
}

// Graph is the graph the node belongs to.
func (n *Node) Graph() *Graph { return n.graph }

// ID is the position of the node in its graph.
func (n *Node) ID() int { return n.id }

// Op is what the node does.
func (n *Node) Op() Op { return n.op }

// In are the operands. The slice must not be changed.
func (n *Node) In() []*Value { return n.in }

// NumOut is the number of results.
func (n *Node) NumOut() int { return len(n.out) }

// Out is result i.
func (n *Node) Out(i int) *Value { return &n.out[i] }

// Outs returns all results.
func (n *Node) Outs() []*Value {
	vs := make([]*Value, len(n.out))
	for i := range n.out {
		vs[i] = &n.out[i]
	}
	return vs
}

// Path is the module path the node was made under, such as "layer1.0.conv1".
func (n *Node) Path() string { return n.path }

// Site is the place in the user's program that made the node: "train.go:41",
// or "" when it is not known.
func (n *Node) Site() string { return site(n.pcs) }

// Backward reports whether the node is part of a gradient.
func (n *Node) Backward() bool { return n.back }

// An Update says that a variable takes a new value when the step ends.
type Update struct{ Variable, New *Value }

// A Graph is a program under construction. It is not safe for concurrent use.
type Graph struct {
	*family
	nodes   []*Node
	inputs  []*Value
	outputs []*Value
	updates []Update

	// Of a body, while it is built and after.
	parent    *Graph
	depth     int
	of        string            // the op it is for
	whole     bool              // nothing is made outside it while it is built
	closed    bool              // its building has ended
	captures  map[*Value]*Value // values of graphs around it: the parameters that stand for them
	captured  []*Value          // those values in order
	iteration *Value            // the number of the iteration, if it is a loop's
}

// A family is what a graph and the bodies built inside it have in common.
type family struct {
	err    error
	path   string
	origin *Node     // nodes made now stand for this one
	back   bool      // nodes made now are part of a gradient
	adapt  Adapter   // of the operands of nodes made now; nil for none
	bounds []Bound   // of the numbers in values
	pcs    []uintptr // room that nodes cut their call stacks from
	open   []*Graph  // bodies being built, the innermost last
	bodies bodies
}

// NewGraph returns an empty graph.
func NewGraph() *Graph { return &Graph{family: &family{bodies: bodies{}}} }

// Nodes lists the nodes, operands before users. The slice must not be changed.
func (g *Graph) Nodes() []*Node { return g.nodes }

// Inputs lists the values that come from outside, in the order of their making.
func (g *Graph) Inputs() []*Value { return g.inputs }

// Outputs lists the values that a run returns.
func (g *Graph) Outputs() []*Value { return g.outputs }

// SetOutputs names the values that a run returns.
func (g *Graph) SetOutputs(vs ...*Value) {
	for _, v := range vs {
		if v.Graph() != g {
			g.Fail("output", elsewhere(v), []*Value{v})
		}
	}
	g.outputs = vs
}

// Updates lists what variables become when a run ends.
func (g *Graph) Updates() []Update { return g.updates }

// Update makes a variable take a new value when the run ends. A second update
// of one variable replaces the first.
func (g *Graph) Update(variable, v *Value) {
	in, ok := variable.node.op.(Input)
	if !ok || in.Kind != Variable {
		g.Fail("update", fmt.Sprintf("%s is not a variable", describe(variable)), nil)
		return
	}
	for _, x := range []*Value{variable, v} {
		if x.Graph() != g {
			g.Fail("update", elsewhere(x), []*Value{variable, v})
			return
		}
	}
	if g.err == nil && variable.typ != v.typ {
		g.Fail("update", fmt.Sprintf("variable %s is %v, its new value is %v", in.Label, variable.typ, v.typ), nil)
		return
	}
	for i := range g.updates {
		if g.updates[i].Variable == variable {
			g.updates[i].New = v
			return
		}
	}
	g.updates = append(g.updates, Update{variable, v})
}

// elsewhere says why v can't be an output or update.
func elsewhere(v *Value) string {
	if v.Graph().of != "" {
		return foreign(v)
	}
	return "the value comes from another graph"
}

// Err is the first mistake made while the graph was built.
func (g *Graph) Err() error { return g.err }

// Fail keeps a mistake, unless an earlier one is kept already.
func (g *Graph) Fail(op, reason string, in []*Value) {
	if g.err != nil {
		return
	}
	e := &shape.Error{Op: op, Reason: reason, Path: g.path, Site: site(callers())}
	if g.origin != nil {
		e.Site = g.origin.Site()
	}
	for _, v := range in {
		e.In = append(e.In, describe(v))
	}
	g.err = e
}

// describe prints a value with the name of the input it is, if it is one.
func describe(v *Value) string {
	if in, ok := v.node.op.(Input); ok && in.Label != "" {
		return in.Label + " " + v.typ.String()
	}
	return v.typ.String()
}

// Path is the module path that new nodes are made under.
func (g *Graph) Path() string { return g.path }

// SetPath sets the module path of new nodes and returns the one before.
func (g *Graph) SetPath(path string) (old string) {
	old, g.path = g.path, path
	return old
}

// For makes the nodes that f builds carry path and site of n: gradients and
// expansions belong to the line of the user's that they come from.
func (g *Graph) For(n *Node, f func()) {
	path, origin := g.path, g.origin
	g.path, g.origin = n.path, n
	f()
	g.path, g.origin = path, origin
}

// Backward makes the nodes that f builds count as part of a gradient. They get
// their operands as they are, whatever adapter is set: a gradient has the types
// of the forward pass.
func (g *Graph) Backward(f func()) {
	back, adapt := g.back, g.adapt
	g.back, g.adapt = true, nil
	f()
	g.back, g.adapt = back, adapt
}

// An Adapter replaces operands of an op that is about to be added, by casts of
// them for example. It may change the slice.
type Adapter func(op Op, in []*Value) []*Value

// Adapts reports whether an adapter is set.
func (g *Graph) Adapts() bool { return g.adapt != nil }

// SetAdapter makes f see all nodes that are added to g and to bodies inside it
// from now on, until another is set, and returns the adapter before.
func (g *Graph) SetAdapter(f Adapter) (old Adapter) {
	old, g.adapt = g.adapt, f
	return old
}

// Input adds a value that comes from outside.
func (g *Graph) Input(kind Kind, name string, t Type) *Value {
	v := g.Add(Input{kind, name, t})[0]
	g.inputs = append(g.inputs, v)
	return v
}

// Apply adds a node for op to the graph of its operands, the innermost where
// some belong to bodies and others to what is around them, and returns its
// results. It neither panics nor returns an error: the first mistake is kept
// in the graph, and from then on every result is a scalar-like stand-in.
func Apply(op Op, in ...*Value) []*Value {
	if len(in) == 0 {
		panic("ir: internal error: Apply without operands; use Graph.Add")
	}
	return in[0].Graph().Add(op, in...)
}

// Apply1 is Apply for an op of one result.
func Apply1(op Op, in ...*Value) *Value { return Apply(op, in...)[0] }

// Add adds a node for an op that may have no operands. If an operand belongs
// to a body inside g that is being built, the node does too.
func (g *Graph) Add(op Op, in ...*Value) []*Value {
	in = append([]*Value(nil), in...)
	if adapt := g.adapt; adapt != nil && g.err == nil {
		g.adapt = nil // for the nodes that it makes itself
		in = adapt(op, in)
		g.adapt = adapt
	}
	if g.err == nil {
		home, reason := g.home(op, in)
		if reason != "" {
			g.Fail(op.Name(), reason, in)
		} else {
			g = home
			for i, v := range in {
				in[i] = g.local(v)
			}
		}
	}
	var types []Type
	if g.err == nil {
		var err error
		if types, err = op.Infer(typesOf(in)); err != nil {
			g.Fail(op.Name(), err.Error(), in)
		}
	}
	if g.err != nil {
		types = harmless(op, in)
	}
	n := &Node{graph: g, id: len(g.nodes), op: op, in: in, out: make([]Value, len(types)), path: g.path, back: g.back}
	if g.origin != nil {
		n.pcs, n.back = g.origin.pcs, g.back || g.origin.back
	} else {
		n.pcs = g.stack()
	}
	for i, t := range types {
		n.out[i] = Value{node: n, index: i, typ: t}
	}
	g.nodes = append(g.nodes, n)
	return n.Outs()
}

// Poison returns a stand-in for a value that could not be built, after Fail.
// Its extents are 1, so that the user's own arithmetic on them can't fail.
func (g *Graph) Poison(dt dtype.DType) *Value {
	if g.err == nil {
		g.err = errors.New("ir: internal error: Poison without a mistake")
	}
	return g.Add(Input{Kind: Arg, Type: Type{DType: dt, Shape: harmlessShape}})[0]
}

func typesOf(in []*Value) []Type {
	ts := make([]Type, len(in))
	for i, v := range in {
		ts[i] = v.typ
	}
	return ts
}

// harmlessShape is the shape of the results of a wrong op.
var harmlessShape = shape.Of(1, 1, 1, 1, 1, 1, 1, 1)

// harmless gives the results of a wrong op.
func harmless(op Op, in []*Value) []Type {
	t := Type{DType: dtype.Float32, Shape: harmlessShape}
	if len(in) > 0 {
		t.DType = in[0].typ.DType
	}
	n := 1
	if m, ok := op.(MultiResult); ok {
		n = m.NumResults()
	}
	ts := make([]Type, n)
	for i := range ts {
		ts[i] = t
	}
	return ts
}

const stackDepth = 24

// stack records the call stack of a builder in the graph's shared memory.
func (g *Graph) stack() []uintptr {
	if cap(g.pcs)-len(g.pcs) < stackDepth {
		g.pcs = make([]uintptr, 0, 64*stackDepth)
	}
	room := g.pcs[len(g.pcs) : len(g.pcs)+stackDepth]
	n := runtime.Callers(3, room)
	g.pcs = g.pcs[:len(g.pcs)+n]
	return room[:n:n]
}

func callers() []uintptr {
	pcs := make([]uintptr, stackDepth)
	return pcs[:runtime.Callers(3, pcs)]
}

const modulePath = "github.com/gradus-ml/gradus/"

// builders are the rooms of this module whose frames are not the user's.
var builders = map[string]bool{
	"ir": true, "ops": true, "grad": true, "pass": true, "backend": true, "exec": true,
	"module": true, "nn": true, "model": true, "loss": true, "optim": true, "peft": true, "train": true,
}

// site finds the first frame that is not a builder's of this module.
func site(pcs []uintptr) string {
	if len(pcs) == 0 {
		return ""
	}
	frames := runtime.CallersFrames(pcs)
	for {
		f, more := frames.Next()
		if !isBuilder(f) {
			return fmt.Sprintf("%s:%d", f.File[strings.LastIndexByte(f.File, '/')+1:], f.Line)
		}
		if !more {
			return ""
		}
	}
}

func isBuilder(f runtime.Frame) bool {
	if strings.HasPrefix(f.Function, "runtime.") {
		return true
	}
	rest, ok := strings.CutPrefix(f.Function, modulePath)
	if !ok || strings.HasSuffix(f.File, "_test.go") {
		return false
	}
	room := rest[:strings.IndexAny(rest+".", "./")]
	return builders[room]
}
