package nn

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/tensor"
)

// The penalty and its gradient are those that Keras adds to the loss, in training
// alone: (0.1*10 + 0.01*30)/2 of a batch of two.
func TestActivityRegularization(t *testing.T) {
	l := &ActivityRegularization{L1: 0.1, L2: 0.01}
	s := moduletest.NewStore(t, l, 0)
	x := tensor.Must(tensor.Of([]float64{1, -2, 3, -4}, 2, 2))
	out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		if l.Forward(c.Eval(), in[0]); len(c.AddedLosses()) > 0 {
			t.Error("there is a penalty in evaluation mode")
		}
		y := l.Forward(c.Train(), in[0])
		added := c.AddedLosses()
		if y != in[0] || len(added) != 2 || len(c.AddedLosses()) != 0 {
			t.Fatalf("result %v, penalties %v", y, added)
		}
		return append(added, append(grad.Of(added[0], y), grad.Of(added[1], y)...)...)
	}, x)
	for i, want := range []*tensor.Tensor{
		tensor.Scalar(0.5), tensor.Scalar(0.15),
		tensor.Must(tensor.Of([]float64{0.05, -0.05, 0.05, -0.05}, 2, 2)),
		tensor.Must(tensor.Of([]float64{0.01, -0.02, 0.03, -0.04}, 2, 2)),
	} {
		moduletest.Near(t, []string{"l1", "l2", "gradient of l1", "gradient of l2"}[i], out[i], want)
	}
	err := ActivityRegularization{L1: -1, L2: -2}.Validate()
	if err == nil || !strings.Contains(err.Error(), "l1 must be") || !strings.Contains(err.Error(), "l2 must be") {
		t.Errorf("error %v", err)
	}
}
