package module

import (
	"fmt"
	"slices"

	"github.com/gradus-ml/gradus/ir"
)

// A Capture notes what modules give while a forward pass is traced: intermediate
// values by the path of their module, as a feature extractor takes them.
type Capture struct {
	c        *Ctx
	patterns []string
	visits   []Visit // left ones, in this order
}

// A Captured value is what a module gave in one of its calls.
type Captured struct {
	Name  string // the path, and "#1", "#2", ... for what is captured of it again
	Path  string
	Value *ir.Value
}

// Capture notes from now on what the modules give whose paths fit one of some
// patterns, see [Match]; "" is the model. Modules in the body of a loop can't be
// captured.
func (c *Ctx) Capture(patterns ...string) *Capture {
	k := &Capture{c: c, patterns: patterns}
	c.Watch(func(v Visit) {
		if v.Left && len(c.t.g.Iterations()) == 0 {
			k.visits = append(k.visits, v)
		}
	})
	return k
}

// Values are the values so far, in the order in which the modules were left: what
// a module made and other modules read, or what nobody has read yet. A module that
// makes nothing, such as dropout in evaluation mode, gives what it was given. One
// that gives several values has one for each. A pattern that fits no module that
// was entered is a mistake, kept in the graph.
func (k *Capture) Values() []Captured {
	g := k.c.t.g
	if g.Err() != nil {
		return nil
	}
	paths := make([]string, len(k.visits))
	for i, v := range k.visits {
		paths[i] = v.Path
	}
	fits, err := MatchAll(k.patterns, paths)
	if err != nil {
		g.Fail("capture", err.Error(), nil)
		return nil
	}
	read := readers(g)
	var list []Captured
	calls := map[string]int{}
	for i, v := range k.visits {
		if fits[i] < 0 {
			continue
		}
		for _, value := range k.results(v, read) {
			name := v.Path
			if n := calls[v.Path]; n > 0 {
				name = fmt.Sprintf("%s#%d", v.Path, n)
			}
			calls[v.Path]++
			list = append(list, Captured{name, v.Path, value})
		}
	}
	return list
}

// readers gives for each value the last node of the forward pass that reads it.
func readers(g *ir.Graph) map[*ir.Value]int {
	last := map[*ir.Value]int{}
	for i, n := range g.Nodes() {
		if n.Backward() {
			continue
		}
		for _, v := range n.In() {
			last[v] = i
		}
	}
	return last
}

// results are the values that a call gave.
func (k *Capture) results(visit Visit, read map[*ir.Value]int) []*ir.Value {
	g := k.c.t.g
	var given, unread []*ir.Value
	for _, n := range g.Nodes()[visit.From:visit.To] {
		if _, input := n.Op().(ir.Input); input || n.Backward() {
			continue
		}
		for _, v := range n.Outs() {
			switch at, ok := read[v]; {
			case k.c.t.aside[v]:
			case !ok:
				unread = append(unread, v)
			case at >= visit.To:
				given = append(given, v)
			}
		}
	}
	switch {
	case len(given) > 0:
		return given
	case len(unread) > 0:
		return unread[len(unread)-1:]
	}
	for _, n := range slices.Backward(g.Nodes()[:visit.To]) {
		if in, input := n.Op().(ir.Input); !input || in.Kind == ir.Arg {
			return n.Outs()[:1]
		}
	}
	return nil
}
