package exec_test

import (
	"context"
	"fmt"
	"maps"
	"math"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// gatedStep is a step with all kinds of variables that a gate concerns: weights
// of 32 and of 16 bits with momentum, an average of new weights, a statistic
// that is set before the gate, a counter, random numbers; and one that it does
// not concern. Its last argument is the gate, if there is one.
func gatedStep(t *testing.T, threads int, gated bool) *trainee {
	t.Helper()
	type model struct {
		Net  *mlp
		Half *module.Param
		Drop *dropout
		Stat *module.State
	}
	m := &model{newMLP(7, 9, 5), &module.Param{DType: dtype.BFloat16, Shape: shape.Of(5), Init: value(0.1)}, newDropout(),
		&module.State{DType: f32, Shape: shape.Of(5)}}
	s := storeOn(t, cpu.New(cpu.WithThreads(threads)), m, exec.Seed(5))
	state := func(prefix string, p module.Named) *module.State {
		return &module.State{Key: prefix + p.Key, DType: f32, Shape: p.Shape}
	}
	var buf, ema []*module.State
	for _, p := range s.Params() {
		buf, ema = append(buf, state("sgd.", p)), append(ema, state("ema.", p))
	}
	count, open := &module.State{Key: "count", DType: dtype.Int64}, &module.State{Key: "open", DType: f32}
	return &trainee{s, exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		y := m.Net.forward(c, m.Drop.forward(c.Train(), in[0]))
		y = ops.Mul(y, ops.Cast(c.Param(m.Half), f32))
		c.SetState(m.Stat, ops.Add(c.State(m.Stat), ops.Mean(y, 0)))
		loss := ops.Mean(ops.Mul(y, y))
		params := module.ParamList(s.Params())
		grads := grad.Of(loss, c.Params(params)...)
		if gated {
			c.Gate(in[1])
			c.Gate(ops.Eq(loss, loss)) // not NaN
		}
		number := func(v float64) *ir.Value { return ops.Scalar(loss, v) }
		for i, p := range params {
			v, st := ops.Update(ops.SGDMomentumUpdate, ops.Cast(c.Param(p.Param), f32), ops.Cast(grads[i], f32),
				[]*ir.Value{c.State(buf[i])}, []*ir.Value{number(0.1), number(0.01), number(0.9), number(1)})
			c.SetParam(p.Param, ops.Cast(v, p.DType))
			c.SetState(buf[i], st[0])
			e := c.State(ema[i])
			c.SetState(ema[i], ops.Add(e, ops.Mul(number(0.5), ops.Sub(ops.Cast(c.Param(p.Param), f32), e))))
		}
		c.SetState(count, ops.Add(c.State(count), ops.Scalar(c.State(count), 1)))
		c.SetUngated(open, ops.Add(c.State(open), number(1)))
		return []*ir.Value{loss}
	})}
}

// An open gate changes no bit; a closed one lets no variable change but the
// number of steps with random numbers, and what is set ungated.
func TestGate(t *testing.T) {
	for threads := 1; threads <= 3; threads++ {
		t.Run(fmt.Sprintf("threads=%d", threads), func(t *testing.T) {
			plain, gated := gatedStep(t, threads, false), gatedStep(t, threads, true)
			x, infinite := random(4, 6, 7), random(4, 6, 7)
			for i := range infinite.F32() { // dropout may take one away
				infinite.F32()[i] = float32(math.NaN())
			}
			for range 3 {
				must(t, plain.step, x)
				must(t, gated.step, x, tensor.Scalar(true))
				equalValues(t, gated.all(t), plain.all(t))
			}
			for i, closed := range [][]*tensor.Tensor{{x, tensor.Scalar(false)}, {infinite, tensor.Scalar(true)}} {
				want := gated.all(t)
				must(t, gated.step, closed...)
				got := gated.all(t)
				if n := got[module.StepKey].Int(0); n != int64(4+i) {
					t.Errorf("the gate left %d steps, want %d", n, 4+i)
				}
				if n := got["open"].Float(0); n != float64(4+i) {
					t.Errorf("what is set ungated is %v, want %d", n, 4+i)
				}
				maps.Copy(want, map[string]*tensor.Tensor{module.StepKey: got[module.StepKey], "open": got["open"]})
				equalValues(t, got, want)
			}
		})
	}
}

// The gate of an optimizer's step takes no kernel of its own.
func TestGateIsFused(t *testing.T) {
	m := newLinear(300, 400)
	s := newStore(t, m)
	steps := func(gated bool) int {
		f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			y := m.forward(c, in[0])
			loss := ops.Mean(ops.Mul(y, y))
			if gated {
				c.Gate(in[1])
			}
			for i, p := range []*module.Param{m.Weight, m.Bias} {
				buf := &module.State{Key: fmt.Sprint("buf", i), DType: f32, Shape: p.Shape}
				number := func(v float64) *ir.Value { return ops.Scalar(loss, v) }
				v, st := ops.Update(ops.SGDMomentumUpdate, c.Param(p), grad.Of(loss, c.Param(p))[0], []*ir.Value{c.State(buf)},
					[]*ir.Value{number(0.1), number(0.01), number(0.9), number(1)})
				c.SetParam(p, v)
				c.SetState(buf, st[0])
			}
			return []*ir.Value{loss}
		})
		plan, err := f.Plan(ir.Type{DType: f32, Shape: shape.Of(8, 300)}, ir.Type{DType: dtype.Bool})
		if err != nil {
			t.Fatal(err)
		}
		return plan.Steps
	}
	if with, without := steps(true), steps(false); with != without {
		t.Errorf("%d kernels with a gate, %d without", with, without)
	}
}

func TestGateRefuses(t *testing.T) {
	m := newLinear(3, 2)
	f := exec.NewFunc(newStore(t, m), func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		c.Gate(in[0])
		return []*ir.Value{c.Param(m.Weight)}
	})
	_, err := f.Run(context.Background(), floats(1))
	want(t, err, "gate: wants a bool scalar", "f32[1]")
}
