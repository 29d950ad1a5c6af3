package loss_test

import (
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// A scale that is learnt has the loss of its temperature, and a gradient.
func TestInfoNCEOf(t *testing.T) {
	x, y := normal(4, 3), normal(4, 3)
	for i := range y.Size() {
		y.SetFloat(i, y.Float(i)*y.Float(i)-0.3)
	}
	out := run(t, func(in []*ir.Value) []*ir.Value {
		fixed := loss.InfoNCE(in[0], in[1])
		scale := ops.Full(in[0].Graph(), dtype.Float64, in[2].Shape(), 1/loss.DefaultInfoNCE().Temperature)
		of := func(s *ir.Value) *ir.Value { return ops.Mean(loss.InfoNCEOf(in[0], in[1], s)) }
		const h = 1e-5
		difference := ops.Sub(of(ops.Add(in[2], ops.Scalar(in[2], h))), of(ops.Sub(in[2], ops.Scalar(in[2], h))))
		return []*ir.Value{of(scale), fixed, grad.Of(of(in[2]), in[2])[0], ops.Mul(difference, ops.Scalar(difference, 1/(2*h)))}
	}, x, y, tensor.Scalar(3.0))
	moduletest.Near(t, "loss", out[0], out[1])
	if got, want := out[2].Float(0), out[3].Float(0); got == 0 || got-want > 1e-6 || want-got > 1e-6 {
		t.Errorf("gradient %v by the scale, difference %v", got, want)
	}
}
