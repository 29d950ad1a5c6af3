package nn

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// Flatten merges the axes from Start on into one.
//
// Source: torch.nn.Flatten with end_dim -1.
type Flatten struct{ Start int }

// NewFlatten keeps the axis of the batch: x [B ...], y [B N].
func NewFlatten() *Flatten { return &Flatten{Start: 1} }

// Forward merges axes of x; their order stays.
func (l *Flatten) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.Flatten(x, l.Start)
}
