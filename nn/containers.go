package nn

import (
	"errors"
	"strconv"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// Lambda is a function as a module, for [Sequential]. A recipe can't hold one.
//
// Source: keras.layers.Lambda.
type Lambda func(x *ir.Value) *ir.Value

// Forward applies the function.
func (f Lambda) Forward(_ *Ctx, x *ir.Value) *ir.Value { return f(x) }

// Residual adds what goes into a module to what comes out: x + Body(x), or
// Shortcut(x) + Body(x).
//
// Source: He and others, "Deep residual learning for image recognition" (2015),
// equation 1.
type Residual struct {
	Body     Forwarder
	Shortcut Forwarder // nil passes the operand on
}

// Forward adds both ways of x.
func (l *Residual) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	short := x
	if l.Shortcut != nil {
		short = l.Shortcut.Forward(c, x)
	}
	return ops.Add(l.Body.Forward(c, x), short)
}

// Parallel gives one operand to several modules, and concatenates what they give
// along an axis. Its keys are those of a list: "0.weight".
type Parallel struct {
	Modules
	Axis int `param:"-"` // a negative one counts from the end
}

// Forward concatenates what the modules make of x.
func (l *Parallel) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	var all []*ir.Value
	for i, m := range l.Modules {
		leave := c.EnterChild(strconv.Itoa(i))
		all = append(all, m.Forward(c, x))
		leave()
	}
	if len(all) == 0 {
		return refuse(c, "parallel", errors.New("wants at least one module"), x)
	}
	axis := l.Axis
	if axis < 0 && c.Graph().Err() == nil {
		axis += all[0].Rank()
	}
	return ops.Concat(axis, all...)
}
