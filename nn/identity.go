package nn

import "github.com/gradus-ml/gradus/ir"

// Identity gives its operand: it stands where a layer may stand.
//
// Source: torch.nn.Identity.
type Identity struct{}

// Forward returns x.
func (l *Identity) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return x
}
