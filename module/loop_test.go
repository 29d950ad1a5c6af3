package module_test

import (
	"strings"
	"testing"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/ir/interp"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// scaled has a parameter and a state.
type scaled struct {
	Weight *module.Param
	Count  *module.State
}

func trace(t *testing.T) (*module.Ctx, *scaled) {
	t.Helper()
	m := &scaled{module.NewParam(nil, 3), &module.State{DType: dtype.Float32}}
	tree, err := module.Walk(m)
	if err != nil {
		t.Fatal(err)
	}
	return module.NewCtx(ir.NewGraph(), tree, nil), m
}

// Every iteration of a loop, and of a loop in a loop, draws other numbers.
func TestRandomInLoops(t *testing.T) {
	c, _ := trace(t)
	const outer, inner, n = 3, 4, 8
	draw := func() *ir.Value {
		k := c.Random()
		return ops.RandomBits(k.Seed, k.Step, k.Stream, shape.Of(n))
	}
	start := []*ir.Value{ops.FullInt(c.Graph(), dtype.Int32, shape.Shape{}, 0)}
	_, rows := ops.ScanN(outer, start, func(_ *ir.Value, s []*ir.Value) (next, ys []*ir.Value) {
		_, rows := ops.ScanN(inner, s, func(_ *ir.Value, s []*ir.Value) (next, ys []*ir.Value) {
			return s, []*ir.Value{draw(), draw()}
		})
		return s, append(rows, draw())
	})
	c.Graph().SetOutputs(append(rows, draw())...)
	run := func(step uint64) (drawn map[string]int) {
		r, err := interp.Run(c.Graph(), tensor.Scalar[uint64](5), tensor.Scalar(step))
		if err != nil {
			t.Fatal(err)
		}
		drawn = map[string]int{}
		for _, t := range r.Outputs {
			for b := t.Bytes(); len(b) > 0; b = b[4*n:] {
				drawn[string(b[:4*n])]++
			}
		}
		return drawn
	}
	first, again, other := run(7), run(7), run(8)
	if want := 2*outer*inner + outer + 1; len(first) != want {
		t.Errorf("%d draws differ, want all %d", len(first), want)
	}
	for bits := range first {
		if again[bits] != 1 {
			t.Error("the same step draws other numbers")
		}
		if other[bits] != 0 {
			t.Error("another step draws the same numbers")
		}
	}
}

// A parameter used in a body for the first time is a variable of the step, and
// a loop can be a part of an update.
func TestParamsInLoops(t *testing.T) {
	c, m := trace(t)
	_, rows := ops.ScanN(2, []*ir.Value{ops.Full(c.Graph(), dtype.Float32, shape.Of(3), 2)}, func(_ *ir.Value, s []*ir.Value) (next, ys []*ir.Value) {
		y := ops.Mul(s[0], c.Param(m.Weight))
		return []*ir.Value{y}, []*ir.Value{ops.Sum(y)}
	})
	c.SetState(m.Count, ops.Sum(rows[0]))
	c.Graph().SetOutputs(rows...)
	w, count := tensor.New(dtype.Float32, shape.Of(3)), tensor.New(dtype.Float32, shape.Shape{})
	for i := range 3 {
		w.SetFloat(i, float64(i+1))
	}
	r, err := interp.Run(c.Graph(), w, count)
	if err != nil {
		t.Fatal(err)
	}
	if got := r.Outputs[0]; got.Float(0) != 12 || got.Float(1) != 28 || r.Updates["count"].Float(0) != 40 {
		t.Errorf("got %v, count %v", got.F32(), r.Updates["count"].Float(0))
	}
}

// A body's value can't become a parameter or state.
func TestUpdatesInLoops(t *testing.T) {
	for name, set := range map[string]func(c *module.Ctx, m *scaled, v *ir.Value){
		"parameter": func(c *module.Ctx, m *scaled, v *ir.Value) { c.SetParam(m.Weight, v) },
		"state":     func(c *module.Ctx, m *scaled, v *ir.Value) { c.SetState(m.Count, ops.Sum(v)) },
	} {
		c, m := trace(t)
		ops.ScanN(2, []*ir.Value{c.Param(m.Weight)}, func(_ *ir.Value, s []*ir.Value) (next, ys []*ir.Value) {
			set(c, m, ops.Neg(s[0]))
			return s, []*ir.Value{ops.Mul(c.Param(m.Weight), c.State(m.Count))}
		})
		want := "update: a value made in the body of scan is used outside that body; return it from the body"
		if err := c.Graph().Err(); err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "loop_test.go:") {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// What layers add to the loss is a scalar outside of loops, asked for once.
func TestAddLoss(t *testing.T) {
	c, _ := trace(t)
	one := ops.Full(c.Graph(), dtype.Float32, shape.Shape{}, 1)
	if c.Eval().AddLoss(one); len(c.AddedLosses()) != 0 {
		t.Error("a context in evaluation mode adds to the loss")
	}
	c.Train().AddLoss(one)
	if added := c.AddedLosses(); len(added) != 1 || added[0] != one || len(c.AddedLosses()) != 0 {
		t.Errorf("added %v", added)
	}
	c.Train().AddLoss(ops.Full(c.Graph(), dtype.Float32, shape.Of(2), 1))
	if err := c.Graph().Err(); err == nil || !strings.Contains(err.Error(), "wants a floating-point scalar, got f32[2]") {
		t.Errorf("error %v", err)
	}
	c, _ = trace(t)
	one = ops.Full(c.Graph(), dtype.Float32, shape.Shape{}, 1)
	ops.ScanN(2, []*ir.Value{one}, func(_ *ir.Value, s []*ir.Value) (next, ys []*ir.Value) {
		c.Train().AddLoss(ops.Add(s[0], s[0]))
		return s, nil
	})
	if err := c.Graph().Err(); err == nil || !strings.Contains(err.Error(), "in the body of a loop") {
		t.Errorf("error %v", err)
	}
}
