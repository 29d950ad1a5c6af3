package cpu

import (
	"fmt"
	"math"

	"github.com/gradus-ml/gradus/backend"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// CompileChecked compiles without fusion and without updates in place, so that
// every value is in memory when its unit has run, and so are its operands.
func (b *Backend) CompileChecked(g *ir.Graph) (backend.Executable, error) {
	return b.compile(g, true)
}

// An inspector looks at the values of a plan in its memory.
type inspector struct {
	l *lowering
	m *memory
}

// after returns what looks at each unit when it has run; nil where nothing is
// to be looked at.
func (x *inspector) after() func(unit int) error {
	if !x.l.checked {
		return nil
	}
	return func(unit int) error { return x.checkUnit(x.l.units[unit]) }
}

// checkInputs looks for values that are not finite before the run starts.
func (x *inspector) checkInputs() error {
	for _, v := range x.l.g.Inputs() {
		if at, found := firstNonFinite(x.at(v), notFinite); found {
			op := v.Node().Op().(ir.Input)
			kind := "argument"
			if op.Kind == ir.Variable {
				kind = "variable"
			}
			return nonFinite(x.at(v), at, kind+" "+op.Label)
		}
	}
	return nil
}

// checkUnit looks at what a unit has made. It is the unit's doing if a result
// holds NaN and no operand does, or an infinity and all operands are finite.
func (x *inspector) checkUnit(u *unit) error {
	n := u.nodes[0]
	for i, v := range n.Outs() {
		if _, made := x.l.refs[v]; !made {
			continue // a result that nobody reads
		}
		t := x.at(v)
		at, found := firstNonFinite(t, math.IsNaN)
		excuse := math.IsNaN
		if !found {
			at, found = firstNonFinite(t, notFinite)
			excuse = notFinite
		}
		if !found || x.operandsHold(n, excuse) {
			continue
		}
		e := nonFinite(t, at, n.Op().Name())
		e.Op, e.Result, e.Path, e.Site, e.Backward = true, i, n.Path(), n.Site(), n.Backward()
		for j, in := range n.In() {
			e.Operands = append(e.Operands, x.describe(in, j))
		}
		return e
	}
	return nil
}

// at is a value in memory as a tensor.
func (x *inspector) at(v *ir.Value) *tensor.Tensor {
	return tensor.Must(tensor.FromBytes(v.DType(), v.Shape(), x.m.bytes(x.l.refs[plain(v)])))
}

// source looks through what is never written out: reshapes and broadcasts.
func source(v *ir.Value) *ir.Value {
	for {
		if _, ok := v.Node().Op().(ops.BroadcastOp); !ok {
			if v == plain(v) {
				return v
			}
		}
		v = v.Node().In()[0]
	}
}

func (x *inspector) operandsHold(n *ir.Node, bad func(float64) bool) bool {
	for _, v := range n.In() {
		if !v.DType().IsFloat() {
			continue
		}
		v = source(v)
		if c, ok := v.Node().Op().(ops.ConstantOp); ok {
			if bad(c.Float()) {
				return true
			}
			continue
		}
		if _, found := firstNonFinite(x.at(v), bad); found {
			return true
		}
	}
	return false
}

// describe tells an operand's type and range.
func (x *inspector) describe(v *ir.Value, i int) string {
	s := source(v)
	if c, ok := s.Node().Op().(ops.ConstantOp); ok {
		return fmt.Sprintf("%v of %.4g", v.Type(), c.Float())
	}
	name := ""
	if in, ok := s.Node().Op().(ir.Input); ok {
		name = in.Label + " "
	}
	t := x.at(s)
	if t.Size() == 0 || !t.DType().IsFloat() {
		return name + v.Type().String()
	}
	lo, hi := math.Inf(1), math.Inf(-1)
	for k := range t.Size() {
		lo, hi = math.Min(lo, t.Float(k)), math.Max(hi, t.Float(k))
	}
	return fmt.Sprintf("%s%v in %.4g to %.4g", name, v.Type(), lo, hi)
}

// notFinite is true of NaN and infinities.
func notFinite(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }

// firstNonFinite returns the first element of floats that is bad.
func firstNonFinite(t *tensor.Tensor, bad func(float64) bool) (at int, found bool) {
	if !t.DType().IsFloat() {
		return 0, false
	}
	for i := range t.Size() {
		if bad(t.Float(i)) {
			return i, true
		}
	}
	return 0, false
}

func nonFinite(t *tensor.Tensor, at int, source string) *backend.NonFinite {
	return &backend.NonFinite{Value: t.Float(at), Index: index(t.Shape(), at), Type: ir.Type{DType: t.DType(), Shape: t.Shape()}, Source: source}
}

// index is the position of element i along each axis.
func index(s shape.Shape, i int) []int {
	at := make([]int, s.Rank())
	for a := s.Rank() - 1; a >= 0; a-- {
		at[a], i = i%s.Dim(a), i/s.Dim(a)
	}
	return at
}
