package nn

import (
	"strconv"

	"github.com/gradus-ml/gradus/ir"
)

// Modules is a list whose elements have the keys 0, 1, 2 and so on.
type Modules []Forwarder

// Sequential applies modules one after another. Its keys are those of
// torch.nn.Sequential: "0.weight", "2.bias".
type Sequential struct{ Modules }

// NewSequential makes a chain.
func NewSequential(modules ...Forwarder) *Sequential { return &Sequential{modules} }

// Forward applies all modules to x.
func (l *Sequential) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	for i, m := range l.Modules {
		leave := c.EnterChild(strconv.Itoa(i))
		x = m.Forward(c, x)
		leave()
	}
	return x
}
