package nn

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// Dropout sets each element to 0 with probability P and multiplies the others
// by 1/(1-P), in training mode; in evaluation mode it does nothing. The mask
// depends on the seed, the step, the layer's path and the element's index alone.
//
// Source: torch.nn.Dropout.
type Dropout struct{ P float64 }

// NewDropout drops with probability p, from 0 to 1.
func NewDropout(p float64) *Dropout { return &Dropout{p} }

// Forward drops elements of x, of any shape.
func (l *Dropout) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	if !(l.P >= 0 && l.P <= 1) {
		return refuse(c, "dropout", fmt.Errorf("probability %v is outside 0..1", l.P), x)
	}
	if !c.Training() || l.P == 0 {
		return x
	}
	key := c.Random()
	return ops.Dropout(x, key.Seed, key.Step, l.P, key.Stream)
}
