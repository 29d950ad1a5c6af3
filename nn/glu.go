package nn

import (
	"fmt"

	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ops"
)

// GLU is the gated linear unit of the halves a and b of x along an axis:
// a * sigmoid(b). The result has half the extent there. See [ops.GLU].
//
// Source: torch.nn.GLU.
type GLU struct{ Axis int } // a negative one counts from the end

// SwiGLU is silu(a) * b for the halves a and b of x along an axis.
//
// Source: Shazeer, "GLU variants improve transformer" (2020), equation 6; timm's
// SwiGLUPacked has the halves in this order.
type SwiGLU struct{ Axis int }

// GeGLU is gelu(a) * b for the halves a and b of x along an axis.
//
// Source: as [SwiGLU].
type GeGLU struct{ Axis int }

// ReGLU is relu(a) * b for the halves a and b of x along an axis.
//
// Source: as [SwiGLU], equation 5.
type ReGLU struct{ Axis int }

// Forward gates x.
func (l *GLU) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return ops.GLU(x, l.Axis)
}

// Forward gates x.
func (l *SwiGLU) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return gated(c, "swiglu", x, l.Axis, ops.SwiGLU)
}

// Forward gates x.
func (l *GeGLU) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return gated(c, "geglu", x, l.Axis, ops.GeGLU)
}

// Forward gates x.
func (l *ReGLU) Forward(c *Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(l)()
	return gated(c, "reglu", x, l.Axis, ops.ReGLU)
}

// gated applies a function to the halves of x, the gate first.
func gated(c *Ctx, name string, x *ir.Value, axis int, f func(gate, x *ir.Value) *ir.Value) *ir.Value {
	if c.Graph().Err() != nil {
		return x
	}
	a, err := x.Shape().Axis(axis)
	if err == nil {
		err = halves(x, a)
	}
	if err != nil {
		return refuse(c, name, err, x)
	}
	n := x.Dim(a) / 2
	return f(ops.Narrow(x, a, 0, n), ops.Narrow(x, a, n, n))
}

func halves(x *ir.Value, axis int) error {
	if x.Dim(axis)%2 != 0 {
		return fmt.Errorf("axis %d of %d elements has no halves", axis, x.Dim(axis))
	}
	return nil
}
