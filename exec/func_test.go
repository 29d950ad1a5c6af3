package exec_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/gradus-ml/gradus/backend/cpu"
	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/pass"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// A new batch size is traced again and shares the weights; one met before is
// not.
func TestRetrace(t *testing.T) {
	m := newLinear(3, 2)
	s := newStore(t, m, exec.Seed(1))
	traces := 0
	f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		traces++
		return []*ir.Value{m.forward(c, in[0])}
	})
	x := random(1, 8, 3)
	all := must(t, f, x)[0].Clone()
	for range 3 {
		for _, rows := range []int{8, 5, 1} {
			if out := must(t, f, x.Rows(0, rows))[0]; !sameBits(out, all.Rows(0, rows)) {
				t.Errorf("%d rows alone differ from those of 8", rows)
			}
		}
	}
	if traces != 3 {
		t.Errorf("%d traces for 3 batch sizes", traces)
	}
	if err := s.Set("bias", floats(1, 2)); err != nil {
		t.Fatal(err)
	}
	for _, rows := range []int{8, 5, 1} {
		out := must(t, f, x.Rows(0, rows))[0]
		near(t, out.Rows(0, 1), all.Float(0)+1, all.Float(1)+2)
	}
	if traces != 3 {
		t.Errorf("%d traces after Set", traces)
	}
}

// The 16 signatures used last stay compiled.
func TestCacheKeepsTheLastUsed(t *testing.T) {
	m := newLinear(3, 2)
	s := newStore(t, m)
	var traced []int
	f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		traced = append(traced, in[0].Dim(0))
		return []*ir.Value{m.forward(c, in[0])}
	})
	call := func(rows int) { must(t, f, random(1, rows, 3)) }
	for rows := 1; rows <= 16; rows++ {
		call(rows)
	}
	call(1) // now 2 is the oldest
	call(17)
	traced = nil
	call(1)
	call(17)
	call(16)
	if len(traced) > 0 {
		t.Errorf("%v traced again", traced)
	}
	call(2)
	if !slices.Equal(traced, []int{2}) {
		t.Errorf("traced %v, want 2, which was dropped", traced)
	}
}

// A Func keeps as many signatures as it is told to.
func TestKeep(t *testing.T) {
	m := newLinear(3, 2)
	traces := 0
	f := exec.NewFunc(newStore(t, m), func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		traces++
		return []*ir.Value{m.forward(c, in[0])}
	})
	f.Keep(20)
	for range 2 {
		for rows := 1; rows <= 20; rows++ {
			must(t, f, random(1, rows, 3))
		}
	}
	if traces != 20 {
		t.Errorf("%d traces of 20 signatures", traces)
	}
	f.Keep(2)
	for _, rows := range []int{21, 20, 21, 19} {
		must(t, f, random(1, rows, 3))
	}
	if traces != 22 {
		t.Errorf("%d traces, want one of 21 and one of 19", traces)
	}
}

// Many signatures leave no memory behind.
func TestManySignaturesLeaveMemoryFlat(t *testing.T) {
	m := newMLP(20, 30, 10)
	s := newStore(t, m)
	f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{ops.Sum(m.forward(c, in[0]))}
	})
	r := rand.New(rand.NewPCG(1, 2))
	x := random(1, 1000, 20)
	heap := func() float64 {
		runtime.GC()
		var ms runtime.MemStats
		runtime.ReadMemStats(&ms)
		return float64(ms.HeapAlloc) / (1 << 20)
	}
	must(t, f, x) // the largest
	for range 20 {
		must(t, f, x.Rows(0, 1+r.IntN(1000)))
	}
	before := heap()
	for range 1000 {
		must(t, f, x.Rows(0, 1+r.IntN(1000)))
	}
	if grown := heap() - before; grown > 2 {
		t.Errorf("1000 batch sizes left %.1f MB", grown)
	}
}

// The context that a pass is given says its mode; one step holds both.
func TestTrainAndEvalInOneStep(t *testing.T) {
	d := newDropout()
	s := newStore(t, d, exec.Seed(3))
	f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{d.forward(c.Train(), in[0]), d.forward(c.Eval(), in[0]), d.forward(c, in[0])}
	})
	ones := tensor.New(f32, shape.Of(1000))
	for i := range ones.F32() {
		ones.F32()[i] = 1
	}
	out := must(t, f, ones)
	dropped := 0
	for i, v := range out[0].F32() {
		if v == 0 {
			dropped++
		} else if v != 2 {
			t.Fatalf("element %d is %v, want 0 or 2", i, v)
		}
	}
	if dropped < 400 || dropped > 600 {
		t.Errorf("%d of 1000 elements dropped", dropped)
	}
	if !sameBits(out[1], ones) || !sameBits(out[2], ones) {
		t.Error("evaluation mode, or the mode of a new step, changed its operand")
	}
	first := out[0].Clone()
	if second := must(t, f, ones)[0]; sameBits(first, second) {
		t.Error("the second step drops the same elements")
	}
}

// The learning rate is an argument: another one compiles nothing.
func TestLearningRateAtRunTime(t *testing.T) {
	m := &struct{ W *module.Param }{module.NewParam(value(1), 3)}
	s := newStore(t, m)
	traces := 0
	f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		traces++
		w := c.Param(m.W)
		l := ops.Sum(ops.Mul(w, w))
		c.SetParam(m.W, ops.Sub(w, ops.Mul(in[0], grad.Of(l, w)[0])))
		return []*ir.Value{l}
	})
	w := 1.0
	for _, lr := range []float32{0.1, 0.25, 0, 0.5} {
		must(t, f, tensor.Scalar(lr))
		w -= float64(lr) * 2 * w
		near(t, get(t, s, "w"), w, w, w)
	}
	if traces != 1 {
		t.Errorf("%d traces", traces)
	}
}

// All results of an op of several go out, each with its own type.
func TestSeveralResults(t *testing.T) {
	s := newStore(t, &struct{}{})
	f := exec.NewFunc(s, func(_ *module.Ctx, in []*ir.Value) []*ir.Value {
		w := ops.Window{Size: [8]int{1, 2}, Stride: [8]int{1, 2}, Dilation: [8]int{1, 1}}
		y, index := ops.MaxPool(in[0], w)
		n, mean, variance := ops.BatchNorm(in[0], in[1], in[1], 1, 0)
		return []*ir.Value{y, index, n, mean, variance}
	})
	x := tensor.Must(tensor.Of([]float32{1, 5, 4, 2, 3, 1, 0, 6}, 2, 4))
	out := must(t, f, x, floats(1, 1, 1, 1))
	near(t, out[0], 5, 4, 3, 6)
	near(t, out[1], 1, 0, 0, 1)
	near(t, out[2], 0, 2, 2, 0, 2, 0, 0, 2)
	near(t, out[3], 2, 3, 2, 4)
	near(t, out[4], 1, 4, 4, 4)
}

// A gradient is a graph and has a gradient.
func TestGradientOfGradient(t *testing.T) {
	s := newStore(t, &struct{}{})
	f := exec.NewFunc(s, func(_ *module.Ctx, in []*ir.Value) []*ir.Value {
		x := in[0]
		y := ops.Sum(ops.Mul(ops.Mul(x, x), ops.Mul(x, x)))
		first := grad.Of(y, x)[0]
		second := grad.Of(ops.Sum(first), x)[0]
		third := grad.Of(ops.Sum(second), x)[0]
		return []*ir.Value{first, second, third}
	})
	out := must(t, f, floats(1, -2, 3))
	near(t, out[0], 4, -32, 108)
	near(t, out[1], 12, 48, 108)
	near(t, out[2], 24, -48, 72)
}

// A layer that draws numbers elsewhere moves no mask.
func TestRandomKeysStay(t *testing.T) {
	type small struct{ Fc, Drop *dropout }
	type large struct{ Stem, Fc, Mid, Drop *dropout }
	x := random(1, 500)
	a := &small{newDropout(), newDropout()}
	sa := newStore(t, a, exec.Seed(1))
	fa := exec.NewFunc(sa, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		return []*ir.Value{a.Fc.forward(c.Train(), in[0]), a.Drop.forward(c.Train(), in[0]), a.Drop.forward(c.Train(), in[0])}
	})
	b := &large{newDropout(), newDropout(), newDropout(), newDropout()}
	sb := newStore(t, b, exec.Seed(1))
	fb := exec.NewFunc(sb, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		stem := b.Stem.forward(c.Train(), in[0])
		drop := b.Drop.forward(c.Train(), in[0])
		mid := b.Mid.forward(c.Train(), in[0])
		return []*ir.Value{b.Fc.forward(c.Train(), in[0]), drop, b.Drop.forward(c.Train(), in[0]), stem, mid}
	})
	for step := range 3 {
		oa, ob := must(t, fa, x), must(t, fb, x)
		for i := range oa {
			if !sameBits(oa[i], ob[i]) {
				t.Errorf("step %d: mask %d moved", step, i)
			}
			for j := range i {
				if sameBits(oa[i], oa[j]) {
					t.Errorf("step %d: masks %d and %d are equal", step, i, j)
				}
			}
		}
	}
}

// A mistake made while tracing is what the first Run returns: op, shapes,
// module path and this file's line.
func TestShapeMistake(t *testing.T) {
	type model struct{ Blocks []*linear }
	m := &model{[]*linear{newLinear(3, 4), newLinear(5, 2)}}
	s := newStore(t, m)
	_, _, line, _ := runtime.Caller(0)
	f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		leave := c.Enter(m.Blocks[1])
		x := ops.MatMul(in[0], c.Param(m.Blocks[1].Weight)) // line+3
		leave()
		rest := x.Dim(0) / x.Dim(1) // harmless arithmetic on shapes that are not
		return []*ir.Value{ops.Reshape(x, rest, 7), grad.Of(ops.Sum(x), in[0])[0]}
	})
	for range 2 {
		_, err := f.Run(context.Background(), random(1, 8, 4))
		want(t, err, "matmul", "inner sizes differ: 4 and 2", "f32[8 4]", "blocks.1.weight f32[2 5]",
			"at blocks.1 ", fmt.Sprintf("(func_test.go:%d)", line+3))
		var e *shape.Error
		if !errors.As(err, &e) || e.Op != "matmul" || e.Path != "blocks.1" {
			t.Errorf("error %#v", err)
		}
	}
	if _, err := f.Plan(ir.Type{DType: f32, Shape: shape.Of(8, 4)}); err == nil {
		t.Error("Plan gives no error")
	}
}

// A function of another type for a key than before is an error, not a crash.
func TestStateChangesType(t *testing.T) {
	s := newStore(t, &struct{}{})
	count := func(dims ...int) error {
		st := &module.State{Key: "count", DType: f32, Shape: shape.Of(dims...)}
		f := exec.NewFunc(s, func(c *module.Ctx, _ []*ir.Value) []*ir.Value {
			c.SetState(st, ops.Add(c.State(st), ops.Scalar(c.State(st), 1)))
			return nil
		})
		_, err := f.Run(context.Background())
		return err
	}
	if err := count(2); err != nil {
		t.Fatal(err)
	}
	want(t, count(3), "count", "f32[2]", "f32[3]")
}

// A sharding annotation reaches the graph that backends get, and the CPU
// backend computes the same with it.
func TestShardingIsCarried(t *testing.T) {
	run := func(sh ir.Sharding) (*exec.Func, *tensor.Tensor) {
		m := newMLP(6, 5, 4)
		m.Fc1.Weight.Sharding = sh
		s := newStore(t, m, exec.Seed(1))
		f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
			return []*ir.Value{m.forward(c, in[0]).SetSharding(sh)}
		})
		return f, must(t, f, random(1, 3, 6))[0]
	}
	sh := ir.Sharding{"model", "data"}
	f, out := run(sh)
	if _, plain := run(ir.Sharding{}); !sameBits(out, plain) {
		t.Error("the annotation changed the result")
	}
	g, err := f.Graph(ir.Type{DType: f32, Shape: shape.Of(3, 6)})
	if err != nil {
		t.Fatal(err)
	}
	simple, err := pass.Simplify(g)
	if err != nil {
		t.Fatal(err)
	}
	for name, g := range map[string]*ir.Graph{"traced": g, "simplified": simple} {
		found := false
		for _, v := range g.Inputs() {
			if v.Node().Op().(ir.Input).Label == "fc1.weight" {
				found = v.Sharding() == sh
			}
		}
		if !found || g.Outputs()[0].Sharding() != sh {
			t.Errorf("%s graph: the annotation is lost", name)
		}
	}
}

// A context that is done stops a run before it changes anything.
func TestCancelledContext(t *testing.T) {
	m := &struct{ W *module.Param }{module.NewParam(value(1), 3)}
	s := newStore(t, m)
	f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		c.SetParam(m.W, ops.Add(c.Param(m.W), in[0]))
		return []*ir.Value{c.Param(m.W)}
	})
	ctx, cancel := context.WithCancel(context.Background())
	if _, err := f.Run(ctx, floats(1)); err != nil {
		t.Fatal(err)
	}
	cancel()
	if _, err := f.Run(ctx, floats(1)); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want Canceled", err)
	}
	near(t, get(t, s, "w"), 2, 2, 2)
	must(t, f, floats(1))
	near(t, get(t, s, "w"), 3, 3, 3)
}

// Updates take place together, after everything was read.
func TestUpdates(t *testing.T) {
	type model struct{ A, B, C *module.Param }
	for name, tc := range map[string]struct {
		step    func(c *module.Ctx, m *model) []*ir.Value
		a, b, c float64
		out     []float64
	}{
		"swap": {func(c *module.Ctx, m *model) []*ir.Value {
			a, b := c.Param(m.A), c.Param(m.B)
			c.SetParam(m.A, b)
			c.SetParam(m.B, a)
			return nil
		}, 20, 1, 300, nil},
		"rotation": {func(c *module.Ctx, m *model) []*ir.Value {
			a, b, d := c.Param(m.A), c.Param(m.B), c.Param(m.C)
			c.SetParam(m.A, b)
			c.SetParam(m.B, d)
			c.SetParam(m.C, ops.Add(a, ops.Scalar(a, 1)))
			return []*ir.Value{d}
		}, 20, 300, 2, []float64{300}},
		"one value for two": {func(c *module.Ctx, m *model) []*ir.Value {
			v := ops.Add(c.Param(m.A), c.Param(m.B))
			c.SetParam(m.A, v)
			c.SetParam(m.B, v)
			return []*ir.Value{v, c.Param(m.C)}
		}, 21, 21, 300, []float64{21, 300}},
		"old value out": {func(c *module.Ctx, m *model) []*ir.Value {
			a, b := c.Param(m.A), c.Param(m.B)
			c.SetParam(m.A, ops.Mul(a, ops.Scalar(a, 5)))
			c.SetParam(m.B, a)
			return []*ir.Value{a, b, ops.Add(a, b), c.Param(m.A)}
		}, 5, 1, 300, []float64{1, 20, 21, 5}},
		"old value read late": {func(c *module.Ctx, m *model) []*ir.Value {
			a := c.Param(m.A)
			next := ops.Add(a, ops.Scalar(a, 1))
			c.SetParam(m.A, next)
			late := ops.Sum(ops.Reshape(ops.Mul(ops.Exp(ops.Mul(next, ops.Scalar(a, 0))), a), 2, 3))
			return []*ir.Value{late}
		}, 2, 20, 300, []float64{6}},
		"set twice": {func(c *module.Ctx, m *model) []*ir.Value {
			c.SetParam(m.A, ops.Neg(c.Param(m.A)))
			c.SetParam(m.A, ops.Sub(c.Param(m.A), c.Param(m.B)))
			return []*ir.Value{c.Param(m.A)}
		}, -21, 20, 300, []float64{-21}},
	} {
		t.Run(name, func(t *testing.T) {
			m := &model{module.NewParam(value(1), 6), module.NewParam(value(20), 6), module.NewParam(value(300), 6)}
			s := newStore(t, m)
			f := exec.NewFunc(s, func(c *module.Ctx, _ []*ir.Value) []*ir.Value { return tc.step(c, m) })
			out := must(t, f)
			for i, w := range tc.out {
				if got := out[i].Float(0); got != w {
					t.Errorf("output %d is %v, want %v", i, got, w)
				}
			}
			for key, w := range map[string]float64{"a": tc.a, "b": tc.b, "c": tc.c} {
				if v := get(t, s, key); v.Float(0) != w || v.Float(5) != w {
					t.Errorf("%s is %v, want %v", key, v.F32(), w)
				}
			}
		})
	}
}

// Steps without arguments, without outputs, and over empty batches run.
func TestEdges(t *testing.T) {
	m := newMLP(4, 3, 2)
	s := newStore(t, m)
	f := exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		y := m.forward(c, in[0])
		return []*ir.Value{y, ops.Sum(y), in[0]}
	})
	out := must(t, f, random(1, 0, 4))
	if out[0].Shape() != shape.Of(0, 2) || out[1].Float(0) != 0 {
		t.Errorf("empty batch: %v, sum %v", out[0], out[1].Float(0))
	}
	g := exec.NewFunc(s, func(*module.Ctx, []*ir.Value) []*ir.Value { return nil })
	if out := must(t, g); len(out) != 0 {
		t.Errorf("%d outputs", len(out))
	}
	i := exec.NewFunc(s, func(_ *module.Ctx, in []*ir.Value) []*ir.Value { return in })
	x := tensor.Must(tensor.Of([]int64{1, 2}))
	if out := must(t, i, x, floats(3)); !sameBits(out[0], x) || out[1].DType() != dtype.Float32 {
		t.Errorf("the identity gives %v", out)
	}
}

// Any number of threads gives the same weights.
func TestThreadsTrainToEqualBits(t *testing.T) {
	var first []*tensor.Tensor
	for _, threads := range []int{1, 2, 3, 5, 8} {
		m := newMLP(50, 64, 10)
		s := storeOn(t, cpu.New(cpu.WithThreads(threads)), m, exec.Seed(1))
		f := training(s, m)
		x, y := random(1, 40, 50), tensor.New(dtype.Int64, shape.Of(40))
		for i := range 40 {
			y.SetInt(i, int64(i%10))
		}
		for range 5 {
			must(t, f, x, y, tensor.Scalar[float32](0.1))
		}
		var values []*tensor.Tensor
		for _, key := range s.Keys() {
			values = append(values, get(t, s, key))
		}
		if first == nil {
			first = values
		}
		for i, v := range values {
			if !sameBits(v, first[i]) {
				t.Errorf("%d threads: %s has other bits", threads, s.Keys()[i])
			}
		}
	}
}

// training is a step of descent on the cross-entropy of a classifier.
func training(s *exec.Store, m *mlp) *exec.Func {
	params := module.ParamList(s.Params())
	return exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		l := ops.Mean(ops.CrossEntropyRows(m.forward(c.Train(), in[0]), in[1], -100, 0))
		for i, g := range grad.Of(l, c.Params(params)...) {
			c.SetParam(params[i].Param, ops.Sub(c.Param(params[i].Param), ops.Mul(in[2], g)))
		}
		return []*ir.Value{l}
	})
}
