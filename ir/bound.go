package ir

import (
	"fmt"

	"github.com/gradus-ml/gradus/shape"
)

// A Bound says which whole numbers a value of an integer type may hold: those
// from 0 up to, but without, End, and Also. Whoever runs the graph checks what
// it can see of it before a run; what the graph itself makes of other numbers is
// not changed.
type Bound struct {
	Value     *Value
	End, Also int64
	what      string // "label"
	place     shape.Error
}

// Bound states a bound on a value for an op or a layer: what its numbers are
// called, and what they may be.
func (g *Graph) Bound(op, what string, v *Value, end, also int64) {
	if g.err != nil {
		return
	}
	g.bounds = append(g.bounds, Bound{v, end, also, what, shape.Error{Op: op, Path: g.path, Site: site(callers())}})
}

// Bounds lists the bounds of the graph, and those of bodies inside it.
func (g *Graph) Bounds() []Bound { return g.bounds }

// Outside is the error of a number that may not be: where it stands is told as
// "[3] of input 1".
func (b Bound) Outside(number int64, where string) error {
	e := b.place
	e.Reason = fmt.Sprintf("%s %d at %s is outside 0..%d", b.what, number, where, b.End-1)
	if b.Also < 0 || b.Also >= b.End {
		e.Reason += fmt.Sprintf(", and is not %d", b.Also)
	}
	return &e
}
