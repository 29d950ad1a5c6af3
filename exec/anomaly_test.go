package exec_test

import (
	"context"
	"errors"
	"math"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/backend"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// checked runs a step of a linear layer with f behind it, gradients and an
// update of the weights, looking for anomalies.
func checked(t *testing.T, f func(y *ir.Value) *ir.Value, x *tensor.Tensor) (s *exec.Store, before *tensor.Tensor, err error) {
	t.Helper()
	m := newLinear(3, 2)
	s = newStore(t, m, exec.Seed(1))
	if err := s.Set("bias", floats(0, 0)); err != nil {
		t.Fatal(err)
	}
	step := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		l := ops.Sum(f(m.forward(c, in[0])))
		w := c.Param(m.Weight)
		g := grad.Of(l, w)[0]
		c.SetParam(m.Weight, ops.Sub(w, g))
		return []*ir.Value{l}
	})
	if before, err = s.Get("weight"); err != nil {
		t.Fatal(err)
	}
	step.DetectAnomaly(true)
	_, err = step.Run(context.Background(), x)
	return s, before, err
}

func TestAnomaly(t *testing.T) {
	zeros := floats(0, 0, 0, 0, 0, 0)
	zeros, _ = zeros.Reshape(2, 3)
	bad := zeros.Clone()
	bad.SetFloat(4, math.Inf(-1))
	for _, tc := range []struct {
		name     string
		f        func(y *ir.Value) *ir.Value
		x        *tensor.Tensor
		source   string
		value    float64
		backward bool
		text     string
	}{
		{"forward", func(y *ir.Value) *ir.Value { return ops.Exp(ops.Log(y)) }, zeros, "log", math.Inf(-1), false,
			"log gives -Inf at element [0 0] of f32[2 2], from f32[2 2] in 0 to 0; in the forward pass (anomaly_test.go:"},
		{"backward", ops.Sqrt, zeros, "div", math.Inf(1), true, "in the backward pass"},
		{"of infinities", func(y *ir.Value) *ir.Value {
			inf := ops.Full(y.Graph(), y.DType(), y.Shape(), math.Inf(1))
			return ops.Sub(ops.Add(y, inf), inf)
		}, zeros, "sub", math.NaN(), false, "of +Inf"},
		{"in a loop", func(y *ir.Value) *ir.Value {
			carry, _ := ops.ScanN(3, []*ir.Value{y}, func(_ *ir.Value, carry []*ir.Value) ([]*ir.Value, []*ir.Value) {
				return []*ir.Value{ops.Sub(ops.Div(carry[0], ops.Scalar(carry[0], 2)), ops.Log(carry[0]))}, nil
			})
			return carry[0]
		}, zeros, "log", math.Inf(-1), false, "log gives -Inf at element [0 0] of f32[2 2]"},
		{"argument", ops.Tanh, bad, "argument input 0", math.Inf(-1), false, "argument input 0 f32[2 3] holds -Inf at element [1 1]"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			s, before, err := checked(t, tc.f, tc.x)
			var e *backend.NonFinite
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if e.Source != tc.source || e.Value != tc.value && e.Value == e.Value || e.Backward != tc.backward {
				t.Errorf("got %s", err)
			}
			if !strings.Contains(err.Error(), tc.text) {
				t.Errorf("got %q, want %q in it", err, tc.text)
			}
			after, err := s.Get("weight")
			if err != nil {
				t.Fatal(err)
			}
			if !sameBits(before, after) {
				t.Error("the weights have changed")
			}
		})
	}
}

// A masked softmax holds infinities that somebody put there: no anomaly. The
// step gives the numbers that it gives unchecked.
func TestNoAnomaly(t *testing.T) {
	x := random(1, 4, 3)
	masked := func(y *ir.Value) *ir.Value {
		g := y.Graph()
		keep := ops.Gt(y, ops.Full(g, y.DType(), y.Shape(), 0))
		masked := ops.Select(keep, y, ops.Full(g, y.DType(), y.Shape(), math.Inf(-1)))
		return ops.Exp(masked)
	}
	s, before, err := checked(t, masked, x)
	if err != nil {
		t.Fatal(err)
	}
	after, err := s.Get("weight")
	if err != nil {
		t.Fatal(err)
	}
	if sameBits(before, after) {
		t.Error("the step has not changed the weights")
	}
}
