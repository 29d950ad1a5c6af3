package cpu

import (
	"fmt"
	"runtime"

	"github.com/gradus-ml/gradus/backend"
	"github.com/gradus-ml/gradus/backend/cpu/kernel"
	"github.com/gradus-ml/gradus/internal/mapped"
	"github.com/gradus-ml/gradus/ir"
)

// What depends on variables alone that the graph does not update, such as the
// scale that batch norm in evaluation mode has for a channel, or a weight in
// the order that a kernel wants, is made on the first run and kept by the
// executable. It is made again when one of the variables has changed: a buffer
// counts the times that it is written.

// fixedNodes tells, by id, the nodes whose results depend on such variables and
// constants alone. Outputs and new values of variables are not among them: a
// graph is run to make these.
func fixedNodes(g *ir.Graph) []bool {
	moving := make([]bool, len(g.Nodes()))
	for _, u := range g.Updates() {
		moving[u.Variable.Node().ID()] = true
		moving[plain(u.New).Node().ID()] = true
	}
	for _, v := range g.Outputs() {
		moving[plain(v).Node().ID()] = true
	}
	fixed := make([]bool, len(g.Nodes()))
	for i, n := range g.Nodes() {
		op, input := n.Op().(ir.Input)
		fixed[i] = !moving[i] && !tells(n) && (!input || op.Kind == ir.Variable)
		for _, v := range n.In() {
			fixed[i] = fixed[i] && fixed[v.Node().ID()]
		}
	}
	return fixed
}

// isFixed reports whether v may be kept.
func (l *lowering) isFixed(v *ir.Value) bool { return l.fixed != nil && l.fixed[v.Node().ID()] }

// keeps reports whether the unit being lowered runs only when variables have
// changed.
func (l *lowering) keeps() bool {
	return l.unit < len(l.units) && l.isFixed(l.units[l.unit].nodes[0].Out(0))
}

// readByOthers reports whether a unit that runs every time reads v.
func (l *lowering) readByOthers(v *ir.Value) bool {
	for _, i := range l.readIn[v] {
		if i == forever || !l.isFixed(l.units[i].nodes[0].Out(0)) {
			return true
		}
	}
	return false
}

// keep declares memory of the executable's own.
func (l *lowering) keep(typ ir.Type, bytes int) ref {
	r := l.slot(slot{typ: typ, bytes: bytes, place: inKept, offset: l.kept})
	l.kept += align(bytes)
	return r
}

// keepStep adds a step that runs only when variables have changed.
func (l *lowering) keepStep(name string, n *ir.Node, bind func(m *memory) []kernel.Phase) {
	l.step(name, n, bind)
	l.steps[len(l.steps)-1].kept = true
}

// A keeper is the memory that an executable keeps, and what it was made of.
type keeper struct {
	m    *mapped.Memory
	from []*buffer // the variables
	at   int64     // changes of any variable of the backend when it was last looked at
	sum  int64     // of the changes of these variables, which only grow
	made bool
}

// bind finds the memory and the variables.
func (k *keeper) bind(x *executable, vars []backend.Buffer) error {
	if k.m == nil {
		var err error
		if k.m, err = mapped.New(x.l.kept); err != nil {
			return fmt.Errorf("cpu: %d bytes for what is kept between runs: %w", x.l.kept, err)
		}
		runtime.AddCleanup(x, func(m *mapped.Memory) { m.Free() }, k.m)
	}
	k.made, k.from = false, k.from[:0]
	i := 0
	for _, v := range x.l.g.Inputs() {
		if v.Node().Op().(ir.Input).Kind == ir.Variable {
			if x.l.isFixed(v) {
				k.from = append(k.from, vars[i].(*buffer))
			}
			i++
		}
	}
	return nil
}

// fresh reports whether what is kept is that of the variables as they are.
func (k *keeper) fresh(b *Backend) bool {
	if k.made && k.at == b.changes.Load() {
		return true
	}
	sum := int64(0)
	for _, v := range k.from {
		sum += v.changes
	}
	was := k.made && sum == k.sum
	k.at, k.sum, k.made = b.changes.Load(), sum, false
	return was
}
