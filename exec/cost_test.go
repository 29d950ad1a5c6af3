package exec_test

import (
	"context"
	"runtime"
	"runtime/debug"
	"testing"
	"time"

	"github.com/gradus-ml/gradus/dtype"
	"github.com/gradus-ml/gradus/exec"
	"github.com/gradus-ml/gradus/grad"
	"github.com/gradus-ml/gradus/ir"
	"github.com/gradus-ml/gradus/module"
	"github.com/gradus-ml/gradus/ops"
	"github.com/gradus-ml/gradus/shape"
	"github.com/gradus-ml/gradus/tensor"
)

// block is two convolutions with batch norm and a way around them.
type block struct {
	Conv1, Conv2 *module.Param
	W1, B1       *module.Param
	W2, B2       *module.Param
	Mean         *module.State
}

func newBlock(channels int) *block {
	ones := func() *module.Param { return module.NewParam(value(1), channels) }
	conv := func() *module.Param { return module.NewParam(normal, channels, channels, 3, 3) }
	return &block{conv(), conv(), ones(), ones(), ones(), ones(), &module.State{DType: f32, Shape: shape.Of(channels)}}
}

func (b *block) forward(c *module.Ctx, x *ir.Value) *ir.Value {
	defer c.Enter(b)()
	op := ops.ConvOp{Stride: [3]int{1, 1}, PadLo: [3]int{1, 1}, PadHi: [3]int{1, 1}, Dilation: [3]int{1, 1}, Groups: 1}
	y, mean, _ := ops.BatchNorm(ops.Conv(x, c.Param(b.Conv1), op), c.Param(b.W1), c.Param(b.B1), 1, 1e-5)
	old := c.State(b.Mean)
	c.SetState(b.Mean, ops.Add(ops.Mul(old, ops.Scalar(old, 0.9)), ops.Mul(mean, ops.Scalar(old, 0.1))))
	y, _, _ = ops.BatchNorm(ops.Conv(ops.ReLU(y), c.Param(b.Conv2), op), c.Param(b.W2), c.Param(b.B2), 1, 1e-5)
	return ops.ReLU(ops.Add(x, y))
}

// convNet is blocks, dropout and a linear layer.
type convNet struct {
	Blocks []*block
	Drop   *dropout
	Head   *linear
}

func newConvNet(blocks, channels int) *convNet {
	m := &convNet{Drop: newDropout(), Head: newLinear(channels, 10)}
	for range blocks {
		m.Blocks = append(m.Blocks, newBlock(channels))
	}
	return m
}

func (m *convNet) forward(c *module.Ctx, x *ir.Value) *ir.Value {
	for _, b := range m.Blocks {
		x = b.forward(c, x)
	}
	return m.Head.forward(c, m.Drop.forward(c, ops.Mean(x, 2, 3)))
}

// adam is a training step with two moments a parameter.
func adam(s *exec.Store, forward func(c *module.Ctx, x *ir.Value) *ir.Value) *exec.Func {
	params := module.ParamList(s.Params())
	var moments [][2]*module.State
	for _, p := range params {
		m := &module.State{Key: "adam.m." + p.Key, DType: p.DType, Shape: p.Shape}
		v := &module.State{Key: "adam.v." + p.Key, DType: p.DType, Shape: p.Shape}
		moments = append(moments, [2]*module.State{m, v})
	}
	return exec.NewFunc(s, func(c *module.Ctx, in []*ir.Value) []*ir.Value {
		l := ops.Mean(ops.CrossEntropyRows(forward(c.Train(), in[0]), in[1], -100, 0))
		mix := func(old, x *ir.Value, beta float64) *ir.Value {
			return ops.Add(ops.Mul(old, ops.Scalar(old, beta)), ops.Mul(x, ops.Scalar(x, 1-beta)))
		}
		for i, g := range grad.Of(l, c.Params(params)...) {
			m := mix(c.State(moments[i][0]), g, 0.9)
			v := mix(c.State(moments[i][1]), ops.Mul(g, g), 0.999)
			c.SetState(moments[i][0], m)
			c.SetState(moments[i][1], v)
			d := ops.Div(m, ops.Add(ops.Sqrt(v), ops.Scalar(v, 1e-8)))
			c.SetParam(params[i].Param, ops.Sub(c.Param(params[i].Param), ops.Mul(d, in[2])))
		}
		return []*ir.Value{l}
	})
}

func batch(rows int, dims ...int) []*tensor.Tensor {
	y := tensor.New(dtype.Int64, shape.Of(rows))
	for i := range rows {
		y.SetInt(i, int64(i%10))
	}
	return []*tensor.Tensor{random(1, append([]int{rows}, dims...)...), y, tensor.Scalar[float32](1e-3)}
}

// Weights are updated as their gradients appear: the gradients of a deep model
// are not all in memory together.
func TestGradientsGoEarly(t *testing.T) {
	const blocks, channels = 6, 64
	n := newConvNet(blocks, channels)
	f := adam(newStore(t, n), n.forward)
	in := batch(2, channels, 4, 4)
	must(t, f, in...)
	var types []ir.Type
	for _, x := range in {
		types = append(types, ir.Type{DType: x.DType(), Shape: x.Shape()})
	}
	p, err := f.Plan(types...)
	if err != nil {
		t.Fatal(err)
	}
	const weight = channels * channels * 9 * 4
	if p.ArenaBytes > 8*weight {
		t.Errorf("%d bytes of memory, %d gradients of %d bytes", p.ArenaBytes, 2*blocks, weight)
	}
}

// A step allocates nothing once it has run.
func TestNoAllocation(t *testing.T) {
	ctx := context.Background()
	m, n := newMLP(64, 100, 10), newConvNet(2, 8)
	sm, sn := newStore(t, m), newStore(t, n)
	for name, step := range map[string]struct {
		f  *exec.Func
		in []*tensor.Tensor
	}{
		"mlp":       {training(sm, m), batch(33, 64)},
		"mlp, adam": {adam(sm, m.forward), batch(33, 64)},
		"conv":      {adam(sn, n.forward), batch(9, 8, 12, 12)},
	} {
		t.Run(name, func(t *testing.T) {
			if raceEnabled {
				t.Skip("the race detector allocates")
			}
			must(t, step.f, step.in...)
			if n := testing.AllocsPerRun(20, func() {
				if _, err := step.f.Run(ctx, step.in...); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%v allocations a step", n)
			}
		})
	}
}

// recurrent is an LSTM cell, unrolled: a long chain whose gradient runs back
// all the way.
func recurrent(s *exec.Store, in, out *linear, steps int) *exec.Func {
	params := module.ParamList(s.Params())
	return exec.NewFunc(s, func(c *module.Ctx, args []*ir.Value) []*ir.Value {
		h, cell := args[0], args[0]
		n := h.Dim(1)
		for range steps {
			z := ops.Add(in.forward(c, args[0]), out.forward(c, h))
			gate := func(i int) *ir.Value { return ops.Narrow(z, 1, i*n, n) }
			cell = ops.Add(ops.Mul(ops.Sigmoid(gate(0)), cell), ops.Mul(ops.Sigmoid(gate(1)), ops.Tanh(gate(2))))
			h = ops.Mul(ops.Sigmoid(gate(3)), ops.Tanh(cell))
		}
		return grad.Of(ops.Sum(h), c.Params(params)...)
	})
}

// Tracing and compiling cost at most 20 microseconds a node, for wide graphs
// and for long ones.
func TestCompileTime(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector slows it down")
	}
	m := newConvNet(12, 4)
	conv := newStore(t, m)
	cell := &struct{ In, Out *linear }{newLinear(8, 32), newLinear(8, 32)}
	lstm := newStore(t, cell)
	for name, tc := range map[string]struct {
		f  func() *exec.Func
		in []ir.Type
	}{
		"conv": {func() *exec.Func { return adam(conv, m.forward) }, []ir.Type{{DType: f32, Shape: shape.Of(2, 4, 6, 6)}, {DType: dtype.Int64, Shape: shape.Of(2)}, {DType: f32}}},
		"lstm": {func() *exec.Func { return recurrent(lstm, cell.In, cell.Out, 100) }, []ir.Type{{DType: f32, Shape: shape.Of(4, 8)}}},
	} {
		t.Run(name, func(t *testing.T) {
			const limit = 20 * time.Microsecond
			each := time.Duration(1 << 62)
			nodes := 0
			for try := 0; try < 20 && (try < 3 || each > limit); try++ { // other work on the machine may slow one
				runtime.GC()
				plan, err := tc.f().Plan(tc.in...)
				if err != nil {
					t.Fatal(err)
				}
				nodes = plan.Nodes
				each = min(each, plan.CompileTime/time.Duration(nodes))
			}
			t.Logf("%d nodes, %v a node", nodes, each)
			if nodes < 1000 {
				t.Fatalf("a graph of %d nodes is too small to tell", nodes)
			}
			if each > limit {
				t.Errorf("%v a node, want at most %v", each, limit)
			}
		})
	}
}

// The memory that a plan tells is what the process takes, within 10 %.
func TestPlanTellsMemory(t *testing.T) {
	if _, ok := residentBytes(); !ok {
		t.Skip("this system does not tell resident memory")
	}
	if raceEnabled {
		t.Skip("the race detector has memory of its own")
	}
	debug.FreeOSMemory()
	before, _ := residentBytes()
	m := newMLP(1000, 4000, 3000)
	s := newStore(t, m, exec.Seed(1))
	f := adam(s, m.forward)
	in := batch(512, 1000)
	plan, err := f.Plan(ir.Type{DType: f32, Shape: in[0].Shape()}, ir.Type{DType: dtype.Int64, Shape: in[1].Shape()}, ir.Type{DType: f32})
	if err != nil {
		t.Fatal(err)
	}
	must(t, f, in...)
	debug.FreeOSMemory()
	after, _ := residentBytes()
	runtime.KeepAlive(in)
	inputs := int64(len(in[0].Bytes()))
	told, took := plan.ArenaBytes+plan.VariableBytes, after-before-inputs
	t.Logf("arena %d MB, variables %d MB: told %d MB, took %d MB", plan.ArenaBytes>>20, plan.VariableBytes>>20, told>>20, took>>20)
	if told < 200<<20 {
		t.Fatalf("%d bytes are too few to tell", told)
	}
	if took > told*11/10 || took < told*9/10 {
		t.Errorf("the plan tells %d MB, the process took %d MB", told>>20, took>>20)
	}
}
