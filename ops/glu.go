package ops

import (
	"errors"
	"fmt"

	"github.com/gradus-ml/gradus/ir"
)

// GLU is the gated linear unit of x, whose halves along an axis are the value a
// and the gate b; a negative axis counts from the end:
//
//	y = a * sigmoid(b)
//
// Source: Dauphin and others, "Language modeling with gated convolutional
// networks" (2016), section 2; torch.nn.functional.glu.
func GLU(x *ir.Value, axis int) *ir.Value {
	if x.Graph().Err() != nil {
		return standIn(x)
	}
	a, err := x.Shape().Axis(axis)
	if err == nil && !x.DType().IsFloat() {
		err = errors.New("wants a floating-point operand")
	}
	if err == nil && x.Dim(a)%2 != 0 {
		err = fmt.Errorf("axis %d of %d elements has no halves", a, x.Dim(a))
	}
	if err != nil {
		return fail("glu", err, x)
	}
	n := x.Dim(a) / 2
	return Mul(Narrow(x, a, 0, n), Sigmoid(Narrow(x, a, n, n)))
}

// SwiGLU is [SiLU] of the gate times x, the two of one shape.
//
// Source: Shazeer, "GLU variants improve transformer" (2020), equation 6.
func SwiGLU(gate, x *ir.Value) *ir.Value { return Mul(SiLU(gate), x) }

// GeGLU is [GELU] of the gate times x, the two of one shape.
//
// Source: as [SwiGLU].
func GeGLU(gate, x *ir.Value) *ir.Value { return Mul(GELU(gate), x) }

// ReGLU is [ReLU] of the gate times x, the two of one shape.
//
// Source: as [SwiGLU], equation 5.
func ReGLU(gate, x *ir.Value) *ir.Value { return Mul(ReLU(gate), x) }
