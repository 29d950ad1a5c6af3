// Package modeltest serves the tests of families of models.
package modeltest

import (
	"math"
	"testing"

	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/loss"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/module/moduletest"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/tensor"
)

// Step checks a step of training of a model of classes against a file of
// reference values in float64: loss, logits, the gradients of all parameters, and
// the states after it.
//
//	param/KEY, state/KEY  parameters and states before the step
//	in/0, in/1            operand and classes; classes [B T] are those of steps
//	out/0, out/1          mean cross-entropy and logits, those of steps [B T Classes]
//	grad/KEY, after/KEY   gradients, and states after the step
func Step(t *testing.T, m module.Forwarder, path string) {
	t.Helper()
	g := moduletest.Open(t, path)
	s := step(t, m, g, func(c *module.Ctx, in []*ir.Value) *ir.Value { return m.Forward(c, in[0]) }, g.Tensor("in/0"), g.Tensor("in/1"))
	for _, st := range s.Tree.States {
		moduletest.Near(t, st.Key, s.Values[st.Key], g.Tensor("after/"+st.Key))
	}
}

// Mapper makes values of values.
type Mapper interface {
	Map(c *module.Ctx, in []*ir.Value) []*ir.Value
}

// StepOfPair is Step of a model that reads a source and a target, in/0 and in/1,
// and gives logits for the places of in/2, without the states.
func StepOfPair(t *testing.T, m Mapper, path string) {
	t.Helper()
	g := moduletest.Open(t, path)
	step(t, m, g, func(c *module.Ctx, in []*ir.Value) *ir.Value { return m.Map(c, in)[0] }, g.Tensor("in/0"), g.Tensor("in/1"), g.Tensor("in/2"))
}

// step checks all but the states; the last operand is the classes.
func step(t *testing.T, m any, g *moduletest.Golden, forward func(c *module.Ctx, in []*ir.Value) *ir.Value, operands ...*tensor.Tensor) *moduletest.Store {
	t.Helper()
	moduletest.Double(t, m)
	s := moduletest.NewStore(t, m, 0)
	g.Load(s)
	params := module.ParamList(s.Tree.Params)
	out := s.Run(t, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		last := len(in) - 1
		logits := forward(c.Train(), in[:last])
		scores, classes := logits, in[last]
		if classes.Rank() == 2 {
			scores = ops.Transpose(logits, 0, 2, 1)
		}
		l := loss.CrossEntropy(scores, classes)
		return append([]*ir.Value{l, logits}, grad.Of(l, c.Params(params)...)...)
	}, operands...)
	moduletest.Near(t, "loss", out[0], g.Tensor("out/0"))
	moduletest.Near(t, "logits", out[1], g.Tensor("out/1"))
	for i, p := range params {
		want := g.Tensor("grad/" + p.Key)
		if largest(want) > Vanished {
			moduletest.Near(t, "gradient of "+p.Key, out[2+i], want)
		} else if v := largest(out[2+i]); v > Vanished {
			t.Errorf("gradient of %s reaches %v, want 0", p.Key, v)
		}
	}
	return s
}

// Vanished is what a gradient in float64 that must be 0 may reach: that of a bias
// which the next batch norm takes away.
const Vanished = 1e-14

func largest(x *tensor.Tensor) float64 {
	most := 0.0
	for i := range x.Size() {
		most = max(most, math.Abs(x.Float(i)))
	}
	return most
}
