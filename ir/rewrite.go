package ir

import (
	"fmt"
	"strings"
)

// Rewrite builds a new graph from what g's outputs and updates need. For each
// node, in order, f gets the node and its operands in the new graph and
// returns the results there; nil means: the same op on those operands.
// Inputs are kept, in order, whether they are needed or not.
func Rewrite(g *Graph, f func(to *Graph, n *Node, in []*Value) []*Value) (*Graph, error) {
	return rewrite(g, func(int, *Value) bool { return true }, f)
}

// rewrite is Rewrite without the inputs, by number, that wanted does not want.
func rewrite(g *Graph, wanted func(i int, v *Value) bool, f func(to *Graph, n *Node, in []*Value) []*Value) (*Graph, error) {
	if g.err != nil {
		return nil, g.err
	}
	live := g.Live()
	to := NewGraph()
	to.nodes = make([]*Node, 0, len(g.nodes))
	input := 0
	moved := make([][]*Value, len(g.nodes))
	at := func(v *Value) *Value { return moved[v.node.id][v.index] }
	var in []*Value
	for _, n := range g.nodes {
		if op, ok := n.op.(Input); ok {
			input++
			if !wanted(input-1, &n.out[0]) {
				continue
			}
			to.For(n, func() { moved[n.id] = []*Value{to.Input(op.Kind, op.Label, op.Type)} })
			moved[n.id][0].sharding = n.out[0].sharding
			continue
		}
		if !live[n.id] {
			continue
		}
		in = in[:0]
		for _, v := range n.in {
			in = append(in, at(v))
		}
		var out []*Value
		to.For(n, func() {
			if out = f(to, n, in); out == nil {
				out = to.Add(n.op, in...)
			}
		})
		if to.err != nil {
			return nil, to.err
		}
		if len(out) != len(n.out) {
			return nil, fmt.Errorf("ir: internal error: %s rewritten to %d results, it has %d", n.op.Name(), len(out), len(n.out))
		}
		for i, v := range out {
			if v == nil {
				continue // a result that nobody reads
			}
			if v.typ != n.out[i].typ {
				return nil, fmt.Errorf("ir: internal error: result %d of %s rewritten from %v to %v", i, n.op.Name(), n.out[i].typ, v.typ)
			}
			if n.out[i].sharding != (Sharding{}) {
				v.sharding = n.out[i].sharding
			}
		}
		moved[n.id] = append([]*Value(nil), out...)
	}
	for _, v := range g.outputs {
		to.outputs = append(to.outputs, at(v))
	}
	for _, u := range g.updates {
		to.updates = append(to.updates, Update{at(u.Variable), at(u.New)})
	}
	return to, nil
}

// Expand replaces composites by their expansions until none is left but those
// for which keep says that the caller can run them.
func Expand(g *Graph, keep func(n *Node) bool) (*Graph, error) {
	expands := func(n *Node) (Composite, bool) {
		op, ok := n.op.(Composite)
		return op, ok && !keep(n)
	}
	var again func(g *Graph) bool
	again = func(g *Graph) bool {
		for _, n := range g.nodes {
			if _, ok := expands(n); ok {
				return true
			}
			if op, ok := n.op.(Nested); ok {
				for _, b := range op.Bodies() {
					if again(b.g) {
						return true
					}
				}
			}
		}
		return false
	}
	for g.err == nil && again(g) {
		var err error
		g, err = Deep(g, func(g *Graph) (*Graph, error) {
			return Rewrite(g, func(to *Graph, n *Node, in []*Value) []*Value {
				if op, ok := expands(n); ok {
					return op.Expand(in)
				}
				return nil
			})
		})
		if err != nil {
			return nil, err
		}
	}
	return g, g.err
}

// Live tells for each node whether an output or an update needs it.
func (g *Graph) Live() []bool {
	ends := append([]*Value(nil), g.outputs...)
	for _, u := range g.updates {
		ends = append(ends, u.New)
	}
	return g.needed(ends)
}

// needed tells for each node whether one of ends needs it.
func (g *Graph) needed(ends []*Value) []bool {
	live := make([]bool, len(g.nodes))
	for _, v := range ends {
		live[v.node.id] = true
	}
	for i := len(g.nodes) - 1; i >= 0; i-- {
		if live[i] {
			for _, v := range g.nodes[i].in {
				live[v.node.id] = true
			}
		}
	}
	return live
}

// Uses counts, for each node and result, how often live nodes, outputs and
// updates read it.
func (g *Graph) Uses() map[*Value]int {
	live := g.Live()
	uses := make(map[*Value]int, len(g.nodes))
	for _, n := range g.nodes {
		if live[n.id] {
			for _, v := range n.in {
				uses[v]++
			}
		}
	}
	for _, v := range g.outputs {
		uses[v]++
	}
	for _, u := range g.updates {
		uses[u.New]++
	}
	return uses
}

// Verify checks what every graph must satisfy: operands come first and belong
// to the graph, types are those that the ops infer, every op can be run, and
// outputs and updates belong to the graph.
func (g *Graph) Verify() error {
	if g.err != nil {
		return g.err
	}
	for i, n := range g.nodes {
		fail := func(format string, a ...any) error {
			return fmt.Errorf("ir: internal error: node %d, %s: %s", i, n.op.Name(), fmt.Sprintf(format, a...))
		}
		if n.id != i || n.graph != g {
			return fail("has id %d or another graph", n.id)
		}
		for _, v := range n.in {
			if v.node.graph != g || v.node.id >= i {
				return fail("reads a value that does not come before it")
			}
		}
		types, err := n.op.Infer(typesOf(n.in))
		if err != nil {
			return fail("%v", err)
		}
		if len(types) != len(n.out) {
			return fail("has %d results, its op infers %d", len(n.out), len(types))
		}
		for j, t := range types {
			if t != n.out[j].typ {
				return fail("result %d is %v, its op infers %v", j, n.out[j].typ, t)
			}
		}
		switch n.op.(type) {
		case Input, Primitive, Composite, Nested:
		default:
			return fail("is neither primitive nor composite")
		}
		if op, ok := n.op.(Nested); ok {
			for _, b := range op.Bodies() {
				if err := b.g.Verify(); err != nil {
					return fail("body: %v", err)
				}
			}
		}
	}
	ends := append([]*Value(nil), g.outputs...)
	for _, u := range g.updates {
		if u.Variable.typ != u.New.typ {
			return fmt.Errorf("ir: internal error: a variable %v becomes %v", u.Variable.typ, u.New.typ)
		}
		ends = append(ends, u.Variable, u.New)
	}
	for _, v := range ends {
		if v.node.graph != g {
			return fmt.Errorf("ir: internal error: an output or update of another graph")
		}
	}
	return nil
}

// String prints the graph, a node a line, for people and for snapshot tests.
// Nodes that nothing needs are left out and do not count. Bodies follow the
// node that holds them, indented, with numbers of their own.
func (g *Graph) String() string {
	var b strings.Builder
	live := g.Live()
	num := make(map[*Value]string, len(g.nodes))
	next := 0
	for _, n := range g.nodes {
		if _, ok := n.op.(Input); !ok && !live[n.id] {
			continue
		}
		for i := range n.out {
			num[&n.out[i]] = fmt.Sprintf("%%%d", next)
			next++
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(num[&n.out[i]])
		}
		b.WriteString(" = " + n.op.Name())
		if attrs := formatAttrs(n.op); attrs != "" {
			b.WriteString("{" + attrs + "}")
		}
		b.WriteByte('(')
		for i, v := range n.in {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(num[v])
		}
		b.WriteString(") :")
		for i := range n.out {
			b.WriteString(" " + n.out[i].typ.String())
		}
		if n.path != "" {
			b.WriteString("  // " + n.path)
		}
		b.WriteByte('\n')
		if op, ok := n.op.(Nested); ok {
			for i, body := range op.Bodies() {
				fmt.Fprintf(&b, "  body %d:\n", i)
				for line := range strings.Lines(body.g.String()) {
					b.WriteString("    " + line)
				}
			}
		}
	}
	for _, v := range g.outputs {
		fmt.Fprintf(&b, "output %s\n", num[v])
	}
	for _, u := range g.updates {
		fmt.Fprintf(&b, "update %s = %s\n", num[u.Variable], num[u.New])
	}
	return b.String()
}

// formatAttrs prints the attributes of an op. An op may print its own.
func formatAttrs(op Op) string {
	switch op := op.(type) {
	case Input:
		return op.Label
	case fmt.Stringer:
		return op.String()
	}
	s := fmt.Sprintf("%+v", op)
	return strings.TrimSuffix(strings.TrimPrefix(s, "{"), "}")
}
