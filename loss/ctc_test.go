package loss_test

import (
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/shape"
)

// The graph of CTC does not grow with time or labels, nor does that of its
// gradient.
func TestCTCNodes(t *testing.T) {
	nodes := func(times, labels int) int {
		g := ir.NewGraph()
		x := g.Input(ir.Arg, "x", ir.Type{DType: dtype.Float32, Shape: shape.Of(2, times, 30)})
		y := g.Input(ir.Arg, "y", ir.Type{DType: dtype.Int64, Shape: shape.Of(2, labels)})
		g.SetOutputs(grad.Of(loss.CTC(x, y), x)...)
		if err := g.Err(); err != nil {
			t.Fatal(err)
		}
		return len(g.Nodes())
	}
	if small, large := nodes(10, 3), nodes(500, 100); small != large {
		t.Errorf("%d nodes for 10 times and 3 labels, %d for 500 and 100", small, large)
	}
}
