package exec_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// times multiplies by a number, and counts its calls.
type times struct {
	Weight *module.Param
	Calls  *module.State
}

func newTimes(v float64) *times {
	return &times{module.NewParam(value(v)), &module.State{DType: dtype.Float32}}
}

func (m *times) Forward(c *module.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	y := ops.Mul(x, c.Param(m.Weight))
	if c.Training() {
		calls := c.State(m.Calls)
		c.SetState(m.Calls, ops.Add(calls, ops.Scalar(calls, 1)))
		c.AddLoss(ops.Sum(y))
	}
	return y
}

// idle does nothing.
type idle struct{ _ int } // of some size, so that its address is its own

func (m *idle) Forward(c *module.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	return x
}

// both gives two values.
type both struct{ A, B *times }

func (m *both) Forward(c *module.Ctx, x *ir.Value) (a, b *ir.Value) {
	defer c.Enter(m)()
	return m.A.Forward(c, x), m.B.Forward(c, x)
}

type forked struct {
	First *times
	Idle  *idle
	Fork  *both
	Head  *times
}

func newForked() *forked {
	return &forked{newTimes(2), &idle{}, &both{newTimes(3), newTimes(5)}, newTimes(7)}
}

func (m *forked) Forward(c *module.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(m)()
	x = m.Idle.Forward(c, m.First.Forward(c, x))
	a, b := m.Fork.Forward(c, x)
	return m.Head.Forward(c, m.First.Forward(c, ops.Add(a, b)))
}

// capture runs a step and lists what it captured.
func capture(t *testing.T, train bool, patterns ...string) (string, error) {
	t.Helper()
	model := newForked()
	s, err := exec.NewStore(cpu.New(), model)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var names []string
	f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		if train {
			c = c.Train()
		}
		seen := c.Capture(patterns...)
		y := model.Forward(c, in[0])
		out := []*ir.Value{y}
		if train { // what comes behind the forward pass changes nothing
			total := y
			for _, l := range c.AddedLosses() {
				total = ops.Add(total, l)
			}
			c.SetParam(model.Head.Weight, grad.Of(total, c.Param(model.Head.Weight))[0])
		}
		names = nil
		for _, v := range seen.Values() {
			names, out = append(names, v.Name), append(out, v.Value)
		}
		return out
	})
	out, err := f.Run(context.Background(), tensor.Scalar(float32(1)))
	if err != nil {
		return "", err
	}
	text := fmt.Sprint(out[0].Float(0))
	for i, name := range names {
		text += fmt.Sprintf(" %s=%v", name, out[1+i].Float(0))
	}
	return text, nil
}

// What is captured is what modules give, in the order in which they end, whether
// they are called again, make nothing, give several values, change states or add
// to the loss.
func TestCapture(t *testing.T) {
	for _, train := range []bool{false, true} {
		for _, tc := range []struct {
			patterns []string
			want     string
		}{
			{[]string{"first"}, "224 first=2 first#1=32"},
			{[]string{"idle", "head"}, "224 idle=2 head=224"},
			{[]string{"fork"}, "224 fork=6 fork#1=10"},
			{[]string{"fork.*"}, "224 fork.a=6 fork.b=10"},
			{[]string{""}, "224 =224"},
			{nil, "224"},
		} {
			got, err := capture(t, train, tc.patterns...)
			if err != nil || got != tc.want {
				t.Errorf("training %v, %q: %s, want %s, error %v", train, tc.patterns, got, tc.want, err)
			}
		}
	}
	if _, err := capture(t, false, "fork.c"); err == nil || !strings.Contains(err.Error(), `capture: "fork.c" fits no key; near it are`) {
		t.Errorf("error %v", err)
	}
}
