package interp_test

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

func f64(n int) ir.Type { return ir.Type{DType: dtype.Float64, Shape: shape.Of(n)} }

func equal(t *testing.T, got *tensor.Tensor, want ...float64) {
	t.Helper()
	if got.Size() != len(want) {
		t.Fatalf("got %v, want %d elements", got, len(want))
	}
	for i, w := range want {
		if got.Float(i) != w {
			t.Errorf("element %d is %v, want %v", i, got.Float(i), w)
		}
	}
}

// TestRun: arguments and variables come in one order, composites are expanded,
// several results and updates come out, and inputs stay as they are.
func TestRun(t *testing.T) {
	g := ir.NewGraph()
	x, w := g.Input(ir.Arg, "x", f64(2)), g.Input(ir.Variable, "w", f64(2))
	y := ops.ReLU(ops.Mul(x, w))
	g.SetOutputs(y, x, y)
	g.Update(w, ops.Sub(w, y))
	a, b := tensor.Must(tensor.Of([]float64{2, -3})), tensor.Must(tensor.Of([]float64{5, 7}))
	r, err := interp.Run(g, a, b)
	if err != nil {
		t.Fatal(err)
	}
	if len(r.Outputs) != 3 || len(r.Updates) != 1 {
		t.Fatalf("%d outputs and %d updates", len(r.Outputs), len(r.Updates))
	}
	equal(t, r.Outputs[0], 10, 0)
	equal(t, r.Outputs[1], 2, -3)
	equal(t, r.Outputs[2], 10, 0)
	equal(t, r.Updates["w"], -5, 7)
	equal(t, a, 2, -3)
	equal(t, b, 5, 7)
}

func TestErrors(t *testing.T) {
	good := tensor.Must(tensor.Of([]float64{1, 2}))
	for want, f := range map[string]func(g *ir.Graph, x *ir.Value) []*tensor.Tensor{
		"graph has 1 inputs, got 0": func(*ir.Graph, *ir.Value) []*tensor.Tensor { return nil },
		"input 0 is f64[2], got f64[1]": func(*ir.Graph, *ir.Value) []*tensor.Tensor {
			return []*tensor.Tensor{tensor.Must(tensor.Of([]float64{1}))}
		},
		"input 0 is f64[2], got f32[2]": func(*ir.Graph, *ir.Value) []*tensor.Tensor {
			return []*tensor.Tensor{tensor.Must(tensor.Of([]float32{1, 2}))}
		},
		"matmul: inner sizes differ": func(g *ir.Graph, x *ir.Value) []*tensor.Tensor {
			ops.MatMul(x, g.Input(ir.Arg, "y", f64(3)))
			return []*tensor.Tensor{good}
		},
	} {
		g := ir.NewGraph()
		x := g.Input(ir.Arg, "x", f64(2))
		g.SetOutputs(x)
		if _, err := interp.Run(g, f(g, x)...); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
