package loss

import (
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// Terms are what a mean is made of: mean = Sum / Count, both float32 scalars.
// Gradients of a batch that is cut in pieces add up to those of the whole one
// when each piece's Sum is divided by the Count of all of them.
type Terms struct{ Sum, Count *ir.Value }

// Mean is Sum / Count.
func (t Terms) Mean() *ir.Value { return ops.Div(t.Sum, t.Count) }

// A Config is a loss as data.
type Config interface {
	// Validate tells all that is wrong with the settings.
	Validate() error
	// Terms gives the sum of the losses and what their mean divides by; the
	// config's own reduction does not matter. weight [B] multiplies the loss,
	// and the count, of each example; nil is ones.
	Terms(output, target, weight *ir.Value) Terms
}
